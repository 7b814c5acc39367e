"""Commands that begin with everything imported: forked from a process that has imported it once.

Three quarters of what a tiny sweep costs are imports. A command that is forked runs the same code from its first line
on, `sweeps.__main__.command`, in a session, an environment and streams of its own. Where it is the imports that a fault
may come into, commands are started in the usual way.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

LOOK = 0.002
"""Seconds between two looks for an exit code."""
IMPORTED = (
    "alembic.command",
    "joblib",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "optuna.importance",
    "optuna.storages",
    "pipeline.run.worker",
    "scipy.stats",
    "sqlalchemy.orm",
    "sweeps.__main__",
    "sweeps.answers.lambda_results",
    "sweeps.answers.lambda_sections",
    "sweeps.cli",
    "sweeps.experiments",
    "sweeps.lambda_search",
    "sweeps.report",
    "sweeps.session",
    "typeguard",
    "typst",
)
"""What a search and a report import, the libraries of what they import late among it."""


class Forked:
    """A process of the nursery, as far as Popen's interface is needed."""

    def __init__(self, told: Path, nursery: subprocess.Popen[str]) -> None:
        self.told = told
        while not (born := _read(told.with_suffix(".pid"))):
            if nursery.poll() is not None:
                raise RuntimeError(f"the process that forks must be there, got its exit code {nursery.returncode}")
            time.sleep(LOOK)
        self.pid = int(born)

    def poll(self) -> int | None:
        """Return the exit code, as Popen gives it, or None while it runs."""
        code = _read(self.told)
        return int(code) if code else None

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code, once it has ended."""
        end = time.monotonic() + (timeout or float("inf"))
        while (code := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("a forked command", timeout or 0)
            time.sleep(LOOK)
        return code


class Nursery:
    """The process that forks, started when it is first asked."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None

    def fork(
        self, arguments: Sequence[str], environment: Mapping[str, str], out: Path, err: Path, told: Path
    ) -> Forked:
        """Fork a command in the folder of `told`, beside which its pid and exit code are written."""
        request = {"arguments": list(arguments), "environment": dict(environment), "folder": str(told.parent)}
        request |= {"out": str(out), "err": str(err), "told": str(told)}
        if self.process is None:
            idle = {**environment, "FAULTS_LOG": os.devnull, "FAULTS_PLACE": "", "FAULTS_START": ""}
            idle |= {"OPENBLAS_NUM_THREADS": "1"}  # the others would spin
            idle.pop("FAULTS_EVIL", None)
            command = [sys.executable, __file__]
            self.process = subprocess.Popen(
                command, env=idle, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
            )
        assert self.process.stdin is not None
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return Forked(told, self.process)


NURSERY = Nursery()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _write(path: str, text: str) -> None:
    Path(f"{path}.new").write_text(text)
    Path(f"{path}.new").replace(path)


def _serve() -> None:
    """Fork what is asked for, line by line: a monitor, and from it the command."""
    for name in IMPORTED:
        __import__(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        request = json.loads(line)
        if os.fork():
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        command = os.fork()
        if command:
            _write(str(Path(request["told"]).with_suffix(".pid")), str(command))
            _, status = os.waitpid(command, 0)
            with suppress(FileNotFoundError):  # everything has been removed meanwhile
                _write(request["told"], str(os.waitstatus_to_exitcode(status)))
            os._exit(0)
        _become(request)


def _become(request: Mapping[str, object]) -> None:
    """Be the command."""
    os.setsid()
    os.chdir(str(request["folder"]))
    for descriptor, (path, flags) in enumerate(
        [
            (os.devnull, os.O_RDONLY),
            (str(request["out"]), os.O_WRONLY | os.O_APPEND | os.O_CREAT),
            (str(request["err"]), os.O_WRONLY | os.O_APPEND | os.O_CREAT),
        ]
    ):
        opened = os.open(path, flags)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.environ.clear()
    os.environ.update(request["environment"])  # type: ignore[call-overload]
    if "FAULTS_EVIL" in os.environ:
        worker = sys.modules["pipeline.run.worker"]
        exec(Path(os.environ["FAULTS_EVIL"]).read_text(), {"worker": worker})  # noqa: S102 - as the hook does
    tempfile.tempdir = None  # is another one in this environment
    sys.argv = ["sweeps", *request["arguments"]]  # type: ignore[misc]
    sys.modules["sweeps.__main__"].command()


if __name__ == "__main__":
    _serve()
