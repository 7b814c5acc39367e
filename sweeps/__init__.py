"""One file is one sweep: what is asked, what varies, what is fixed, in which stages. SWEEPS lists them by name."""

import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sweeps.cli import Entry

MODULES: Mapping[str, str] = {
    "gradient-check": "sweeps.gradient_check",
    "depth": "sweeps.depth",
    "lambda": "sweeps.lambda_search",
    "init-sensitivity": "sweeps.init_sensitivity",
    "random-search": "sweeps.random_search",
    "two-layer": "sweeps.two_layer",
    "optimizers": "sweeps.optimizers",
    "width": "sweeps.width",
    "skip": "sweeps.skip",
    "batch-norm": "sweeps.batch_norm",
    "augmentation": "sweeps.augmentation",
    "dropout": "sweeps.dropout",
    "weight-scale": "sweeps.weight_scale",
    "batch-size": "sweeps.batch_size",
    "activations": "sweeps.activations",
    "overfit": "sweeps.overfit",
    "training-stats": "sweeps.training_stats",
    "best-network": "sweeps.best_network",
    "assignment": "sweeps.assignment",
    "experiments": "sweeps.experiments",
    "report": "sweeps.report",
    "data": "sweeps.fetch",
}
"""The sweeps, and what is done before and after them: name -> module with an ENTRY, in the order of the report."""


class Sweeps(Mapping[str, "Entry"]):
    """The entries of MODULES by name; a module is imported when it is asked for, as most take a second or two."""

    def __getitem__(self, name: str) -> "Entry":
        entry: Entry = importlib.import_module(MODULES[name]).ENTRY
        return entry

    def __iter__(self) -> Iterator[str]:
        return iter(MODULES)

    def __len__(self) -> int:
        return len(MODULES)


SWEEPS = Sweeps()
