"""Mutants: copies of the package with a mistake each, in which the tests of the core run.

A mutation is an exact substitution in one file. It is applied to a temporary copy of the package, and the tests of the
core run there, in a process of their own. Old text that is no longer found exactly once is an error: whoever changes
such a line says what its mistake would look like now.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def _files(pattern: str) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests").glob(pattern))


TESTS = (
    *(f"tests/{name}.py" for name in ("test_train_oracle", "test_train", "test_train_dropout", "test_evaluate")),
    *_files("core/test_*.py"),
    *_files("contracts/*_contract.py"),  # those of the core's tables
    "tests/data/test_rows.py",
)
"""The oracle, which notices most, comes first."""

HELPERS = ("tests/reference.py", "tests/small.py", "tests/core/cs231n.py", "pyproject.toml", "pipeline")


@dataclass(frozen=True)
class Mutation:
    """A mistake that student versions of this code make, or that a tired maintainer could."""

    mistake: str
    file: str
    old: str
    new: str

    def apply(self, copy: Path) -> None:
        """Make the mistake in a copy of the repository."""
        path = copy / "pipeline" / self.file
        source = path.read_text()
        if source.count(self.old) != 1:
            raise ValueError(f"{self.mistake}: must find once in {self.file}, got {source.count(self.old)}: {self.old}")
        mutant = source.replace(self.old, self.new)
        compile(mutant, path, "exec")  # what cannot be read tests nothing
        path.write_text(mutant)
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
            compiled.unlink()


def copy_to(target: Path) -> None:
    """Copy what the tests of the core need."""
    for name in (*TESTS, *HELPERS):
        source = ROOT / name
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target / name)


def run_tests(copy: Path, mutated: str = "") -> "subprocess.CompletedProcess[str]":
    """Run the tests in `copy` until one fails, first those of the file that was mutated.

    `python -m` finds the package there before any installed one.
    """
    own = str(Path("tests", mutated).with_name(f"test_{Path(mutated).name}"))
    tests = sorted(TESTS, key=lambda name: name != own)
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", *tests]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    environment["OPENBLAS_NUM_THREADS"] = "1"
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
