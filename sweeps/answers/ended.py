"""What every sweep says first on the screen: whether anything ran, and what failed."""

from typing import Any

from rich.console import Console

from pipeline.records import Status, TrialRecord
from sweeps.question import Answer, Finished


def say_what_ran(answer: Answer[Any, Any], finished: Finished, console: Console) -> list[TrialRecord]:
    """Say whether there was anything to run, and how many trials failed; return these."""
    if not finished.computed:
        console.print("all trials are present; nothing to run")
    failed = [record for record in answer.records if record.status is Status.FAILED]
    if failed:
        console.print(f"{len(failed)} trials failed; the same command with RETRY=failed trains them again")
    return failed
