"""Fetches an archive over HTTP: interrupted downloads go on where they stopped, and only a verified file gets its name.

While it is incomplete the file is called ``<name>.part``; ``<name>.part.etag`` beside it says which version of the
server's file it was begun from (empty where the server does not say). It may be torn: then it names no version of
that file, and the download starts over.
"""

import contextlib
import http.client
import os
import queue
import re
import shutil
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from pipeline.data.archive import Archive
from pipeline.errors import DataError, HostError
from pipeline.files import exists, lock, make_folder, reading, remove, sync_folder, writing

PATIENCE = 10.0
"""Seconds without an answer, or without a byte, after which the network counts as absent or stalled."""

_CHUNK = 1 << 18

_ETAG = re.compile(r'(W/)?"[!#-~]{0,1000}"')
"""A version as servers spell it (RFC 9110, section 8.8.3), in ASCII and of a length that they take back."""

Progress = Callable[[int, int], None]
"""Told (bytes on disk, bytes of the whole file) after every chunk."""


class NoNetworkError(HostError):
    """Nobody answers: no route, no name service, no reply in time."""


class _BrokenOffError(Exception):
    """The transfer ended early; what has come is kept."""


class _OutdatedError(Exception):
    """What has come is not a part of what the server offers now."""


def fetch(
    archive: Archive, folder: Path, url: str, *, progress: Progress | None = None, timeout: float = PATIENCE
) -> Path:
    """Download `archive` from `url` into `folder`, verify it, and return its path.

    Args:
        archive: what the file must be.
        folder: created where it is missing, and removed again where nobody answers.
        url: where the file is.
        progress: told how far the download is.
        timeout: seconds without a byte that are borne.

    Raises:
        NoNetworkError: nobody answers.
        HostError: the server refuses or the transfer breaks off (the next call resumes), or the folder refuses or is in
            use by another download.
        DataError: what the server offers is not the archive, or what came is not, and has been removed.
    """
    made = not exists(folder)
    try:
        with lock(make_folder(folder)):
            return _Download(archive, folder, url, progress or (lambda *_: None), timeout).run()
    except NoNetworkError:
        if made:
            shutil.rmtree(folder, ignore_errors=True)
        raise


class _Download:
    """One call of fetch."""

    def __init__(self, archive: Archive, folder: Path, url: str, progress: Progress, timeout: float) -> None:
        self.archive, self.url, self.progress, self.timeout = archive, url, progress, timeout
        self.path = folder / archive.name
        self.part = folder / f"{archive.name}.part"
        self.etag = folder / f"{archive.name}.part.etag"

    def run(self) -> Path:
        if self.size() > self.archive.size:
            self.forget()
        found, begun_anew = self.size(), False
        while (before := self.size()) < self.archive.size:
            try:
                self.request(before)
            except _OutdatedError as error:
                if before == 0:
                    raise HostError(f"{self.url} must be sent from its start, got another part") from error
                if begun_anew:  # servers that disagree, perhaps, and cut every answer: there is no end to that
                    raise HostError(f"{self.url} must stay the same file until it is here, got another") from error
                begun_anew = True
                self.forget()
            except (_BrokenOffError, NoNetworkError) as error:
                if isinstance(error, NoNetworkError) and self.size() == found:
                    raise
                if self.size() <= before:  # as long as bytes come, it is worth asking for the rest at once
                    done = f"{self.size():,} of {self.archive.size:,} bytes"
                    raise HostError(
                        f"{self.url} must arrive whole, got {done} ({error}); run again to resume"
                    ) from error
        try:
            self.archive.verify(self.part)
        except DataError:
            self.forget()
            raise
        with writing(self.path):
            self.part.replace(self.path)
            sync_folder(self.path.parent)
        self.forget()
        return self.path

    def size(self) -> int:
        with reading(self.part):
            return self.part.stat().st_size if exists(self.part) else 0

    def forget(self) -> None:
        remove(self.part)
        remove(self.etag)

    def begun_from(self) -> str:
        """Return which version of the server's file the part is of; "" where that is not known."""
        with reading(self.etag):
            version = self.etag.read_text("ascii", errors="replace") if exists(self.etag) else ""
        return version if _ETAG.fullmatch(version) else ""

    def request(self, offset: int) -> None:
        """Ask for the bytes from `offset` on, and keep what comes."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        if offset and (version := self.begun_from()):
            headers["If-Range"] = version
        with contextlib.closing(self.answer(headers)) as response:
            self.check(response, offset)
            with writing(self.part):
                self.store(response, offset if response.status == HTTPStatus.PARTIAL_CONTENT else 0)

    def answer(self, headers: dict[str, str]) -> http.client.HTTPResponse:
        """Return the server's answer; awaited in a thread, because looking up a name knows no timeout."""
        answers: queue.SimpleQueue[http.client.HTTPResponse | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                request = urllib.request.Request(self.url, headers=headers)  # noqa: S310 - the address is not a user's
                answers.put(urllib.request.urlopen(request, timeout=self.timeout))  # noqa: S310
            except Exception as error:
                answers.put(error)

        threading.Thread(target=ask, daemon=True).start()
        try:
            answer = answers.get(timeout=self.timeout)
        except queue.Empty:
            raise NoNetworkError(f"{self.url} must answer within {self.timeout:g} s, got no answer") from None
        if isinstance(answer, Exception):
            raise self.explained(answer) from answer
        return answer

    def explained(self, error: Exception) -> Exception:
        """Return what an error of urllib means here."""
        if isinstance(error, urllib.error.HTTPError):
            error.close()
            if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return _OutdatedError()
            return HostError(f"{self.url} must be served, got {error.code} {_line(error.reason)}")
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLError):
            return HostError(f"{self.url} must have a valid certificate, got {reason}")
        if isinstance(error, OSError | http.client.HTTPException):
            return NoNetworkError(f"{self.url} must be reachable, got {_line(reason)}")
        if isinstance(error, ValueError):
            return HostError(f"{self.url} must lead to an address, got {error}")
        return error

    def check(self, response: http.client.HTTPResponse, offset: int) -> None:
        """Refuse an answer whose headers show that it is not (the rest of) the archive."""
        if response.headers.get_content_type() == "text/html":
            raise HostError(f"{self.url} must be served as an archive, got a web page (a login page of the network?)")
        if response.status == HTTPStatus.PARTIAL_CONTENT:
            rest = f"bytes {offset}-{self.archive.size - 1}/{self.archive.size}"
            if response.headers["Content-Range"] != rest or _version(response) != self.begun_from():
                raise _OutdatedError
        elif (length := response.headers["Content-Length"]) not in (None, str(self.archive.size)):
            raise DataError(f"{self.url} must be {self.archive.size:,} bytes long, got {length}")

    def store(self, response: http.client.HTTPResponse, done: int) -> None:
        """Write what comes after the first `done` bytes of the part file."""
        with self.part.open("ab" if done else "wb") as file:
            if not done:
                self.etag.write_text(_version(response))
            while chunk := self.next_chunk(response):
                done += file.write(chunk)
                if done > self.archive.size:
                    self.forget()
                    raise DataError(f"{self.url} must be {self.archive.size:,} bytes long, got more")
                self.progress(done, self.archive.size)
            file.flush()
            os.fsync(file.fileno())
        if done < self.archive.size:
            raise _BrokenOffError("the connection was closed")

    def next_chunk(self, response: http.client.HTTPResponse) -> bytes:
        try:
            return response.read1(_CHUNK)
        except TimeoutError as error:
            raise _BrokenOffError(f"nothing came for {self.timeout:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise _BrokenOffError(str(error)) from error


def _line(reason: object) -> str:
    """Return what urllib or a server says, in one line."""
    return " ".join(str(reason).split())


def _version(response: http.client.HTTPResponse) -> str:
    """Return which version of the file a server says that it sends; "" where it does not say."""
    version = str(response.headers.get("ETag", ""))
    return version if _ETAG.fullmatch(version) else ""
