"""The race of the benchmark: whose turn it is, what becomes of peers that are missing or fail, what samples come to."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import race
import race_figure
import whole_sweep
from float_rows import float_rows
from peers import CONTESTANTS, OURS, Contestant
from peers.__main__ import Answer, turn
from peers.clock import Clock, cpu_seconds, memory, tree
from peers.job import Job, lambdas
from peers.job import rows as read_rows
from race import FOUND, Turn, environments, turns
from race_table import absent, document, faults, standings
from redraw import redraw
from rig import dataset

from pipeline.data import data_spec, digits, open_split, prepare
from pipeline.files import write_json
from pipeline.report.markdown import markdown
from pipeline.report.style import house_style
from pipeline.report.tables import write_csv
from sweeps import SWEEPS
from sweeps.cli import parse

PINNED = {"OPENBLAS_CORETYPE": "Haswell", "PATH": "/bin"}
FREE = "without OPENBLAS_CORETYPE"


def job(folder: Path, n: int = 2) -> Job:
    return Job(str(folder), lambdas(n), 1, step_size=1, hidden=(4,), batch_size=20, split=str(folder))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = dataset()
    return prepare(data, data_spec(data, 0.1, opens_test=False), tmp_path_factory.mktemp("cache"))


def test_others_get_rows_of_bytes_as_floats_and_the_pipeline_its_own(tmp_path):
    data = digits.load()
    folder = prepare(data, data_spec(data, 0.1, opens_test=False), tmp_path)
    split, job = open_split(folder), Job(str(float_rows(folder, tmp_path)), (), 1, split=str(folder))
    for mapped in (False, True):
        given = read_rows(job, mapped)
        for part, x, y in (("train", given.x, given.y), ("val", given.x_val, given.y_val)):
            assert x.dtype == np.float32
            np.testing.assert_array_equal(x, getattr(split, f"x_{part}"))
            np.testing.assert_array_equal(y, getattr(split, f"y_{part}"))
    assert Path(job.folder).parent.parent == tmp_path


def test_lambdas_lie_on_a_log_grid_but_for_the_one_that_is_compared():
    assert lambdas(2) == pytest.approx((1e-5, 0.005))
    assert lambdas(5) == pytest.approx((1e-5, 1e-4, 1e-3, 0.005, 1e-1))
    for cores in (1, 2, 3, 16):
        assert all(0.005 in lambdas(contestant.trials_on(cores)) for contestant in CONTESTANTS.values())


def test_every_core_has_as_many_trials_on_any_machine_and_the_labels_say_how_many_cores_there_were():
    for name, contestant in CONTESTANTS.items():
        assert contestant.trials_on(2) == contestant.trials
        for cores in (1, 2, 4, 16):
            shares = Job("", lambdas(contestant.trials_on(cores)), cores).shares()
            assert {len(share) for share in shares} == {contestant.trials / 2}, name
            assert len(shares) == cores
            assert contestant.label_of(contestant.trials_on(cores)) == contestant.label_on(cores)
    assert CONTESTANTS["optuna-processes"].label_on(2) == "Optuna + PyTorch, 2 processes"
    assert CONTESTANTS["optuna-threads"].label_on(16) == "Optuna + PyTorch, 16 threads"


def test_a_race_gives_more_cores_more_trials(rows, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr(race, "_gauged", lambda *_: {"limit": 8.0})
    monkeypatch.setattr(race, "take_turn", lambda _, job: given.append(len(job.lambdas)) or (Answer("failed"), 0))
    for cores in (2, 4):
        race.race(replace(job(rows), cores=cores), tmp_path, 1, {FOUND: ()}, [OURS, "numpy"])
    assert given == [16, 2, 32, 4]


def test_scikit_learn_is_warmed_up_where_a_clock_is_waiting_for_it(rows, monkeypatch):
    sklearn_mlp = pytest.importorskip("peers.sklearn_mlp")
    fitted = []
    monkeypatch.setattr(sklearn_mlp, "_fit", lambda _job, _rows, lambda_: fitted.append(lambda_) or (lambda_, 0.0))
    for warm in (True, False):
        sklearn_mlp.race(replace(job(rows), warm=warm), Clock(time.time()))
    assert fitted == [lambdas(2)[0], *lambdas(2), *lambdas(2)]


def test_a_job_is_dealt_to_the_cores_and_survives_being_written(tmp_path):
    asked = Job("rows", (0.1, 0.2, 0.3), 2, seed=4)
    assert asked.shares() == [(0.1, 0.3), (0.2,)]
    assert Job("rows", (0.1,), 2).shares() == [(0.1,)]
    asked.write(tmp_path / "job.json")
    assert Job.read(tmp_path / "job.json") == asked


@pytest.mark.parametrize(
    ("which", "found", "labels"),
    [
        ("both", PINNED, {FOUND: (), FREE: ("OPENBLAS_CORETYPE",)}),
        ("found", PINNED, {FOUND: ()}),
        ("unpinned", PINNED, {FREE: ("OPENBLAS_CORETYPE",)}),
        ("both", {}, {FOUND: ()}),
        ("unpinned", {}, {FOUND: ()}),
    ],
)
def test_environments(which, found, labels):
    assert environments(which, found) == labels


def test_contestants_take_turns_and_every_round_begins_with_another():
    both = environments("both", PINNED)
    names = [OURS, "jax", "numpy"]
    found = [(one.round, one.contestant, one.environment) for one in turns(2, both, names)]
    assert found == [
        (1, "packed", FOUND),
        (1, "packed", FREE),
        (1, "jax", FREE),
        (1, "numpy", FOUND),
        (1, "numpy", FREE),
        (2, "jax", FREE),
        (2, "numpy", FOUND),
        (2, "numpy", FREE),
        (2, "packed", FOUND),
        (2, "packed", FREE),
    ]


@pytest.mark.parametrize(("name", "package"), [("jax", "jax"), ("ray", "ray"), ("optuna-threads", "torch")])
def test_a_peer_that_is_not_installed_is_missing(name, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    for module in [module for module in sys.modules if module.startswith("peers.") and module != "peers.__main__"]:
        if module not in ("peers.clock", "peers.job", "peers.cores"):
            monkeypatch.delitem(sys.modules, module)
    answer = turn(CONTESTANTS[name], Job("", (0.1,), 1), 0.0)
    assert answer.status == "missing"
    assert package in answer.reason


def test_a_mistake_of_our_own_is_not_a_missing_peer():
    answer = turn(Contestant("", "nowhere:worker", (), 1, None), Job("", (0.1,), 1), 0.0)
    assert (answer.status, answer.reason) == ("failed", "ModuleNotFoundError: No module named 'peers.nowhere'")


def test_a_contestant_that_fails_is_told_in_one_line(tmp_path):
    answer, _ = race.take_turn(Turn(1, FOUND, (), "unpacked"), job(tmp_path / "absent"))
    assert answer.status == "failed"
    assert answer.reason.startswith("DataError: ")
    assert "\n" not in answer.reason


def test_a_contestant_that_dies_without_a_word_has_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "false")
    answer, _ = race.take_turn(Turn(1, FOUND, (), OURS), job(tmp_path))
    assert answer == Answer("failed", "exit code 1: it said nothing")


@pytest.mark.parametrize("name", [OURS, "unpacked", "numpy", "sklearn", "optuna-processes", "vmap", "loader", "jax"])
def test_a_contestant_trains_every_lambda_and_says_how_long_it_took(name, rows):
    contestant = CONTESTANTS[name]
    for package in contestant.packages:
        pytest.importorskip({"scikit-learn": "sklearn"}.get(package, package))
    answer, peak = race.take_turn(Turn(1, FOUND, (), name), job(rows))
    assert (answer.status, answer.reason) == ("ok", "")
    assert sorted(lambda_ for lambda_, _ in answer.accuracies) == pytest.approx(sorted(lambdas(2)))
    assert all(0 <= accuracy <= 1 for _, accuracy in answer.accuracies)
    assert answer.wall > 0
    assert answer.start_up > 0
    assert set(answer.versions) == set(contestant.packages)
    assert peak > 0 or not Path("/proc").is_dir()


def test_cpu_time_includes_children_alive_or_gone():
    burn = "import time\nwhile time.process_time() < .3: pass\nprint(flush=True)\n{}"
    before = cpu_seconds()
    subprocess.run([sys.executable, "-c", burn.format("")], check=True, capture_output=True)
    gone = cpu_seconds() - before
    with subprocess.Popen([sys.executable, "-c", burn.format("input()")], stdin=-1, stdout=-1, text=True) as child:
        child.stdout.readline()
        alive = cpu_seconds() - before - gone
        family, taken = tree(os.getpid()), memory(os.getpid())
        child.communicate("\n")
    assert gone >= 0.28
    if Path("/proc").is_dir():
        assert alive >= 0.28
        assert child.pid in family
        assert taken > 10e6


def test_the_clock_separates_the_start_up_from_the_race():
    clock = Clock(time.time() - 100)
    with clock:
        time.process_time()
    assert 100 <= clock.start_up < 160
    assert 0 <= clock.wall < 60


def samples() -> pd.DataFrame:
    """Return two rounds of ours at 10 and 12, of JAX at 5 and 4, of NumPy's loop; scikit-learn fails once."""
    columns = ["round", "environment", "contestant", "status", "reason", "rate", "cpu_rate", "val_accuracy"]
    lines = [
        (1, FOUND, OURS, "ok", "", 5.0, 6.0, 0.50),
        (1, FREE, OURS, "ok", "", 10.0, 12.0, 0.50),
        (2, FREE, OURS, "ok", "", 12.0, 12.0, 0.52),
        (1, FREE, "jax", "ok", "", 5.0, 6.0, 0.485),
        (2, FREE, "jax", "ok", "", 4.0, 3.0, 0.485),
        (1, FREE, "numpy", "ok", "", 1.0, 1.0, 0.502),
        (2, FREE, "numpy", "ok", "", 2.0, 1.5, 0.504),
        (1, FREE, "sklearn", "failed", "ValueError: no", None, None, None),
        (1, FREE, "ray", "missing", "ModuleNotFoundError: No module named 'ray'", None, None, None),
        (2, FREE, "ray", "missing", "ModuleNotFoundError: No module named 'ray'", None, None, None),
    ]
    frame = pd.DataFrame(lines, columns=columns).astype(dict.fromkeys(columns[5:], float))
    return frame.assign(
        trials=[CONTESTANTS[name].trials for name in frame["contestant"]],  # on two cores
        start_up=2.0,
        memory_mb=[100.0] * 9 + [300.0],
        sgemm=100.0,
        kernel="Zen",
        limit=8.0,
        versions="",
        pinned=False,
    )


def test_medians_ratios_and_shares_worked_by_hand():
    found = {standing.name: standing for standing in standings(samples(), FREE)}
    assert list(found) == [OURS, "jax", "numpy"]
    ours, jax = found[OURS], found["jax"]
    assert (ours.n, ours.rate, ours.low, ours.high, ours.cpu_rate) == (2, 11.0, 10.0, 12.0, 12.0)
    assert (ours.ratio, ours.cpu_ratio) == (1.0, 1.0)
    # 10 / 5 and 12 / 4 by wall, 12 / 6 and 12 / 3 by CPU
    assert (jax.ratio, jax.ratio_low, jax.ratio_high, jax.cpu_ratio) == (2.5, 2.0, 3.0, 3.0)
    assert jax.relative == pytest.approx(4.5 / 8 / (5.6 / 16))
    assert (jax.start_up, jax.memory_mb, jax.val_accuracy) == (2.0, 100.0, 0.485)


def test_a_contestant_that_raced_in_one_environment_only_is_compared_with_ours_in_the_other_one_too():
    found = {standing.name: standing for standing in standings(samples(), FOUND)}
    assert list(found) == [OURS, "jax"]  # NumPy's loop has a figure of its own to come
    assert found[OURS].rate == 5.0
    assert (found["jax"].rate, found["jax"].ratio) == (4.5, 1.0)  # 5 / 5, in the only round of ours there


def test_the_missing_and_the_failed_are_told():
    assert absent(samples()) == [
        "scikit-learn under joblib (no batch norm) failed in 1 of 1 turns: ValueError: no",
        "Ray Tune + PyTorch is missing: ModuleNotFoundError: No module named 'ray'",
    ]


def test_what_points_to_a_fault_of_the_benchmark():
    told = faults(standings(samples(), FREE), pinned=False)
    assert told == [
        "At fault: JAX jit + vmap + scan reached 48.50 % at lambda 0.005 and ours 51.00 %, but must come within "
        "a point."
    ]  # NumPy's loop reached 50.30 % and 1.25 / 8, twice its share of the design's machine
    slow = samples().assign(limit=30.0)
    assert [sentence.split(" came to ")[0] for sentence in faults(standings(slow, FREE), pinned=False)] == [
        told[0],
        "Perhaps at fault: JAX jit + vmap + scan",
        "Perhaps at fault: NumPy loop in float64",
    ]
    assert "came to 0.43 of its published figure (5.6 trial-epochs/s)" in faults(standings(slow, FREE), pinned=False)[1]
    assert faults(standings(slow, FREE), pinned=True) == told


def test_the_document_has_a_table_per_environment_and_names_who_is_absent():
    text = markdown(document(samples(), "a machine"))
    assert text.index("## As found") < text.index(f"## {FREE[0].upper()}{FREE[1:].replace('_', chr(92) + '_')}")
    assert "| JAX jit + vmap + scan" in text
    assert "4.50 (4.00 to 5.00)" in text
    assert "2.50 (2.00 to 3.00)" in text
    assert "Ray Tune + PyTorch is missing" in text
    assert text.count("their ratios here compare ours as found with them unpinned") == 1


def test_the_figure_shows_every_contestant_that_finished():
    with house_style():
        drawn = race_figure.figure(samples(), "a machine")
        drawn.draw_without_rendering()
    (axes,) = drawn.axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [
        CONTESTANTS[name].label_on(2) for name in ("numpy", "jax", OURS)
    ]
    (legend,) = drawn.legends
    assert {text.get_text() for text in legend.get_texts()} == {FOUND, FREE, "limit of SGEMM"}
    assert axes.get_xlim()[0] == 0
    assert np.isfinite(axes.get_xlim()).all()


def stored(folder: Path, whole: pd.DataFrame) -> None:
    """Write what a race leaves in its folder before anything is drawn."""
    write_csv(folder / "race.csv", samples())
    write_csv(folder / "whole-search.csv", whole)
    write_json(folder / "manifest.json", {"processor": "Z80", "cores": 2})


WHOLE = pd.DataFrame(
    [("ours", 40, 0, 80.0, ""), ("lost", 0, 0, None, "error: no")],
    columns=["label", "trials", "pruned", "seconds", "reason"],
)


@pytest.mark.parametrize(
    ("whole", "said"),
    [
        (WHOLE.assign(environment="as it was", epochs=8), "whole lambda search as it was, 8 epochs"),
        (WHOLE, f"whole lambda search {FREE}, 20 epochs".replace("_", "\\_")),  # of before its file said so
    ],
    ids=["now", "before"],
)
def test_a_stored_race_is_drawn_again_as_it_was_wherever_it_was_measured(whole, said, tmp_path, capsys):
    stored(tmp_path, whole)
    redraw(tmp_path)
    assert {"race.md", "race.png", "race.svg"} < {path.name for path in tmp_path.iterdir()}
    text = (tmp_path / "race.md").read_text()
    described, _, others = text.partition("## A whole search")
    assert described == markdown(document(samples(), "Z80, 2 cores")).partition("## How it was measured")[0]
    assert said in others
    assert "| lost |" in " ".join(others.split())
    assert "error: no" in others
    assert "4.50 (4.00 to 5.00)" in capsys.readouterr().out


def test_a_folder_without_samples_cannot_be_drawn(tmp_path):
    with pytest.raises(SystemExit, match=r"must hold one of race.csv, whole-search.csv, costs.csv, got none"):
        redraw(tmp_path)


def test_the_whole_search_is_forty_trials_of_one_schedule():
    config, _ = parse("lambda", SWEEPS["lambda"], whole_sweep.arguments(5))
    final = config.final.replicates * 3
    assert config.coarse.count * config.coarse.replicates + config.refine.count * config.refine.replicates + final == 40
    stages = (config.coarse, config.refine, config.final)
    assert {(stage.step_size, stage.cycles, stage.val_fraction) for stage in stages} == {(5, 2, 0.1)}


def test_a_whole_search_says_how_many_times_ours_the_peer_took():
    done = [whole_sweep.Whole("ours", 40, 0, 80.0), whole_sweep.Whole("peer", 40, 0, 280.0)]
    (table,) = whole_sweep.section([*done, whole_sweep.Whole("lost", 0, 0, None, "error: no")], 20, FOUND).blocks
    assert table.rows[1] == ("peer", "40", "0", "280", "3.50")
    assert table.rows[2] == ("lost", "0", "0", "error: no", "–")


def test_the_search_is_halved_where_it_can_be():
    assert whole_sweep.pruning("│ --coarse.prune FLOAT │\n│ --coarse.count INT │") == ["--coarse.prune", "0.5"]
    assert whole_sweep.pruning("--coarse.count INT --refine.prune-at INT") == []


def test_the_peer_trains_the_trials_of_the_search(monkeypatch, tmp_path):
    trials = pd.DataFrame({"lambda": [0.1, 0.2, 0.1]})
    monkeypatch.setattr(whole_sweep, "_search", lambda label, *_: (trials, whole_sweep.Whole(label, 3, 0, 9.0)))
    monkeypatch.setattr(whole_sweep, "_help", lambda _: "")
    given = []
    monkeypatch.setattr(
        whole_sweep, "take_turn", lambda one, job: given.append((one.contestant, job)) or (Answer("ok"), 0)
    )
    ours, peer = whole_sweep.whole_sweeps(Job("rows", (), 2, cycles=2, warm=False), [], tmp_path, ())
    assert given == [("optuna-processes", Job("rows", (0.1, 0.2, 0.1), 2, cycles=2, warm=False))]
    assert (ours.seconds, ours.trials, peer.trials) == (9.0, 3, 3)
    assert peer.seconds >= 0
