"""The real command, started as a user would, in a folder of its own, watched from outside."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from nursery import NURSERY, Forked

HOOK = Path(__file__).resolve().parent / "hook"
PATIENCE = 120.0
"""Seconds after which a command counts as hung."""
LOOK = 0.001
"""Seconds between two looks at a command."""
TO_DIE = 2.0
"""Seconds that the processes of a command may outlive it."""


@dataclass
class Start:
    """A process of the command and what it has said, told and left so far."""

    number: int
    process: subprocess.Popen[bytes] | Forked
    place: "Place"
    began: float

    @property
    def out(self) -> str:
        return self.place.said(self.number, "out").read_text(errors="replace")

    @property
    def err(self) -> str:
        return self.place.said(self.number, "err").read_text(errors="replace")

    @property
    def log(self) -> list[dict[str, Any]]:
        """What its processes told of their work."""
        return [line for line in self.place.log() if line["start"] == str(self.number)]

    def workers(self) -> list[int]:
        """Return the pids of its loky workers."""
        return [pid for pid in self.family() if pid != self.process.pid and b"loky.backend.popen_loky" in _cmdline(pid)]

    def family(self) -> list[int]:
        """Return the pids of all its processes that are alive, wherever they hang by now."""
        marks = f"FAULTS_PLACE={self.place.folder}\0".encode(), f"FAULTS_START={self.number}\0".encode()
        return [pid for pid in _pids() if all(mark in _environ(pid) for mark in marks) and _is_alive(pid)]

    def handles_sigterm(self) -> bool:
        """Whether the command has begun with its own first lines; before, there is only Python."""
        caught = re.search(rb"^SigCgt:\s*([0-9a-f]+)$", _read(self.process.pid, "status"), re.MULTILINE)
        return caught is not None and bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)

    def until(self, happens: Callable[[], Any]) -> bool:
        """Wait until something happens; return whether it did before the command ended."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            if happens():
                return True
            if time.monotonic() > end:
                self.kill()
                raise TimeoutError(f"{self.place.folder}: start {self.number} hung")
            time.sleep(LOOK)
        return False

    def wait(self, seconds: float = PATIENCE) -> int:
        """Return the exit code, as a shell gives it; a command that hangs is killed and reported."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError(f"{self.place.folder}: start {self.number} hung") from None
        return 128 - code if code < 0 else code

    def signal(self, number: int, *, all_of_them: bool = False) -> None:
        """Send a signal to the command, or as a terminal does, to all of its group."""
        with suppress(ProcessLookupError):
            (os.killpg if all_of_them else os.kill)(self.process.pid, number)

    def kill(self) -> None:
        """Kill driver and workers."""
        self.signal(signal.SIGKILL, all_of_them=True)
        self.process.wait()

    def orphans(self) -> int:
        """Return how many processes outlive the ended command by more than they may; they are killed."""
        end = time.monotonic() + TO_DIE
        while (left := self.family()) and time.monotonic() < end:
            time.sleep(0.02)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        return len(left)

    def traceback(self) -> bool:
        return "Traceback (most recent call last)" in self.err + self.out

    def first_work(self) -> float | None:
        """Return the seconds from its start to the first pack that it began, if there was one."""
        begun = [line["time"] for line in self.log if line["event"] == "begin"]
        return min(begun) - self.began if begun else None


@dataclass(frozen=True)
class Place:
    """A folder of one case: the results, the temporary files, what was said and told."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in (self.artifacts, self.temporary):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    def leftovers(self) -> list[str]:
        """Return the unfinished files that are still there."""
        return [str(path.relative_to(self.folder)) for path in self.artifacts.rglob(".*.tmp")]

    def said(self, start: int, stream: str) -> Path:
        return self.folder / f"{stream}-{start}.txt"

    @cached_property
    def starts(self) -> list[Start]:
        return []

    def log(self) -> list[dict[str, Any]]:
        path = self.folder / "log.jsonl"
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.splitlines() if line.endswith("}")]

    def start(
        self, *arguments: str, warm: bool = False, prefix: Sequence[str] = (), evil: str = "", **popen: Any
    ) -> Start:
        """Start ``python -m sweeps`` with its results in this place.

        Args:
            arguments: the sweep and its flags.
            warm: whether it may begin with everything imported; nothing but `evil` is for such a one.
            prefix: a command that runs it, such as strace and its flags.
            evil: Python for the hook, see there.
            popen: more for Popen.
        """
        number = len(self.starts)
        place = {
            "FAULTS_PLACE": str(self.folder),
            "FAULTS_START": str(number),
            "FAULTS_LOG": str(self.folder / "log.jsonl"),
        }
        if evil:
            file = self.folder / f"evil-{number}.py"
            file.write_text(evil)
            place["FAULTS_EVIL"] = str(file)
        path = os.pathsep.join([str(HOOK), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = os.environ | place | {"TMPDIR": str(self.temporary), "PYTHONPATH": path} | self.environment
        words, began = [*arguments, "--artifacts", str(self.artifacts)], time.time()
        out, err = self.said(number, "out"), self.said(number, "err")
        out.touch()
        err.touch()
        process: subprocess.Popen[bytes] | Forked
        if warm:
            process = NURSERY.fork(words, environment, out, err, self.folder / f"exit-{number}.txt")
        else:
            line = [*prefix, sys.executable, "-m", "sweeps", *words]
            with out.open("ab") as stdout, err.open("ab") as stderr:
                streams = {"stdin": subprocess.DEVNULL, "stdout": stdout, "stderr": stderr, "cwd": self.folder}
                process = subprocess.Popen(line, env=environment, start_new_session=True, **(streams | popen))
        start = Start(number, process, self, began)
        self.starts.append(start)
        return start

    def finish(self, *arguments: str, **how: Any) -> Start:
        """Start the command and wait for its end."""
        start = self.start(*arguments, **how)
        start.wait()
        return start


def _pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]  # noqa: PTH208 - thousands of times


def _read(pid: int, what: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


def _environ(pid: int) -> bytes:
    return _read(pid, "environ")


def _cmdline(pid: int) -> bytes:
    return _read(pid, "cmdline")


def _is_alive(pid: int) -> bool:
    """Whether a process is more than an entry that nobody has asked for."""
    return _read(pid, "stat").rpartition(b") ")[2][:1] not in (b"Z", b"X", b"")
