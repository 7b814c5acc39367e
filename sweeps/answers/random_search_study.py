"""The search as Optuna's tools see it: a study in memory of the settings that completed, and fANOVA over it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import optuna
from optuna.importance import FanovaImportanceEvaluator

from pipeline.run.proposals import Observation, quiet, remembered
from pipeline.run.samplers import sampler_seed
from pipeline.run.space import Space
from pipeline.run.stage import means
from pipeline.spec import canonical_json
from sweeps.question import Answer
from sweeps.random_search import Conclusion, RandomSearch

Found = Answer[RandomSearch, Conclusion]

ENOUGH = 8
"""Completed settings from which a forest is grown at all."""

SHUFFLES = 19
"""A share above the largest of any parameter in so many shuffles: chance alone would give one, to any, 1 time in 20."""

TREES = 32


@dataclass(frozen=True)
class Importance:
    """How much of the variance of validation accuracy over the space a parameter explains on its own.

    `chance` is the most that any parameter explained when the accuracies were shuffled among the settings, as the
    largest of several shares is what chance would make stand out.
    """

    parameter: str
    share: float
    chance: float

    @property
    def is_noise(self) -> bool:
        """Whether shuffled accuracies do as much."""
        return self.share <= self.chance


def completed(answer: Found) -> list[Observation]:
    """Return the settings of the search that completed with every seed, by what was searched, in order of proposal."""
    names = answer.configuration.space.space().names
    return [(values, mean) for values, mean in means(answer.results[0].records, names) if mean is not None]


def comparable(answer: Found) -> bool:
    """Whether settings can be drawn beside each other: of one alone, Optuna's plots have no axes."""
    return len(completed(answer)) > 1


def study(answer: Found) -> optuna.Study:
    """Return the completed settings of the search as a study of Optuna."""
    return remembered(answer.configuration.space.space(), completed(answer))


def importances(answer: Found) -> list[Importance]:
    """Return the importance of every searched parameter, the largest first, by fANOVA (Hutter et al. 2014).

    None where one parameter alone varies, too few settings completed, or all came to the same.
    """
    observations = completed(answer)
    scores = [mean for _, mean in observations]
    if len(answer.configuration.space.dimensions) < 2 or len(observations) < ENOUGH or len(set(scores)) == 1:
        return []
    seed = sampler_seed(answer.fingerprint["seed"], "importance")
    shares, chance = fanova(_Hashed(answer.configuration.space.space(), observations), seed)
    return [Importance(name, share, chance) for name, share in sorted(shares.items(), key=lambda pair: -pair[1])]


def looked_at(answer: Found) -> str:
    """Return what the shares are of: the space, or the part of it that a sampler which looks back preferred."""
    return "where the sampler looked" if answer.results[0].stage.proposal.looks_back else "over the space"


class _Hashed:
    """What a study is made of, equal where its content is: the forests of a run grow once."""

    def __init__(self, space: Space, observations: Sequence[Observation]) -> None:
        self.space, self.observations = space, observations
        self.content = canonical_json([space.names, observations]) + repr(space)

    def __hash__(self) -> int:
        return hash(self.content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashed) and self.content == other.content


@cache
def fanova(given: _Hashed, seed: int) -> tuple[Mapping[str, float], float]:
    """Return by parameter its share of the variance, and the most that any has of those of shuffled scores."""
    settings = [values for values, _ in given.observations]
    scores = [mean for _, mean in given.observations]
    rng = np.random.default_rng(seed)
    shares = _shares(given.space, given.observations, seed)
    shuffled = [
        _shares(given.space, list(zip(settings, rng.permutation(np.array(scores)).tolist(), strict=True)), seed)
        for _ in range(SHUFFLES)
    ]
    return shares, max(max(each.values()) for each in shuffled)


def _shares(space: Space, observations: Sequence[Observation], seed: int) -> dict[str, float]:
    """Return the share of each parameter on its own; what they lack of 1 they explain together."""
    evaluator = FanovaImportanceEvaluator(n_trees=TREES, seed=seed)
    with quiet():
        shares = evaluator.evaluate(remembered(space, observations))
    return {name: float(share) for name, share in shares.items()}
