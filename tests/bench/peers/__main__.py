"""One contestant in a process of its own: `python -m peers <name> <job.json> <answer.json> <launched>`."""

import json
import sys
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path

from peers import CONTESTANTS, Contestant
from peers.clock import Clock
from peers.job import Job


@dataclass(frozen=True)
class Answer:
    """What became of a turn: status is ok, missing (the peer is not installed) or failed, and why in one line."""

    status: str
    reason: str = ""
    wall: float = 0.0
    cpu: float = 0.0
    start_up: float = 0.0
    accuracies: list[tuple[float, float]] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)


def turn(contestant: Contestant, job: Job, launched: float) -> Answer:
    """Let a contestant race, and return what came of it, whatever it did."""
    clock = Clock(launched)
    try:
        accuracies = contestant.load()(job, clock)
        versions = {name: metadata.version(name) for name in contestant.packages}
    except ModuleNotFoundError as error:
        known = (error.name or "").startswith(("peers", "pipeline"))
        return Answer("failed" if known else "missing", one_line(error))
    except Exception as error:
        return Answer("failed", one_line(error))
    if len(accuracies) != len(job.lambdas):
        return Answer("failed", f"every lambda must have its accuracy, got {len(accuracies)} of {len(job.lambdas)}")
    return Answer("ok", "", clock.wall, clock.cpu, clock.start_up, accuracies, versions)


def one_line(error: BaseException) -> str:
    """Return the type and the first line of an error."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def main() -> None:
    """Race and write the answer."""
    name, job, answer, launched = sys.argv[1:]
    Path(answer).write_text(json.dumps(asdict(turn(CONTESTANTS[name], Job.read(Path(job)), float(launched)))))


if __name__ == "__main__":
    main()
