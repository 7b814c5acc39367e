"""Downloads from a server that cuts, stalls and lies, of parts that are not what they seem, by killed processes.

Whatever happened, the next call resumes or starts over; and only the verified file ever gets the archive's name.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from case import Case, Setting
from cifar_files import describe
from pickles import limited, unlike_a_line
from server import CONTENT, CUT, Server, cut, nothing, running, serve, stall, start, status

from pipeline.data.download import fetch
from pipeline.errors import DataError, HostError

ROOT = Path(__file__).resolve().parents[2]
NAME = "toy.tar.gz"
ARCHIVE = describe(NAME, CONTENT)
OTHER = CONTENT[::-1]
PATIENCE, CALLS, LIMIT = 0.5, 4, 30
"""Seconds without a byte, calls until the file must be here, and seconds that all of them may take."""

Answer = Callable[[Server, BaseHTTPRequestHandler], object]


@dataclass(frozen=True)
class Trouble:
    """What a server does before it behaves, and what lies in the folder before the first call."""

    answers: Sequence[Answer]
    files: dict[str, bytes] = field(default_factory=dict)
    options: dict[str, object] = field(default_factory=dict)


def lying(**changes: object) -> Answer:
    """Return a proper answer but for some of its headers."""
    return lambda server, handler: handler.wfile.write(start(server, handler, **changes))


def saying(content: bytes) -> Answer:
    """Return these bytes and nothing else."""

    def answer(_: Server, handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(content)
        handler.close_connection = True

    return answer


def chunks(content: bytes) -> Answer:
    return saying(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: "one"\r\n\r\n' + content)


def cut_at(size: int) -> Answer:
    return lambda server, handler: handler.wfile.write(start(server, handler)[:size])


def sending(content: bytes, **changes: object) -> Answer:
    """Return the headers of a proper answer, and then other bytes."""

    def answer(server: Server, handler: BaseHTTPRequestHandler) -> None:
        start(server, handler, **changes)
        handler.wfile.write(content)

    return answer


def changed(server: Server, handler: BaseHTTPRequestHandler) -> None:
    """Serve the file in a new version."""
    server.etag = '"two"'
    serve(server, handler)


def disagreeing(server: Server, handler: BaseHTTPRequestHandler) -> None:
    """Serve a part of another version than was asked for, and cut it."""
    etag = f'"{len(server.asked)}"' if handler.headers["Range"] else server.etag
    server.etag = handler.headers["If-Range"] or server.etag
    handler.wfile.write(start(server, handler, ETag=etag)[:CUT])


PART, VERSION = f"{NAME}.part", f"{NAME}.part.etag"
PAGE = b"<!DOCTYPE html><title>Sign in</title>"

TROUBLES = {
    **{f"cut after {size:,} bytes": Trouble([cut_at(size)]) for size in (1, CUT, len(CONTENT) - 1)},
    "cut before the first byte": Trouble([nothing, nothing]),
    "cut again and again": Trouble([cut_at(100_000)] * 8),
    "stalled": Trouble([stall]),
    "stalled, and the rest too": Trouble([stall, nothing]),
    **{f"answered {code}": Trouble([status(code)]) for code in (400, 401, 403, 404, 410, 416, 429, 500, 503)},
    **{f"answered {code} in the middle": Trouble([cut, status(code)]) for code in (404, 416, 503)},
    "range ignored": Trouble([cut], options={"ranges": False}),
    "range ignored and cut again": Trouble([cut, cut_at(CUT + 1)], options={"ranges": False}),
    **{
        f"a length of {length}": Trouble([lying(Content_Length=length)])
        for length in (len(CONTENT) - 1, len(CONTENT) + 1, 0, -1, "many", 10**30)
    },
    "no length": Trouble([lying(Content_Length=None)]),
    "no length, cut": Trouble([sending(CONTENT[:CUT], Content_Length=None)]),
    "no length, too much": Trouble([sending(CONTENT + b"!", Content_Length=None)]),
    "no length, far too much": Trouble([sending(20 * CONTENT, Content_Length=None)]),
    "too much after the length": Trouble([sending(CONTENT + b"!")]),
    "a web page": Trouble([sending(PAGE, Content_Type="text/html; charset=utf-8", Content_Length=len(PAGE))]),
    "a web page of the right length": Trouble([sending(PAGE.ljust(len(CONTENT)))]),
    "a web page for the rest": Trouble([cut, sending(PAGE, Content_Type="text/html")]),
    "a web page for the rest, of the right length": Trouble([cut, sending(PAGE.ljust(len(CONTENT) - CUT))]),
    "zeros": Trouble([sending(bytes(len(CONTENT)))]),
    "a new version for the rest": Trouble([cut, changed]),
    "a new version at the next call": Trouble([cut, nothing, changed]),
    "a new version under the old name": Trouble([cut, sending(OTHER[CUT:])]),
    "no name of the version": Trouble([cut], options={"etag": None}),
    "another version for ever": Trouble([disagreeing] * 6),
    "a weak version": Trouble([cut], options={"etag": 'W/"one"'}),
    "a version that is no ASCII": Trouble([cut], options={"etag": '"\xe9"'}),
    "a version of 5,000 letters": Trouble([cut], options={"etag": f'"{"x" * 5000}"'}),
    **{
        f"the range {text!r}": Trouble([cut, lying(Content_Range=text)])
        for text in ("", "bytes */*", f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}", f"bytes {CUT}-{len(CONTENT) - 1}/*")
    },
    "a part that nobody asked for": Trouble([saying(b"HTTP/1.0 206 OK\r\nContent-Range: bytes 5-9/10\r\n\r\nabcde")]),
    "no content": Trouble([saying(b"HTTP/1.0 204 No Content\r\n\r\n")]),
    "no answer": Trouble([saying(b"")]),
    "no HTTP": Trouble([saying(b"SSH-2.0-OpenSSH_9.0\r\n\r\n")]),
    "a status line without an end": Trouble([saying(b"HTTP/1.0 200 " + b"a" * 70_000)]),
    "two hundred headers": Trouble([saying(b"HTTP/1.0 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n")]),
    **{
        f"sent to {place}": Trouble([saying(f"HTTP/1.0 302 Found\r\nLocation: {place}\r\n\r\n".encode())])
        for place in ("file:///etc/passwd", "http://[::1", "gopher://x", "http://a b/", "http://127.0.0.1:1/")
    },
    "sent in a circle": Trouble([saying(b"HTTP/1.0 302 Found\r\nLocation: /toy.tar.gz\r\n\r\n")] * 12),
    **{
        f"chunks {text!r}": Trouble([chunks(text)])
        for text in (b"zz\r\nabc", b"-5\r\nabc", b"f" * 20 + b"\r\nabc", b"5\r\nabcde", b"0\r\n\r\n")
    },
    "a part that is whole": Trouble([], {PART: CONTENT}),
    "a part that is empty": Trouble([], {PART: b"", VERSION: b'"one"'}),
    "a part of nobody knows what": Trouble([], {PART: CONTENT[:CUT]}),
    "a part of this version": Trouble([], {PART: CONTENT[:CUT], VERSION: b'"one"'}),
    "a part of another version": Trouble([], {PART: OTHER[:CUT], VERSION: b'"zero"'}),
    "a part of another file under this version": Trouble([], {PART: OTHER[:CUT], VERSION: b'"one"'}),
    "a part that is too long": Trouble([], {PART: CONTENT + b"!", VERSION: b'"one"'}),
    "another file of the right length": Trouble([], {PART: OTHER, VERSION: b'"one"'}),
    "a version without its part": Trouble([], {VERSION: b'"one"'}),
    **{
        f"a torn version {text!r}": Trouble([], {PART: CONTENT[:CUT], VERSION: text})
        for text in (b"", b'"on', b"\xff\xfe", b'"a"\r\nRange: bytes=0-1', b'"' + b"x" * 70_000 + b'"', '"€"'.encode())
    },
}


DOWNLOADER = """
import sys
sys.path[:0] = sys.argv[3:]
from pathlib import Path
from downloads import ARCHIVE, fetch
fetch(ARCHIVE, Path(sys.argv[1]), sys.argv[2], progress=lambda done, _: print(done, flush=True), timeout=60)
"""


def downloads(setting: Setting) -> Iterator[Case]:
    """Yield a case per trouble, per random series of cuts, and per killed process."""
    os.environ["no_proxy"] = "127.0.0.1"
    rng = random.Random(setting.seed)
    series = {
        f"random cuts {number}": Trouble([cut_at(rng.randrange(len(CONTENT))) for _ in range(rng.randrange(1, 6))])
        for number in range(5 if setting.quick else 40)
    }
    for number, (name, trouble) in list(enumerate((TROUBLES | series).items()))[:: 4 if setting.quick else 1]:
        wrong = trouble_with(trouble, setting.folder / f"download{number}")
        yield Case("download interrupted or lied to", wrong=int(bool(wrong)), note=f"{name}: {wrong}" * bool(wrong))
    for number in range(1 if setting.quick else 10):
        size = rng.randrange(1, len(CONTENT))
        wrong, _ = killed(size, setting.folder / f"killed{number}")
        note = f"killed at {size:,} bytes: {wrong}" * bool(wrong)
        yield Case("download killed", wrong=int(bool(wrong)), note=note)


def trouble_with(trouble: Trouble, folder: Path) -> str:
    """Return what is wrong with how downloads end where a server gives `trouble`."""
    folder.mkdir(parents=True)
    for name, content in trouble.files.items():
        (folder / name).write_bytes(content)
    with running(*trouble.answers, **trouble.options) as server:
        try:
            with limited(LIMIT):
                return until_here(server, folder)
        except BaseException as error:  # whatever it is, it must be counted, not end the count
            return f"{type(error).__name__}: {error}"[:200]


def until_here(server: Server, folder: Path, patience: float = PATIENCE) -> str:
    """Call `fetch` until the file is here; return what was wrong on the way."""
    for _ in range(CALLS):
        try:
            path = fetch(ARCHIVE, folder, server.url, timeout=patience)
        except (HostError, DataError) as error:
            if wrong := unlike_a_line(str(error)):
                return wrong
            if (folder / NAME).exists():
                return "what was refused got the archive's name"
            continue
        if path != folder / NAME or path.read_bytes() != CONTENT:
            return "another file got the archive's name"
        left = sorted(file.name for file in folder.iterdir() if file != path and file.name != ".lock")
        return f"left behind: {left}" if left else ""
    return f"not here after {CALLS} calls"


def killed(size: int, folder: Path) -> tuple[str, float]:
    """Kill a process that has downloaded so many bytes; return what was wrong, and the seconds until it was here."""
    folder.mkdir(parents=True)

    def stalled(server: Server, handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(start(server, handler)[:size])
        handler.wfile.flush()
        server.release.wait()

    places = [str(ROOT), *(str(ROOT / "tests" / name) for name in ("data", "faults"))]
    with running(stalled) as server:
        command = [sys.executable, "-c", DOWNLOADER, str(folder), server.url, *places]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            while line := process.stdout.readline():  # how many bytes have come
                if int(line) == size:
                    process.send_signal(signal.SIGKILL)
                    break
        if process.returncode != -signal.SIGKILL:
            return f"the process ended with {process.returncode} before it was killed", 0.0
        if (folder / NAME).exists():
            return "an unverified file has the archive's name", 0.0
        kept = (folder / PART).stat().st_size
        begun = time.monotonic()
        wrong = until_here(server, folder, patience=LIMIT)
        seconds = time.monotonic() - begun
        if not wrong and server.asked[1:] != [(f"bytes={kept}-", '"one"') if kept else (None, None)]:
            wrong = f"not resumed, but asked for {server.asked[1:]}"
        return wrong, seconds
