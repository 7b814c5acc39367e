"""What Optuna's samplers propose: pure functions whose settings are new, rounded and inside the space."""

import builtins
import logging.handlers
import math
import queue
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ConfigError, HostError
from pipeline.run.proposals import check, looks_back, propose, proposed, remembered, samplers
from pipeline.run.samplers import LogRange, round_significant
from pipeline.run.space import Choices, Interval, Space

LAMBDA = Space({"lambda": LogRange(1e-5, 1e-1)})
NETWORKS = Choices({"50": (50,), "50-50": (50, 50), "100-50": (100, 50)}, "hidden")
SPACE = Space({"hidden": NETWORKS, "lambda": LogRange(1e-5, 1e-1), "keep": Interval(0.5, 1.0)})
FINITE = Space({"hidden": NETWORKS, "batch_norm": Choices({"none": "none", "before": "before"})})
NEEDS = {"cmaes": "cmaes", "gp": "torch"}
HERE = ["random", "qmc", "tpe", "nsgaii", "nsgaiii"]

Score = Callable[[tuple[Any, ...]], float | None]


def in_rounds(sampler: str, score: Score, rounds: int = 3, size: int = 10, seed: int = 0) -> list[tuple[Any, ...]]:
    """Return the values of all rounds, each proposed from what `score` says of the earlier ones."""
    scores: dict[tuple[Any, ...], float | None] = {}
    for round_ in range(1, rounds + 1):
        new = proposed(SPACE, sampler, [size] * round_, scores, seed)
        scores |= {tuple(setting.values()): score(tuple(setting.values())) for setting in new}
    return list(scores)


def peak(values: tuple[Any, ...]) -> float:
    """Return scores that are best at lambda .001 with the last network and no dropout."""
    hidden, lambda_, keep = values
    return 0.5 - 0.05 * (math.log10(lambda_) + 3) ** 2 - 0.1 * (1 - keep) + 0.05 * (hidden == (100, 50))


def test_every_sampler_of_optuna_that_a_seed_makes_has_its_name() -> None:
    assert {*HERE, *NEEDS, "bruteforce"} == {name for name in samplers() if name.islower()}
    for name, kind in samplers().items():
        assert samplers()[kind.__name__] is kind
        assert issubclass(kind, optuna.samplers.BaseSampler), name
    assert not {"grid", "partialfixed", "base"} & set(samplers())  # which need more than a seed


@pytest.mark.parametrize("sampler", HERE)
def test_rounds_are_a_pure_function_of_settings_that_are_new_rounded_and_inside(sampler: str) -> None:
    first, again, other = (in_rounds(sampler, peak, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert not {*first[:10]} & {*other[:10]}
    assert len(set(first)) == 30
    for hidden, lambda_, keep in first:
        assert hidden in NETWORKS.values.values()
        assert 1e-5 <= lambda_ == round_significant(lambda_) <= 1e-1
        assert 0.5 <= keep == round_significant(keep) <= 1


def test_random_and_quasi_random_settings_do_not_look_back_and_the_others_do() -> None:
    assert [name for name in [*HERE, *NEEDS] if not looks_back(name)] == ["random", "qmc"]
    assert not looks_back("QMCSampler")
    for sampler in ("random", "qmc"):
        assert in_rounds(sampler, peak) == in_rounds(sampler, lambda _: 0.5)
        assert in_rounds(sampler, peak, 2, 15) == in_rounds(sampler, peak, 1, 30)


def test_quasi_random_settings_fill_the_space_more_evenly_than_random_ones() -> None:
    def unevenness(sampler: str) -> float:
        fractions = [(math.log10(lambda_) + 5) / 4 for _, lambda_, _ in in_rounds(sampler, peak, 1, 64)]
        return float(np.abs(np.sort(fractions) - (np.arange(64) + 0.5) / 64).max())

    assert unevenness("qmc") < unevenness("random")


def test_tpe_goes_to_where_scores_are_good_in_every_dimension() -> None:
    values = in_rounds("tpe", peak, rounds=6)
    first, last = values[:10], values[-20:]
    assert np.mean([peak(each) for each in last]) > np.mean([peak(each) for each in first]) + 0.02


def test_a_population_goes_on_from_round_to_round() -> None:
    # NSGA-II draws a round at random, then crosses the best: only a study that is told of all rounds again can do so
    values = in_rounds("nsgaii", peak, rounds=8, size=20)
    assert np.mean([peak(each) for each in values[-40:]]) > np.mean([peak(each) for each in values[:40]]) + 0.02


def test_what_was_told_of_an_earlier_round_is_not_changed_by_a_worse_one_later() -> None:
    def score(values: tuple[Any, ...]) -> float | None:
        return None if values[2] < 0.7 else -peak(values)  # below zero, so that the worst moves

    scores: dict[tuple[Any, ...], float | None] = {}
    rounds = []
    for round_ in range(1, 5):
        rounds.append(proposed(SPACE, "tpe", [10] * round_, scores, 0))
        scores |= {tuple(each.values()): score(tuple(each.values())) for each in rounds[-1]}
    assert all(proposed(SPACE, "tpe", [10] * round_, scores, 0) == rounds[round_ - 1] for round_ in range(1, 5))


def test_a_finite_space_is_searched_to_its_end_and_no_further() -> None:
    every = proposed(FINITE, "random", [6], {}, 0)
    assert len({tuple(setting.values()) for setting in every}) == 6
    with pytest.raises(ConfigError, match=r"must find 7 new settings .* hidden \('50', '50-50', '100-50'\)"):
        check(FINITE, "random", 7)
    check(FINITE, "bruteforce", 6)


@pytest.mark.parametrize("name", NEEDS)
def test_a_sampler_whose_package_is_missing_is_refused_before_anything_runs(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, NEEDS[name], None)
    for module in [each for each in sys.modules if each.startswith("optuna._gp")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(builtins, "__import__", _without(NEEDS[name], builtins.__import__))
    with pytest.raises(HostError) as refusal:
        check(SPACE, name, 60)
    assert str(refusal.value).startswith(f"sampler {name} must have its package installed, got ")
    assert "\n" not in str(refusal.value)


def _without(missing: str, imported: Callable[..., Any]) -> Callable[..., Any]:
    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == missing:
            raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)
        return imported(name, *args, **kwargs)

    return without


def test_a_sampler_that_cannot_search_ranges_and_one_that_is_unknown_are_bad_input() -> None:
    with pytest.raises(ConfigError, match="sampler bruteforce must be able to search hidden, lambda, keep, got "):
        check(SPACE, "bruteforce", 6)
    with pytest.raises(ConfigError, match=r"sampler must be one of .*random.* got 'randm'; did you mean 'random'\?"):
        check(SPACE, "randm", 6)
    with pytest.raises(ConfigError, match=r"did you mean 'TPESampler'\?"):
        looks_back("TPESample")


def test_optuna_is_quiet_inside_and_as_loud_as_before_outside() -> None:
    said: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    listener = logging.handlers.QueueHandler(said)
    logger = logging.getLogger("optuna")
    logger.addHandler(listener)
    try:
        propose(LAMBDA, 2, [], seed=0)
        in_rounds("qmc", peak)
        assert said.empty()
        optuna.create_study()
        assert said.qsize() == 1
    finally:
        logger.removeHandler(listener)


def test_a_remembered_study_holds_what_was_run() -> None:
    study = remembered(SPACE, [(((50, 50), 0.01, 0.75), 0.5), (((50,), 0.1, 1.0), None)])
    assert [trial.params for trial in study.trials] == [
        {"hidden": "50-50", "lambda": 0.01, "keep": 0.75},
        {"hidden": "50", "lambda": 0.1, "keep": 1.0},
    ]
    assert [trial.value for trial in study.trials] == [0.5, 0.0]


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        ([0.5, None, 0.25], [0.5, 0.0, 0.25]),
        ([0.5, None, -0.75], [0.5, -0.75, -0.75]),  # below WORST there are scores other than accuracies
        ([None, None, None], [0.0, 0.0, 0.0]),
    ],
)
def test_samplers_are_told_a_finite_score_of_what_diverged_which_is_no_better_than_any_other(
    scores: list[float | None], told: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[optuna.Study] = []
    create = optuna.create_study

    def create_study(**how: Any) -> optuna.Study:
        made.append(create(**how))
        return made[-1]

    monkeypatch.setattr(optuna, "create_study", create_study)
    first = proposed(LAMBDA, "tpe", [3], {}, 0)
    observed = list(zip([tuple(setting.values()) for setting in first], scores, strict=True))
    proposed(LAMBDA, "tpe", [3, 1], dict(observed), 0)  # a study that was asked for the first round
    propose(LAMBDA, 1, observed, 0)  # one that it was added to
    for study in made[1:]:
        for trial, (values, _), value in zip(study.trials, observed, told, strict=False):  # it is asked for more
            assert (trial.state.name, trial.value) == ("COMPLETE", value)
            assert trial.params["lambda"] == pytest.approx(*values, rel=1e-3)
    assert len(made) == 3


@settings(max_examples=15, deadline=None)
@given(
    history=st.lists(
        st.tuples(
            st.floats(1e-5, 1e-1).map(round_significant).filter(lambda value: 1e-5 <= value <= 1e-1),
            st.none() | st.floats(0, 1),
        ),
        max_size=15,
        unique_by=lambda pair: pair[0],
    ),
    count=st.integers(1, 5),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_round_of_tpe_is_a_pure_function_whose_values_are_new_rounded_and_in_range(
    history: list[tuple[float, float | None]], count: int, seed: int
) -> None:
    values = lambdas(history, count, seed)
    assert values == lambdas(list(history), count, seed)
    assert len({*values, *(value for value, _ in history)}) == count + len(history)
    assert all(1e-5 <= value <= 1e-1 and value == round_significant(value) for value in values)


def lambdas(history: list[tuple[float, float | None]], count: int, seed: int, space: Space = LAMBDA) -> list[float]:
    """Return what one round of TPE proposes for lambda."""
    found = propose(space, count, [((value,), score) for value, score in history], seed)
    return [setting["lambda"] for setting in found]


def test_rounds_of_tpe_over_one_range_are_pinned_because_stored_lambda_searches_hold_them() -> None:
    assert lambdas([], 4, 0) == [0.001568, 0.007257, 0.002577, 0.001512]
    history = [(round_significant(10 ** (-1 - k / 4)), None if k == 3 else k / 16) for k in range(14)]
    assert lambdas(history, 4, 5) == [2.655e-05, 3.438e-05, 8.65e-05, 7.757e-05]


def test_tpe_goes_where_scores_are_good_and_stays_away_from_where_trials_diverge() -> None:
    good: list[tuple[float, float | None]] = [(round_significant(10 ** (-3 + k / 20)), 0.5) for k in range(-5, 5)]
    bad: list[tuple[float, float | None]] = [(round_significant(10 ** (-1.5 + k / 20)), None) for k in range(-5, 5)]
    assert sum(value < 1e-2 for value in lambdas(good + bad, 20, 0)) >= 18


def test_tpe_is_told_the_worst_score_of_diverged_settings_even_below_zero() -> None:
    others: list[tuple[float, float | None]] = [(10.0**-k, -2.0 + k / 10) for k in range(1, 5)]
    others += [(2 * 10.0**-k, -1.0) for k in range(2, 5)] + [(3 * 10.0**-k, -1.5) for k in range(2, 6)]
    diverged = lambdas([*others, (0.05, None)], 4, 3)
    assert diverged == lambdas([*others, (0.05, -1.9)], 4, 3)
    assert diverged != lambdas([*others, (0.05, 0.0)], 4, 3)


def test_a_range_without_enough_distinct_values_is_refused() -> None:
    for narrow in (LogRange(0.001, 0.001001), LogRange(0.0012341, 0.0012369)):  # .001234 and .001237 round out of it
        with pytest.raises(ConfigError, match=r"must find 3 new settings .* got lambda \(0.001"):
            lambdas([], 3, 0, Space({"lambda": narrow}))
    assert sorted(lambdas([], 2, 0, Space({"lambda": LogRange(0.0012341, 0.0012369)}))) == [0.001235, 0.001236]
    with pytest.raises(ConfigError, match="count of a TPE round"):
        lambdas([], 0, 0)
