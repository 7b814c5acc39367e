"""One file is one sweep: what is asked, what varies, what is fixed, in which stages. SWEEPS lists them by name."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from sweeps.cli import Entry, Options
from sweeps.gradient_check import GradientCheck
from sweeps.lambda_search import LambdaSearch


def _from(module: str) -> Callable[[Any, Options], None]:
    """Return the `execute` of a module that is imported when it is called: Optuna and Matplotlib take their time."""

    def execute(configuration: Any, options: Options) -> None:
        importlib.import_module(module).execute(configuration, options)

    return execute


SWEEPS: Mapping[str, Entry] = {
    "lambda": Entry(LambdaSearch, _from("sweeps.lambda_results")),
    "gradient-check": Entry(GradientCheck, _from("sweeps.gradient_check")),
}
