"""The make line that repeats a command."""

import shlex
from collections.abc import Iterable

from sweeps.cli import Options

TARGETS = ("gradient-check", "init-sensitivity", "report", "assignment", "experiments", "data")
"""Entries with a make target of their name; that of every other one is sweep-<name>."""


def command(name: str, options: Options, flags: Iterable[str] = (), *, here: bool = False) -> str:
    """Return the make line that runs a sweep with what decides its results: these options, and `flags` of its own.

    Where results lie and how many workers there are is left out, as that is another machine's; where the data lie too,
    unless the line is to be typed `here`.
    """
    default = Options()
    variables = {
        "DATASET": options.dataset,
        "DATA_DIR": options.data_dir if here else None,
        "SCALE": options.scale if options.scale != default.scale else None,
        "RUN": options.run,
        "SEED": options.seed if options.seed != default.seed else None,
        "PACK_WIDTH": options.pack_width,
        "ARGS": shlex.join(flags) or None,
    }
    # make reads $ before the shell of its recipe does
    given = {key: shlex.quote(str(value).replace("$", "$$")) for key, value in variables.items() if value is not None}
    target = name if name in TARGETS else f"sweep-{name}"
    return " ".join(["make", target, *(f"{key}={value}" for key, value in given.items())])
