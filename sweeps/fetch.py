"""Find or download a data set and standardise its rows: what every sweep does first, done beforehand."""

from dataclasses import dataclass
from typing import Self

from pipeline.data.cache import folder_of, is_whole
from sweeps.cli import Entry, Options
from sweeps.lambda_search import LambdaSearch


@dataclass(frozen=True)
class Fetch:
    """Find or download the data set and prepare its rows, without training anything."""

    @classmethod
    def at_scale(cls, scale: str) -> Self:
        """Return the same at any scale."""
        return cls()


def execute(_config: Fetch, options: Options) -> None:
    """Load the data set, write the splits that the lambda search uses, and say what they hold; or plan to."""
    from sweeps.source import load  # noqa: PLC0415  (pandas, which --help can spare)
    from sweeps.terminal import terminal  # noqa: PLC0415  (pandas, which --help can spare)

    console = terminal()
    source = load(options, console)
    defaults = LambdaSearch()
    for val_fraction, opens_test in ((defaults.coarse.val_fraction, False), (defaults.final.val_fraction, True)):
        rows = source.spec(val_fraction, opens_test)
        if not options.plan:
            where = f"are in {source.prepared(rows)}"
        elif is_whole(folder := folder_of(rows, source.cache)):
            where = f"are in {folder} already"
        else:
            where = f"would be written to {source.cache}"
        console.print(
            f"{rows.name}: {rows.n_train} training, {rows.n_val} validation and {rows.n_test} test rows {where}"
        )


ENTRY = Entry(Fetch, execute, unused=("run", "retry", "trial_timeout", "pack_width"))
