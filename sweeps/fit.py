"""Whether a configuration fits the data: asked before anything is written, and before all that takes long to import."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from pipeline.errors import ConfigError
from pipeline.run.memory import fitting_workers, usable_memory
from pipeline.run.plan import Plan
from pipeline.run.preview import StageNeeds, expected
from pipeline.run.stage import Sweep
from sweeps.cli import Options, UnfitError
from sweeps.question import Rows
from sweeps.source import Source, load
from sweeps.terminal import terminal

Stages: TypeAlias = Callable[[Any, Rows], Sweep[Any]]
"""The generator of a sweep, from its configuration and from what says which rows a stage sees."""


@dataclass(frozen=True)
class Fit:
    """The data of a run, and what it needs where nothing of it is stored yet."""

    source: Source
    needs: list[StageNeeds]


def fit(stages: Stages, config: Any, options: Options) -> Fit:
    """Find the data that are asked for (or the sweep's own, the first of `datasets`), and see that `config` fits them.

    Raises:
        UnfitError: a stage refuses it, or its networks do not fit in memory. What it checks again, with other options
            too, is whether they fit the same data.
    """
    own = getattr(config, "datasets", ())
    if options.dataset is None and own:
        options = replace(options, dataset=own[0])
    source = load(options, terminal())

    def needs(config: Any, options: Options) -> list[StageNeeds]:
        found = expected(stages(config, source.spec), Plan(options.seed, options.artifacts, options.pack_width))
        packs = [pack for need in found for pack in need.packs]
        fitting_workers(packs, options.workers, usable_memory(), lambda _: None)
        return found

    try:
        return Fit(source, needs(config, options))
    except ConfigError as error:
        raise UnfitError(str(error), needs) from error
