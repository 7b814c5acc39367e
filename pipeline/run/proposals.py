"""What Optuna's samplers propose, as pure functions: the same results of earlier rounds give the same next round.

No sampler's state is ever stored. A study in memory takes its place, which is told of the earlier rounds again.
"""

import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeAlias

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.samplers import BaseSampler, QMCSampler, RandomSampler
from optuna.trial import TrialState

from pipeline.errors import ConfigError, HostError, one_of
from pipeline.run.samplers import DIGITS, LogRange
from pipeline.run.space import Choices, Dimension, Space
from pipeline.spec import Setting, positive_integer

WORST = 0.0
"""The accuracy that Optuna is told of a diverged trial: finite, and no better than any other."""

PATIENCE = 64
"""Asks per wanted setting before a space is called too narrow for distinct ones."""

TRIED = 12
"""Settings whose made-up results show whether a sampler works here: most are random until they have ten."""

NOT_ADAPTIVE = (RandomSampler, QMCSampler)
"""The samplers that look at no result."""

Observation: TypeAlias = tuple[tuple[Any, ...], float | None]
"""A setting's values, in the order of the space, and its mean score; None where it diverged."""

Scores: TypeAlias = Mapping[tuple[Any, ...], float | None]
"""Observations by values."""


@cache
def samplers() -> Mapping[str, type[BaseSampler]]:
    """Return Optuna's samplers that a seed and nothing else makes: by short name, such as tpe, then by class name."""
    kinds = [each for each in vars(optuna.samplers).values() if inspect.isclass(each) and issubclass(each, BaseSampler)]
    classes = {each.__name__.removesuffix("Sampler").lower(): each for each in kinds if _is_made_by_a_seed(each)}
    short = {name: classes[name] for name in sorted(classes)}
    return short | {each.__name__: each for each in short.values()}


def _is_made_by_a_seed(kind: type[BaseSampler]) -> bool:
    if inspect.isabstract(kind):
        return False
    parameters = inspect.signature(kind).parameters
    return "seed" in parameters and all(each.default is not inspect.Parameter.empty for each in parameters.values())


def looks_back(sampler: str) -> bool:
    """Return whether the sampler of that name proposes from the results of earlier rounds.

    Raises:
        ConfigError: Optuna has no such sampler.
    """
    return samplers()[one_of("sampler", sampler, samplers())] not in NOT_ADAPTIVE


def check(space: Space, sampler: str, count: int) -> None:
    """Refuse what would be refused in the middle of a search for `count` settings, by a few made-up results.

    Raises:
        ConfigError: Optuna has no such sampler, or it cannot search such a space, or not for so many settings.
        HostError: the sampler needs a package that is not installed.
    """
    if space.size < count:
        raise _too_narrow(space, count)
    sizes = [min(count - 1, TRIED), 1] if looks_back(sampler) else [count]
    try:
        proposed(space, sampler, sizes, {}, seed=0)
    except ImportError as error:
        raise HostError(f"sampler {sampler} must have its package installed, got {error}") from error
    except ValueError as error:
        raise ConfigError(f"sampler {sampler} must be able to search {', '.join(space.names)}, got {error}") from error


def proposed(space: Space, sampler: str, sizes: Sequence[int], scores: Scores, seed: int) -> tuple[Setting, ...]:
    """Return the settings of the last of rounds of `sizes`: a pure function of its arguments.

    All rounds are asked for again, and each is told its scores before the next, so that samplers which keep a
    population (CMA-ES, NSGA-II) go on with theirs. A proposal that repeats a setting is told what that scored.

    Args:
        space: where to look.
        sampler: a name of `samplers`.
        sizes: how many settings each round has.
        scores: of the settings of all rounds but the last; a sampler that does not look back needs none.
        seed: one for all rounds.

    Returns:
        Settings of 4 significant digits, different from each other and from those of the rounds before.

    Raises:
        ConfigError: the space holds too few distinct settings, or Optuna has no such sampler.
    """
    told = _Told(space, sampler, seed, sizes[0])
    *earlier, last = sizes
    for size in earlier:
        told.answer(told.ask(size), scores)
    return tuple(setting for _, setting in told.ask(last).values())


def propose(space: Space, count: int, history: Sequence[Observation], seed: int) -> tuple[Setting, ...]:
    """Return the settings of one round of TPE: a pure function of its arguments.

    An in-memory study is built from the history and asked `count` times; Optuna's constant liar keeps the answers
    of a round apart.

    Args:
        space: where to look.
        count: how many settings.
        history: values and mean score over replicates of each setting of the earlier rounds, oldest first; None where
            it diverged, which is told as the worst score so far and at least as bad as 0.
        seed: one per round; under ten observations the answers are random and depend on it alone.

    Returns:
        As `proposed`.

    Raises:
        ConfigError: count < 1, or the space holds too few distinct settings.
    """
    positive_integer("count of a TPE round", count)
    told = _Told(space, "tpe", seed)
    told.remember(history)
    return tuple(setting for _, setting in told.ask(count).values())


def remembered(space: Space, history: Sequence[Observation]) -> optuna.Study:
    """Return a study in memory that holds what was run, for Optuna's tools to look at."""
    told = _Told(space, "random", 0)
    told.remember(history)
    return told.study


class _Told:
    """A study in memory that is asked in rounds, and told what they came to."""

    def __init__(self, space: Space, sampler: str, seed: int, generation: int = 1) -> None:
        self.space = space
        self.distributions = {name: distribution(each) for name, each in space.dimensions.items()}
        with quiet():
            self.study = optuna.create_study(direction="maximize", sampler=_made(sampler, seed, generation))
        self.scores: dict[tuple[Any, ...], float | None] = {}  # of all settings so far, None where there is none
        self.repeated: list[tuple[optuna.Trial, tuple[Any, ...] | None]] = []

    def ask(self, count: int) -> dict[tuple[Any, ...], tuple[optuna.Trial, Setting]]:
        """Return `count` new settings by their values; none is run twice."""
        chosen: dict[tuple[Any, ...], tuple[optuna.Trial, Setting]] = {}
        with quiet(optuna.logging.ERROR):  # a sampler warns of every parameter that it has to draw by another one
            for _ in range(PATIENCE * count):
                if len(chosen) == count:
                    break
                trial = self.study.ask(self.distributions)
                setting = self.space.setting(trial.params)
                values = tuple(setting.values()) if setting else None
                if setting is None or values is None or values in self.scores:
                    self.repeated.append((trial, values))
                else:
                    self.scores[values] = None
                    chosen[values] = trial, setting
        if len(chosen) < count:
            raise _too_narrow(self.space, count)
        return chosen

    def answer(self, asked: Mapping[tuple[Any, ...], tuple[optuna.Trial, Setting]], scores: Scores) -> None:
        """Tell the scores of what was asked, in the order of the asking."""
        self.scores |= {values: scores.get(values) for values in asked}
        every = [*((trial, values) for values, (trial, _) in asked.items()), *self.repeated]
        self.repeated = []
        with quiet():
            for trial, values in sorted(every, key=lambda pair: pair[0].number):
                if values is None:  # rounded out of its range, and so never run
                    self.study.tell(trial, state=TrialState.FAIL)
                else:
                    self.study.tell(trial, self._finite(values))

    def remember(self, history: Sequence[Observation]) -> None:
        """Add settings that were run already, and what they scored."""
        self.scores |= dict(history)
        with quiet():
            for values, _ in history:
                trial = optuna.create_trial(
                    value=self._finite(values), params=self.space.told(values), distributions=self.distributions
                )
                self.study.add_trial(trial)

    def _finite(self, values: tuple[Any, ...]) -> float:
        """Return the score of a setting; where it diverged the worst of all so far, and at best 0."""
        score = self.scores[values]
        return min([WORST, *(each for each in self.scores.values() if each is not None)]) if score is None else score


def distribution(dimension: Dimension) -> BaseDistribution:
    """Return what Optuna calls a dimension."""
    if isinstance(dimension, Choices):
        return CategoricalDistribution(list(dimension.values))
    return FloatDistribution(dimension.low, dimension.high, log=isinstance(dimension, LogRange))


@contextmanager
def quiet(loudest: int = optuna.logging.WARNING) -> Iterator[None]:
    """Keep Optuna from announcing every study, and what of it is experimental, while the block runs."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(verbosity, loudest))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def _made(sampler: str, seed: int, generation: int) -> BaseSampler:
    """Return a sampler that is seeded in all it does, and whose generations, if it breeds, are our rounds."""
    kind = samplers()[one_of("sampler", sampler, samplers())]
    options = {"seed": seed, "scramble": True, "population_size": max(generation, 2)}
    # the seed of a quasi-random sequence is that of its scrambling
    return kind(**{name: value for name, value in options.items() if name in inspect.signature(kind).parameters})


def _too_narrow(space: Space, count: int) -> ConfigError:
    where = {
        name: tuple(each.values) if isinstance(each, Choices) else (each.low, each.high)
        for name, each in space.dimensions.items()
    }
    got = ", ".join(f"{name} {values}" for name, values in where.items())
    return ConfigError(f"a search must find {count} new settings that differ in {DIGITS} significant digits, got {got}")
