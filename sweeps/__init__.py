"""One file is one sweep: what is asked, what varies, what is fixed, in which stages. SWEEPS lists them by name."""

from collections.abc import Mapping

from sweeps.cli import Entry, Options
from sweeps.lambda_search import LambdaSearch


def _lambda_search(configuration: LambdaSearch, options: Options) -> None:
    from sweeps.lambda_results import execute  # noqa: PLC0415  (Optuna, pandas and Matplotlib, which --help can spare)

    execute(configuration, options)


SWEEPS: Mapping[str, Entry] = {"lambda": Entry(LambdaSearch, _lambda_search)}
