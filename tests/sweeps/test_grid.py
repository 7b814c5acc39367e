"""Grids: which settings they ask, how these are paired and packed, what may grow, what is refused before any data."""

import csv
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
import rig

from pipeline.errors import ConfigError
from pipeline.report.tables import summary_table
from pipeline.run.packing import into_packs
from pipeline.run.replay import any_rows
from pipeline.run.stage import Stage, StageResult
from pipeline.spec import Setting, TrialSpec, parameter
from sweeps.cli import Options
from sweeps.depth import Depth
from sweeps.grid import Grid, Values, axis, budgets, stages
from sweeps.init_sensitivity import InitSensitivity
from sweeps.question import Question
from sweeps.session import run
from sweeps.stored import stored


@dataclass(frozen=True)
class Toy(Grid):
    """Two scales of the weights of two networks, with and without batch norm."""

    stage_name: ClassVar[str] = "toy"

    replicates: int = 2
    step_size: int = 1
    cycles: int = 1
    batch_size: int = 20
    sigma: Values = field(default_factory=lambda: Values((0.1, 0.01)))
    networks: tuple[tuple[int, ...], ...] = ((6,), (6, 5))
    batch_norm: tuple[str, ...] = ("none", "before")

    def axes(self) -> Sequence[Sequence[Setting]]:
        scales = [{"init": "normal", **scale} for scale in axis("sigma", self.sigma.taken("sigma"))]
        return [axis("hidden", self.networks, "networks"), scales, axis("batch_norm", self.batch_norm)]


QUESTION: Question[Toy, StageResult] = Question(
    "toy",
    Toy,
    stages,
    budgets,
    lambda answer: {"summary": summary_table(answer.records, ("sigma", "hidden", "batch_norm"))},
    lambda *_: None,
    "Toys",
    lambda _: (),
)
VARIES = ("hidden", "sigma", "batch_norm")


def ran(
    out: Path,
    monkeypatch: pytest.MonkeyPatch,
    config: Toy | None = None,
    engine: rig.InProcess | None = None,
    **options: Any,
) -> Path:
    """Run the toy in `out`, in this process, and return the run folder."""
    out.mkdir(exist_ok=True)
    engine = engine or rig.InProcess()
    monkeypatch.setattr("sweeps.session.LokyEngine", lambda *_: engine)
    run(QUESTION, config or Toy(), Options(dataset=str(rig.npz(out)), artifacts=out, jobs=1, **options))
    return folder_of(out)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifacts of the toy; not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        return ran(tmp_path_factory.mktemp("done") / "out", patch).parents[1]


@pytest.fixture
def copied(done: Path, tmp_path: Path) -> Path:
    """A copy of them, to run in again."""
    return shutil.copytree(done, tmp_path / "out")


def folder_of(out: Path) -> Path:
    [folder] = (out / "toy").iterdir()
    return folder


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def exported(folder: Path) -> dict[str, bytes]:
    return {name: (folder / f"{name}.csv").read_bytes() for name in ("trials", "curves", "summary")}


def trials_of(config: Grid) -> list[TrialSpec]:
    """Return the trials of a grid in plan order."""
    stage = next(stages(config, any_rows))
    assert isinstance(stage, Stage)
    return stage.trials(config.settings(), root=0)


def varied(specs: Sequence[TrialSpec]) -> list[tuple[Any, ...]]:
    return [tuple(parameter(spec, name) for name in VARIES) for spec in specs]


def test_the_settings_are_the_product_of_the_axes_the_last_one_varying_fastest() -> None:
    one, two = (6,), (6, 5)
    product = [
        *[(one, 0.1, "none"), (one, 0.1, "before"), (one, 0.01, "none"), (one, 0.01, "before")],
        *[(two, 0.1, "none"), (two, 0.1, "before"), (two, 0.01, "none"), (two, 0.01, "before")],
    ]
    assert varied(trials_of(Toy(replicates=3))) == product * 3  # replicate after replicate


def test_all_settings_of_a_replicate_share_both_seeds_and_no_two_replicates_do() -> None:
    specs = trials_of(Toy(replicates=3))
    seeds = [(spec.init_seed, spec.order_seed) for spec in specs]
    assert seeds == [pair for pair in dict.fromkeys(seeds) for _ in range(8)]
    assert len(set(seeds)) == 3


def test_no_two_grids_share_a_seed_so_that_what_they_find_is_independent() -> None:
    of_each = [
        {seed for spec in trials_of(grid) for seed in (spec.init_seed, spec.order_seed)}
        for grid in (Toy(replicates=5), Depth(replicates=5), InitSensitivity(replicates=5))
    ]
    assert len(set.union(*of_each)) == sum(map(len, of_each)) == 3 * 5 * 2


def test_a_pack_holds_the_sigmas_of_one_network_and_batch_norm_in_one_replicate() -> None:
    packs = [varied(pack.trials) for pack in into_packs(trials_of(Toy(replicates=1)))]
    assert packs == [
        [(hidden, sigma, norm) for sigma in (0.1, 0.01)] for hidden in ((6,), (6, 5)) for norm in ("none", "before")
    ]
    assert len(into_packs(trials_of(Toy(replicates=3)))) == 3 * len(packs)


@pytest.mark.parametrize(
    ("config", "sizes"), [(InitSensitivity(), [4, 4] * 5), (Depth(), [1] * 24)], ids=["init-sensitivity", "depth"]
)
def test_the_scales_train_packed_and_networks_that_differ_apart(config: Grid, sizes: list[int]) -> None:
    assert [len(pack.trials) for pack in into_packs(trials_of(config))] == sizes


def test_what_is_fixed_is_what_was_configured() -> None:
    config = Toy(lambda_=0.25, activation="tanh", bn_alpha=0.5, eta_max=0.5, eta_min=0.25, dtype="float64")
    for spec in trials_of(config):
        assert (spec.lambda_, spec.batch_size, spec.network.activation) == (0.25, 20, "tanh")
        assert (spec.network.bn_alpha, spec.network.dtype) == (0.5, "float64")
        assert (spec.schedule.eta_min, spec.schedule.eta_max, spec.schedule.epochs) == (0.25, 0.5, 2)
        assert spec.data.n_test


@pytest.mark.parametrize(("scheme", "sigma"), [("he", None), ("xavier", None), ("normal", 0.25)])
def test_the_networks_of_the_depth_sweep_start_as_configured(scheme: str, sigma: float | None) -> None:
    specs = trials_of(Depth(init=type(Depth().init)(scheme, sigma)))
    assert {(spec.init.scheme, spec.init.sigma) for spec in specs} == {(scheme, sigma)}


def test_every_network_is_tested_and_none_is_kept(done: Path) -> None:
    folder = folder_of(done)
    assert [row["hidden"] for row in rows(folder)] == (["6"] * 4 + ["6-5"] * 4) * 2
    assert all(0 <= float(row["test_accuracy"]) <= 1 for row in rows(folder))
    assert not (folder / "networks").exists()


def test_more_replicates_extend_a_run_which_then_equals_a_larger_one_made_at_once(
    copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, engine = folder_of(copied), rig.shuffled(4)
    before = rows(folder)
    ran(copied, monkeypatch, Toy(replicates=3), engine)
    assert rows(folder)[: len(before)] == before
    assert len(engine.ran) == 4  # the packs of one more replicate
    assert exported(folder) == exported(ran(tmp_path / "at-once", monkeypatch, Toy(replicates=3)))


def test_the_width_of_packs_can_be_asked_for_and_belongs_to_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, one = rig.InProcess(), Toy(replicates=1)
    folder = ran(tmp_path / "out", monkeypatch, one, engine, pack_width=1)
    assert [int(row["pack"]) for row in rows(folder)] == list(range(8))
    assert len(engine.ran) == 8
    with pytest.raises(ConfigError, match="pack_width = null, stored 1"):
        ran(tmp_path / "out", monkeypatch, one, rig.forbidden())


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (Toy(sigma=Values((0.1, 0.01, 0.001))), r"toy\.sigma\.values"),
        (Toy(sigma=Values(log_range=(0.01, 0.1, 2))), r"toy\.sigma\.log_range"),
        (Toy(networks=((6,),)), r"toy\.networks"),
        (Toy(batch_norm=("none", "before", "after")), r"toy\.batch_norm"),
        (Toy(lambda_=0.25), r"toy\.lambda = 0\.25, stored 0\.005"),
        (Toy(replicates=1), r"toy\.replicates may only grow within a run, got 1, stored 2"),
    ],
    ids=["sigma", "range", "networks", "batch norm", "lambda", "fewer replicates"],
)
def test_whatever_else_changes_is_another_run(
    copied: Path, monkeypatch: pytest.MonkeyPatch, other: Toy, difference: str
) -> None:
    before = rig.files(copied / "toy")
    with pytest.raises(ConfigError, match=difference):
        ran(copied, monkeypatch, other, rig.forbidden())
    assert rig.files(copied / "toy") == before


def test_its_answer_can_be_read_from_its_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Toy(1, 0.25, sigma=Values(log_range=(0.01, 1.0, 3)), networks=((6,),))
    folder = ran(tmp_path / "out", monkeypatch, config)
    before = rig.files(folder)
    answer = stored(QUESTION, folder)
    assert answer.configuration == config
    assert [record.spec.init.sigma for record in answer.records[:6]] == [0.01, 0.01, 0.1, 0.1, 1.0, 1.0]
    assert [str(record.test_accuracy) for record in answer.records] == [row["test_accuracy"] for row in rows(folder)]
    assert rig.files(folder) == before


def test_a_range_takes_the_place_of_the_usual_list_and_of_no_other() -> None:
    ranged = InitSensitivity(sigma=Values((1e-1, 1e-3, 1e-4), (0.1, 1.0, 2)))
    assert ranged.sigma.taken("sigma") == (0.1, 1.0)
    for values in (0.2, 0.3), (1e-1, 1e-3):
        with pytest.raises(ConfigError, match=r"sigma must be given as values or as log-range, not as both, got"):
            InitSensitivity(sigma=Values(values, (0.1, 1.0, 2)))


def test_values_are_those_listed_or_those_of_a_range_with_both_its_ends() -> None:
    assert Values((0.3, 0.1)).taken("sigma") == (0.3, 0.1)
    assert Values((0.3,), (0.01, 1.0, 3)).taken("sigma") == (0.01, 0.1, 1.0)
    assert Values(log_range=(1e-5, 1e0, 16)).taken("sigma")[5] == 0.0004642  # 10 ** -(10 / 3)


REFUSED: dict[str, tuple[Callable[[], Grid], str]] = {
    "no replicates": (lambda: Toy(replicates=0), "replicates must be a positive integer, got 0"),
    "no networks": (lambda: Toy(networks=()), r"networks must be different, and at least one, got \(\)"),
    "no batch norm": (lambda: Toy(batch_norm=()), r"batch norm values must be different, and at least one, got \(\)"),
    "batch norm twice": (lambda: Toy(batch_norm=("none", "none")), "batch norm values must be different"),
    "unknown batch norm": (lambda: Toy(batch_norm=("nome",)), "batch norm must be one of .* did you mean 'none'"),
    "no sigma": (lambda: Toy(sigma=Values()), r"sigma values must be different, and at least one, got \(\)"),
    "sigma twice": (lambda: Toy(sigma=Values((0.1, 0.1))), r"sigma values must be different.* got \(0.1, 0.1\)"),
    "sigma 0": (lambda: Toy(sigma=Values((0.1, 0.0))), r"sigma must be a positive number, got 0\.0"),
    "sigma -1": (lambda: Toy(sigma=Values((-1.0,))), r"sigma must be a positive number, got -1\.0"),
    "sigma nan": (lambda: Toy(sigma=Values((float("nan"),))), "sigma must be a positive number, got nan"),
    "sigma infinite": (lambda: Toy(sigma=Values((float("inf"),))), "sigma must be a positive number, got inf"),
    "range reversed": (
        lambda: Toy(sigma=Values(log_range=(1.0, 0.1, 3))),
        r"sigma range must be two positive numbers, the lower first, got \(1\.0, 0\.1\)",
    ),
    "range from 0": (lambda: Toy(sigma=Values(log_range=(0.0, 0.1, 3))), "sigma range must be two positive numbers"),
    "range of none": (
        lambda: Toy(sigma=Values(log_range=(0.1, 1.0, 0))),
        "number of sigma values must be a positive integer, got 0",
    ),
    "range too narrow": (lambda: Toy(sigma=Values(log_range=(1.0, 1.001, 9))), "sigma range must hold 9 values"),
    "hidden 0": (lambda: Toy(networks=((5, 0),)), "hidden sizes must be a positive integer, got 0"),
    "eta": (lambda: Toy(eta_min=1.0), r"eta min must not exceed eta max, got \(1\.0, 0\.1\)"),
    "eta nan": (lambda: Toy(eta_max=float("nan")), "eta max must be a positive number, got nan"),
    "step size": (lambda: Toy(step_size=0), r"step size \(epochs\) must be a positive integer, got 0"),
    "cycles": (lambda: Toy(cycles=0), "cycles must be a positive integer, got 0"),
    "batch size": (lambda: Toy(batch_size=0), "batch size must be a positive integer, got 0"),
    "lambda": (lambda: Toy(lambda_=-1.0), r"lambda must be a number >= 0, got -1\.0"),
    "activation": (lambda: Toy(activation="rleu"), "activation must be one of .* did you mean 'relu'"),
    "epsilon": (lambda: Toy(bn_epsilon=0.0), r"bn epsilon must be a positive number, got 0\.0"),
    "dtype": (lambda: Toy(dtype="int8"), "dtype must be one of float32, float64, got 'int8'"),
    "network twice": (lambda: Depth(networks=("5-4", "5-4")), "networks must be different, and at least one"),
    "no number": (lambda: Depth(networks=("5-x",)), "networks must be hidden sizes such as 50-30, got '5-x'"),
    "negative": (lambda: Depth(networks=("-5",)), "networks must be hidden sizes such as 50-30, got '-5'"),
}


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_what_needs_no_data_to_be_refused_is_refused_by_the_configuration_itself(
    make: Callable[[], Grid], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make()


def test_a_grid_that_says_nothing_of_what_varies_is_no_grid() -> None:
    with pytest.raises(TypeError, match="axes"):
        Grid()  # type: ignore[abstract]


def test_a_grid_that_does_not_name_its_stage_is_no_grid() -> None:
    with pytest.raises(TypeError, match="a grid must name its stage, got none in Nameless"):
        type("Nameless", (Depth,), {})


@pytest.mark.parametrize("plan", [False, True])
def test_networks_that_no_memory_holds_are_refused_in_a_run_and_in_its_plan_and_nothing_is_written(
    plan: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for networks in ((6,), (10**9,)), ((100,) * 200_000,):
        with pytest.raises(ConfigError, match=r"networks must fit in memory, got .* GB for a pack of [12] networks?"):
            ran(tmp_path, monkeypatch, Toy(networks=networks, replicates=1), rig.forbidden(), plan=plan)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.npz"]


def test_fewer_workers_run_where_memory_holds_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sweeps.session.usable_memory", lambda: 2 * 10**8)  # of which a process takes 60 MB
    asked: list[int] = []
    engine = lambda workers, _timeout=None: asked.append(workers) or rig.InProcess()  # noqa: E731
    monkeypatch.setattr("sweeps.session.LokyEngine", engine)
    for plan in (True, False):
        run(
            QUESTION, Toy(replicates=1), Options(dataset=str(rig.npz(tmp_path)), artifacts=tmp_path, jobs=64, plan=plan)
        )
        assert "note: 3 of 64 workers at once: 0.1 GB for a pack of 2 networks hidden 6" in capsys.readouterr().out
    assert asked == [3, 3]
