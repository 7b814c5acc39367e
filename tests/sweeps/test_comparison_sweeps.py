"""Comparisons: which trials they ask, and how the learning rates that each setting is compared at are chosen."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import rig
from comparison_runs import asked, led, result

from pipeline.run.replay import any_rows
from pipeline.spec import Factor, OptimizerSpec, Setting, TrialSpec, levels, parameter
from sweeps import SWEEPS
from sweeps.answers.comparison_results import question
from sweeps.answers.comparison_sections import sections
from sweeps.batch_norm import BatchNorm
from sweeps.best_network import BestNetwork
from sweeps.cli import Options, changed
from sweeps.comparison import Comparison, best_eta, budgets, stages
from sweeps.grid import Values
from sweeps.optimizers import Optimizers
from sweeps.session import run
from sweeps.skip import Skip
from sweeps.stored import stored
from sweeps.training_stats import TrainingStats
from sweeps.two_layer import TwoLayer
from sweeps.weight_scale import WeightScale
from sweeps.width import Width

ETAS = (0.001, 0.01, 0.1)
COMPARISONS = {
    name: SWEEPS[name].configuration for name in SWEEPS if issubclass(SWEEPS[name].configuration, Comparison)
}


@dataclass(frozen=True)
class Toy(Comparison):
    """Does batch norm help a network of six units?"""

    stage_name: ClassVar[str] = "toy"
    title: ClassVar[str] = "Toys"
    figures: ClassVar[tuple[str, ...]] = ()

    replicates: int = 2
    tuning_replicates: int = 1
    hidden: tuple[int, ...] = (6,)
    step_size: int = 1
    cycles: int = 1
    batch_size: int = 20
    etas: Values = field(default_factory=lambda: Values(ETAS))

    def factors(self) -> Sequence[Factor]:
        return [Factor("batch norm", levels("batch_norm", ("none", "before")))]


NONE, BEFORE = {"batch_norm": "none"}, {"batch_norm": "before"}


def tuned(accuracies: Mapping[float, Sequence[float | None]]) -> float:
    """Return the rate that is chosen where these are the accuracies of each, seed by seed."""
    stage = next(stages(Toy(tuning_replicates=len(next(iter(accuracies.values())))), any_rows))
    return best_eta(result(stage, lambda _, eta, replicate: accuracies[eta][replicate]), NONE)


def test_without_rates_to_choose_from_there_is_one_stage_that_opens_the_test_set_at_the_one_rate() -> None:
    [stage], conclusion = led(Toy(etas=Values(), eta_max=0.25), lambda *_: 0.5)
    assert (stage.name, stage.replicates, stage.fixed.data.n_test) == ("toy", 2, 10_000)
    assert asked(stage) == [NONE, BEFORE]
    assert stage.fixed.schedule.eta_max == 0.25
    assert conclusion.tuning is None
    assert conclusion.chosen == ((NONE, 0.25), (BEFORE, 0.25))


def test_rates_are_chosen_for_each_setting_on_closed_test_rows_and_then_tested() -> None:
    best = {"none": 0.01, "before": 0.1}
    (tuning, tested), conclusion = led(Toy(), lambda setting, eta, _: 0.5 + (best[setting["batch_norm"]] == eta) / 4)
    assert (tuning.name, tuning.replicates, tuning.fixed.data.n_test) == ("toy-tuning", 1, 0)
    assert asked(tuning) == [{**setting, "eta_max": eta} for setting in (NONE, BEFORE) for eta in ETAS]
    assert (tested.name, tested.replicates, tested.fixed.data.n_test) == ("toy", 2, 10_000)
    assert asked(tested) == [{**NONE, "eta_max": 0.01}, {**BEFORE, "eta_max": 0.1}]
    assert conclusion.chosen == ((NONE, 0.01), (BEFORE, 0.1))


def test_the_choice_depends_on_nothing_that_the_tested_stage_comes_to() -> None:
    def rule(_: Setting, eta: float, __: int) -> float:
        return 0.5 + (eta == 0.01) / 4

    chosen = [led(Toy(), rule, test)[1].chosen for test in (0.1, 0.5, 0.9)]
    assert chosen[0] == chosen[1] == chosen[2] == ((NONE, 0.01), (BEFORE, 0.01))


def test_the_seeds_of_the_choice_are_none_of_those_of_the_test() -> None:
    (tuning, tested), _ = led(Toy(replicates=5, tuning_replicates=5), lambda *_: 0.5)
    seeds = [
        {seed for spec in stage.trials(asked(stage), 0) for seed in (spec.init_seed, spec.order_seed)}
        for stage in (tuning, tested)
    ]
    assert len(seeds[0]) == len(seeds[1]) == 10
    assert not seeds[0] & seeds[1]


@pytest.mark.parametrize(
    ("accuracies", "chosen"),
    [
        ({0.001: [0.4], 0.01: [0.6], 0.1: [0.5]}, 0.01),
        ({0.001: [0.4, 0.6], 0.01: [0.7, 0.2], 0.1: [0.1, 0.1]}, 0.001),  # means .5, .45, .1
        ({0.001: [0.4], 0.01: [0.6], 0.1: [0.6]}, 0.01),  # of equals the smaller
        ({0.001: [0.2, 0.2], 0.01: [0.9, None], 0.1: [0.1, 0.1]}, 0.001),  # a diverged seed comes behind
        ({0.001: [None, None], 0.01: [None, 0.9], 0.1: [0.0, 0.0]}, 0.1),  # behind everything that completed
        ({0.001: [None], 0.01: [None], 0.1: [None]}, 0.001),  # all fail: the least
    ],
)
def test_the_best_rate_has_the_highest_mean_of_those_with_which_every_seed_completed(
    accuracies: Mapping[float, Sequence[float | None]], chosen: float
) -> None:
    assert tuned(accuracies) == chosen
    assert tuned(dict(reversed(accuracies.items()))) == chosen


def test_a_rate_is_chosen_among_the_trials_of_its_own_setting() -> None:
    stage = next(stages(Toy(), any_rows))
    found = result(stage, lambda setting, eta, _: eta if setting == NONE else 1 - eta)
    assert (best_eta(found, NONE), best_eta(found, BEFORE)) == (0.1, 0.001)


def test_all_rates_of_a_setting_train_in_one_pack() -> None:
    from pipeline.run.packing import into_packs  # noqa: PLC0415

    stage = next(stages(Toy(), any_rows))
    packs = into_packs(stage.trials(asked(stage), 0))
    assert [[trial.schedule.eta_max for trial in pack.trials] for pack in packs] == [list(ETAS)] * 2


@pytest.mark.parametrize("name", COMPARISONS)
class TestEveryComparison:
    def test_asks_for_the_cells_of_its_design_in_their_order(self, name: str) -> None:
        config = COMPARISONS[name].at_scale("full")
        assert isinstance(config, Comparison)
        tested = led(replace(config, etas=Values()), lambda *_: 0.5)[0][-1]
        trials = tested.trials(asked(tested), 0)[: len(asked(tested))]
        assert [config.design.labels(trial) for trial in trials] == [cell for cell, _ in config.design.cells()]

    def test_can_be_repeated_by_the_flags_that_differ_from_its_defaults(self, name: str) -> None:
        config = COMPARISONS[name].at_scale("smoke")
        assert list(changed(config, replace(config, replicates=7))) == ["--replicates", "7"]

    def test_says_what_it_is_called_and_asks(self, name: str) -> None:
        config = COMPARISONS[name]
        assert issubclass(config, Comparison)
        assert config.stage_name == name
        assert config.title
        assert (config.__doc__ or "").partition("\n")[0].endswith("?")


@pytest.mark.parametrize(
    "config",
    [
        TwoLayer(hidden=(7,), step_size=3, cycles=2),
        TrainingStats(num_bn_layers=2, eta_max=0.1),
        Optimizers(optimizer=OptimizerSpec(momentum=0.5)),
        Optimizers(etas=Values(), eta_max=0.5),
        Width(batch_norm="none", l2_factor=1.0, schedule="step", decay=0.5, decay_every=2),
        Skip(hidden=(4,) * 6, skips=("2-4",)),
        WeightScale(sigma=Values((0.01, 0.1)), hidden=(4,)),
    ],
    ids=lambda config: config.stage_name,
)
def test_a_field_on_which_settings_depend_or_that_none_of_them_replaces_is_taken(config: Comparison) -> None:
    assert trials_of(config) != trials_of(type(config)())


def test_the_scales_of_weights_may_be_listed_or_evenly_spaced() -> None:
    assert len(WeightScale().sigma.taken("sigma")) == 20
    for sigma in Values((0.01, 0.1)), Values(WeightScale().sigma.values, (0.01, 0.1, 2)):
        assert WeightScale(sigma=sigma).design.factors[0].numbers == (0.01, 0.1)


def test_the_network_with_dropout_keeps_as_many_units_in_any_convention() -> None:
    def kept(**changes: Any) -> set[float]:
        return {spec.keep for spec in trials_of(BestNetwork(**changes))} - {1.0}

    assert kept() == kept(convention="cmu") == {0.9}
    assert kept(p=0.75) == kept(convention="cmu", p=0.75) == {0.75}


def test_no_two_comparisons_share_a_seed() -> None:
    seeds = [spec.init_seed for config in COMPARISONS.values() for spec in trials_of(config.at_scale("smoke"))]
    of_each = [{spec.init_seed for spec in trials_of(config.at_scale("smoke"))} for config in COMPARISONS.values()]
    assert len(set(seeds)) == sum(map(len, of_each))


def trials_of(config: Any) -> list[TrialSpec]:
    return [spec for stage in led(config, lambda *_: 0.5)[0] for spec in stage.trials(asked(stage), 0)]


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Path, list[str]]]:
    """Run the toy in this process, and return its folder and the names of what was computed."""

    def complete(config: Toy) -> tuple[Path, list[str]]:
        engine = rig.InProcess()
        monkeypatch.setattr("sweeps.session.LokyEngine", lambda *_: engine)
        run(question(Toy), config, Options(dataset=str(rig.npz(tmp_path)), artifacts=tmp_path / "out", jobs=1))
        [folder] = (tmp_path / "out" / "toy").iterdir()
        return folder, engine.ran

    return complete


def test_more_replicates_extend_the_tested_stage_alone(ran: Callable[..., tuple[Path, list[str]]]) -> None:
    assert list(budgets(Toy())) == ["replicates"]
    folder, _ = ran(Toy())
    before = (folder / "tuning.csv").read_bytes(), table(folder / "trials.csv")
    _, computed = ran(Toy(replicates=3))
    assert len(computed) == 2  # the two settings with one more pair of seeds
    assert (folder / "tuning.csv").read_bytes() == before[0]
    assert table(folder / "trials.csv")[: len(before[1])] == before[1]
    assert len(table(folder / "trials.csv")) == 2 * 3 + 2 * 3


def test_its_tables_say_how_the_rates_were_chosen_and_what_was_compared(
    ran: Callable[..., tuple[Path, list[str]]],
) -> None:
    folder, _ = ran(Toy())
    answer = stored(question(Toy), folder)
    tuning, summary = table(folder / "tuning.csv"), table(folder / "summary.csv")
    assert [(row["batch_norm"], row["eta_max"]) for row in tuning] == [
        (norm, f"{eta:g}") for norm in ("none", "before") for eta in ETAS
    ]
    for setting, eta in answer.conclusion.chosen:
        of_setting = {
            float(row["eta_max"]): float(row["val_accuracy_mean"])
            for row in tuning
            if row["batch_norm"] == setting["batch_norm"]
        }
        assert of_setting[eta] == max(of_setting.values())
    assert [row["stage"] for row in summary] == ["toy", "toy"]
    assert {parameter(record.spec, "eta_max") for record in answer.conclusion.tested.records} == {
        eta for _, eta in answer.conclusion.chosen
    }
    [section] = sections(answer)
    [text, *_] = section.blocks
    assert "was chosen before, on the validation rows and with other seeds (1 pair), from 0.001, 0.01 and 0.1" in str(
        text
    )


@pytest.mark.parametrize("shape", [(6,), (1, 2, 3)], ids=["rows", "images"])
def test_shifted_test_sets_are_those_of_images_and_a_stored_run_knows_which_it_had(
    shape: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweeps.session.LokyEngine", lambda *_: rig.InProcess())
    monkeypatch.setattr(BatchNorm, "figures", ())
    config = BatchNorm(1, hidden=(4,), step_size=1, cycles=1, batch_size=20, places=("before",), statistics=("ema",))
    data = rig.npz(tmp_path, shape=shape)
    run(question(BatchNorm), config, Options(dataset=str(data), artifacts=tmp_path / "out", jobs=1))
    [folder] = (tmp_path / "out" / "batch-norm").iterdir()
    [record] = stored(question(BatchNorm), folder).records
    assert bool(record.shifted_accuracy) == (len(shape) == 3)


@pytest.mark.parametrize("etas", [Values(), Values((1e30,))], ids=["tested", "both stages"])
def test_what_diverged_is_said_once_on_the_screen(
    etas: Values, ran: Callable[..., tuple[Path, list[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = ran(Toy(etas=etas, eta_max=0.1 if etas.values else 1e30))
    printed = capsys.readouterr().out
    assert printed.count("Every trial diverged (4 of 4), so there is nothing to compare.") == 1
    assert printed.count("trials diverged") == bool(etas.values)
    assert "Every trial diverged (4 of 4)" in (folder / "findings.md").read_text()
    assert ("in the choice of learning rates 2 of 2 trials diverged" in printed) == bool(etas.values)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
