"""The whole assignment: the gradient check and every sweep it asks for, one after the other, then the report."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from sweeps import SWEEPS
from sweeps.cli import Entry, Options

PARTS = ("gradient-check", "lambda", "depth", "init-sensitivity", "report")
"""In the order in which they run."""


@dataclass(frozen=True)
class Assignment:
    """Check the gradients, run the lambda, depth and init-sensitivity sweeps, then write the report."""

    @classmethod
    def at_scale(cls, scale: str) -> Self:
        """Return the same at any scale; every part has its own defaults there."""
        return cls()


def execute(_config: Assignment, options: Options) -> None:
    """Run every part of the assignment: see `run_parts`."""
    run_parts(PARTS, options)


def run_parts(parts: Sequence[str], options: Options) -> None:
    """Run every part with the options that it has a use for; in a preview, those that have one.

    Raises:
        PipelineError: a part did; those after it do not run.
    """
    from sweeps.source import load  # noqa: PLC0415  (pandas, which --help can spare)
    from sweeps.terminal import terminal  # noqa: PLC0415  (pandas, which --help can spare)

    if not options.plan:  # one data set for all parts, refused here or not at all
        found = load(options, terminal()).folder_name  # and no more, so that the parts have the memory of its rows
        options = replace(options, dataset=options.dataset or found)
    for name in parts:
        entry = SWEEPS[name]
        print(f"\n{name}: {entry.summary}", flush=True)
        if options.plan and "plan" in entry.unused:
            print("takes seconds and trains nothing; left out of a plan")
        else:
            entry.execute(entry.configuration.at_scale(options.scale), useful(entry, options))


ENTRY = Entry(Assignment, execute)


def useful(entry: Entry, options: Options) -> Options:
    """Return `options` with those at their defaults that `entry` refuses."""
    defaults: dict[str, Any] = {field: getattr(Options(), field) for field in entry.unused}
    return replace(options, **defaults)
