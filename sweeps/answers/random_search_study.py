"""The search as Optuna's tools see it, a study in memory of the settings that completed; and what matters in it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import fmean
from typing import Any

import optuna
from optuna.importance import FanovaImportanceEvaluator

from pipeline.inference import SIGNIFICANCE
from pipeline.run.proposals import Observation, quiet, remembered
from pipeline.run.samplers import sampler_seed
from pipeline.run.space import Choices, Dimension, Space
from pipeline.run.stage import means
from pipeline.spec import canonical_json
from sweeps.answers.rank_tests import adjusted, difference, thirds
from sweeps.question import Answer
from sweeps.random_search import Conclusion, RandomSearch

Found = Answer[RandomSearch, Conclusion]

ENOUGH = 8
"""Completed settings from which a forest is grown at all."""

TREES = 32


@dataclass(frozen=True)
class Importance:
    """How much a parameter matters for validation accuracy, and whether that is more than chance.

    Attributes:
        parameter: its public name.
        share: of the variance over the space, what it explains on its own. A forest explains noise as well, so that a
          share alone does not show that a parameter matters.
        means: mean validation accuracies in the lowest third of its values, the middle, the highest; of choices none.
        p: of differences between thirds of its values, or between choices, adjusted for the number of parameters.
    """

    parameter: str
    share: float
    means: tuple[float, ...]
    p: float

    @property
    def is_noise(self) -> bool:
        """Whether chance alone would give such differences too often."""
        return self.p >= SIGNIFICANCE


def completed(answer: Found) -> list[tuple[tuple[Any, ...], float]]:
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
    """Return the importance of every searched parameter, by the share that fANOVA gives it, the largest first.

    None where one parameter alone varies, too few settings completed, or all came to the same.
    """
    observations = completed(answer)
    scores = [mean for _, mean in observations]
    if len(answer.configuration.space.dimensions) < 2 or len(observations) < ENOUGH or len(set(scores)) == 1:
        return []
    seed = sampler_seed(answer.fingerprint["seed"], "importance")
    space = answer.configuration.space.space()
    shares = fanova(_Hashed(space, observations), seed)
    columns = dict(zip(space.names, zip(*(values for values, _ in observations), strict=True), strict=True))
    found = [
        _importance(space.dimensions[name], name, share, columns[name], scores)
        for name, share in sorted(shares.items(), key=lambda pair: -pair[1])
    ]
    return [replace(each, p=p) for each, p in zip(found, adjusted([each.p for each in found]), strict=True)]


def _importance(kind: Dimension, name: str, share: float, values: Sequence[Any], scores: Sequence[float]) -> Importance:
    """Return the importance of a parameter, its p not adjusted yet."""
    if isinstance(kind, Choices):
        return Importance(name, share, (), difference(values, scores))
    third = thirds(values)
    of_third = [[score for score, own in zip(scores, third, strict=True) if own == number] for number in range(3)]
    return Importance(
        name, share, tuple(fmean(each) if each else math.nan for each in of_third), difference(third, scores)
    )


def looked_at(answer: Found) -> str:
    """Return what the shares are of: the space, or the part of it that a sampler which looks back preferred."""
    return "where the sampler looked" if answer.results[0].stage.proposal.looks_back else "over the space"


def how_tested(found: Sequence[Importance]) -> str:
    """Return what the p of importances are of."""
    return (
        "p of Kruskal and Wallis's test between thirds of the values, or choices, adjusted over "
        f"{len(found)} parameters (Benjamini-Hochberg)"
    )


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
def fanova(given: _Hashed, seed: int) -> Mapping[str, float]:
    """Return by parameter the share of the variance that it explains on its own (fANOVA, Hutter et al. 2014).

    What they lack of 1 they explain together.
    """
    evaluator = FanovaImportanceEvaluator(n_trees=TREES, seed=seed)
    with quiet():
        shares = evaluator.evaluate(remembered(given.space, given.observations))
    return {name: float(share) for name, share in shares.items()}
