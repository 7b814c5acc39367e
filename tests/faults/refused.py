"""What `python -m sweeps` must refuse: the table of refused.txt, where it is typed, and what a refusal may leave."""

import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TABLE = Path(__file__).with_name("refused.txt")
ANYTHING = "…"


@dataclass(frozen=True)
class Refusal:
    """A command line, and the one line on stderr that answers it."""

    line: str
    said: str

    @property
    def words(self) -> list[str]:
        return [word.replace("\\n", "\n") for word in shlex.split(self.line)]

    def wrong(self, code: int, err: str, out: str = "") -> str:
        """Return what is not as it must be of an exit code and what was said on stderr and stdout; nothing if all is.

        Of stdout only a traceback would be wrong: a preview may say first that a data set is not here.
        """
        start, *rest = self.said.split(ANYTHING)
        line = err.removesuffix("\n")
        if code != 2:
            return f"exit code {code}"
        if not err.endswith("\n") or len(line.splitlines()) != 1 or "Traceback" in err + out:
            return f"not one line: {err!r}"
        if not line.startswith(f"error: {start}") or not all(part in line for part in rest):
            return f"another line: {line}"
        return "" if not rest or line.endswith(rest[-1]) else f"another end: {line}"


def refusals() -> list[Refusal]:
    """Return the rows of the table."""
    lines = [line for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    return [Refusal(line, said.removeprefix("    ")) for line, said in zip(lines[::2], lines[1::2], strict=True)]


def furnish(folder: Path) -> Path:
    """Write what the command lines of the table name, and return the folder, where they are typed."""
    folder.mkdir(parents=True, exist_ok=True)
    rows(folder / "tiny.npz")
    (folder / "folder.npz").mkdir()
    (folder / "others").mkdir()
    (folder / "others" / "holiday.jpg").write_bytes(b"a beach")
    return folder


def rows(path: Path, shape: tuple[int, ...] = (6,), count: int = 200) -> None:
    """Write a data set of `count` rows of a `shape`, in three classes that are a little apart."""
    labels = np.arange(count) % 3
    values = np.random.default_rng(5).standard_normal((count, *shape)) + labels.reshape(-1, *[1] * len(shape))
    np.savez(path, x_train=values, y_train=labels)


def earlier_results(folder: Path) -> None:
    """Leave something in the folder of the results, as an earlier run would."""
    run = folder / "artifacts" / "lambda" / "digits"
    run.mkdir(parents=True)
    (run / "trials.csv").write_text("stage,number\n")


def forget_results(folder: Path) -> None:
    shutil.rmtree(folder / "artifacts", ignore_errors=True)


def photograph(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return every path below `folder`, with the time of its last change and what it holds."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in [folder, *folder.rglob("*")]
    }
