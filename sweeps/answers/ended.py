"""What a sweep leaves and says when it has ended: what it found, whether anything ran, and what failed."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from rich.console import Console

from pipeline.files import write_text
from pipeline.records import Status, TrialRecord
from sweeps.folders import FINDINGS
from sweeps.question import Answer, Finished


def write_findings(finished: Finished, sentences: Iterable[str]) -> str:
    """Write what was found, a line each, and return these lines."""
    lines = "".join(f"- {sentence}\n" for sentence in sentences)
    write_text(finished.folder / FINDINGS, lines)
    return lines


def say_what_ran(answer: Answer[Any, Any], finished: Finished, console: Console) -> list[TrialRecord]:
    """Say whether there was anything to run, and how many trials failed; return these."""
    if not finished.computed:
        console.print("all trials are present; nothing to run")
    failed = [record for record in answer.records if record.status is Status.FAILED]
    if failed:
        [(reason, _)] = Counter(record.reason for record in failed).most_common(1)
        retry = "the same command with RETRY=failed trains them again"
        console.print(f"{len(failed)} trials failed; {retry} (reason, of most: {reason})")
    return failed
