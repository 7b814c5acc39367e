"""A lambda search whose coarse stage is screened on principal components: where, and that everything says so."""

import csv
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rig
from lambda_runs import engine, exported, folder_of, rows, run
from test_lambda_search import CONFIG, Drive, peak

from pipeline.report import style
from pipeline.report.document import Bullets, Table, Text
from sweeps.__main__ import main
from sweeps.answers import lambda_figures
from sweeps.answers.lambda_results import QUESTION
from sweeps.answers.lambda_sections import sections
from sweeps.cli import Options
from sweeps.lambda_search import LambdaSearch
from sweeps.stored import stored, tell

Capture = pytest.CaptureFixture[str]

pytestmark = pytest.mark.usefixtures("without_figures")

SCREENED = replace(CONFIG, screen=3)


@pytest.fixture(scope="module")
def screened(npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a screened run with one job; not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sweeps.answers.lambda_results.draw", lambda *_: None)
        return run(npz, tmp_path_factory.mktemp("screened") / "out", screen=3)


@pytest.mark.parametrize(
    ("at", "names"),
    [
        (1e-3, ["coarse-approximate", "refine", "final"]),
        (0.1, ["coarse-approximate", "coarse-approximate-2", "refine", "final"]),
        (1e-7, ["coarse-approximate", "coarse-approximate-2", "coarse-approximate-3", "refine", "final"]),
    ],
)
def test_coarse_stages_alone_are_screened_and_called_approximate(at: float, names: list[str]) -> None:
    drive = Drive({"": peak(at)}, SCREENED)
    conclusion = drive.run()
    assert drive.names == names
    for stage in drive.stages:
        data = stage.fixed.data
        assert data.components == (3 if "approximate" in stage.name else None), stage.name
        assert data.inputs == rig.D
        assert bool(data.n_test) == (stage.name == "final")
    assert [tried.stage for tried in conclusion.ranges] == names[:-2]
    told = conclusion.reason.count("on 3 principal components of the rows (approximate)")
    assert told == len(names) - 2


def test_without_components_nothing_is_approximate() -> None:
    drive = Drive({"": peak(1e-3)}, replace(SCREENED, screen=0))
    assert "approximate" not in drive.run().reason
    assert drive.names == ["coarse", "refine", "final"]
    assert {stage.fixed.data.components for stage in drive.stages} == {None}
    assert LambdaSearch().screen == 0


def test_the_tables_say_which_rows_a_trial_saw_and_best_json_what_was_kept(screened: Path, done: Path) -> None:
    seen = {row["stage"]: row["components"] for row in rows(screened)}
    assert seen == {"coarse-approximate": "3", "refine": "", "final": ""}
    assert "components" not in rows(done)[0]
    best = json.loads((screened / "best.json").read_text())
    assert best["screen"]["components"] == 3
    assert 3 / rig.D < best["screen"]["variance"] < 1
    assert best["screen"]["variance"] == pytest.approx(_kept(screened), abs=0.0001)
    assert "coarse-approximate" in best["reason"]
    assert json.loads((done / "best.json").read_text())["screen"] is None
    with (screened / "summary.csv").open(newline="") as file:
        assert {row["stage"] for row in csv.DictReader(file)} == set(seen)


def _kept(folder: Path) -> float:
    """Return the share of variance on the first 3 axes, from the standardised rows of the stage that follows."""
    [whole] = (folder.parents[1] / "cache").glob("*-t0")
    x = np.load(whole / "x_train.npy").astype(np.float64)
    squares = np.linalg.svd(x, compute_uv=False) ** 2
    return float(squares[:3].sum() / squares.sum())


@pytest.mark.parametrize("jobs", [2, 3])
def test_any_number_of_jobs_leaves_the_same_bytes(npz: Path, tmp_path: Path, screened: Path, jobs: int) -> None:
    assert exported(run(npz, tmp_path / "out", screen=3, jobs=jobs)) == exported(screened)


KILL = """
import os, signal, sys
import pipeline.data.cache as cache
from sweeps.__main__ import main
write, rotated = cache._write_rows, []
def dying(file, parts, dtype, shape):
    write(file, parts, dtype, shape)
    if shape[1] == 3:
        rotated.append(shape)
        os.kill(os.getpid(), signal.SIGKILL)
cache._write_rows = dying
main(sys.argv[1:])
"""


def test_a_run_that_is_killed_while_rows_are_rotated_ends_like_an_uninterrupted_one(
    npz: Path, tmp_path: Path, screened: Path
) -> None:
    arguments = rig.lambda_command(npz, tmp_path / "out", screen=3, jobs=2)
    root = Path(__file__).parents[2]
    killed = subprocess.run([sys.executable, "-c", KILL, *arguments], cwd=root, check=False, capture_output=True)
    assert killed.returncode == -9, killed.stderr
    assert not list((tmp_path / "out" / "cache").glob("[!.]*-c3-*"))
    assert exported(run(npz, tmp_path / "out", screen=3)) == exported(screened)


def test_a_complete_run_typed_again_trains_nothing_and_keeps_the_bytes_even_without_its_cache(
    npz: Path, tmp_path: Path, screened: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(screened.parents[1], tmp_path / "out")
    folder = folder_of(tmp_path / "out")
    before = rig.files(folder)
    engine(monkeypatch, rig.forbidden())
    run(npz, tmp_path / "out", screen=3)
    assert rig.files(folder) == before
    shutil.rmtree(tmp_path / "out" / "cache")
    run(npz, tmp_path / "out", screen=3)
    assert rig.files(folder) == before


def test_the_report_tells_it_from_the_store_alone(npz: Path, tmp_path: Path, screened: Path) -> None:
    shutil.copytree(screened.parents[1], tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "cache")
    answer = stored(QUESTION, folder_of(tmp_path / "out"))
    assert [result.stage.fixed.data.components for result in answer.results] == [3, None, None]
    [section] = sections(answer)
    texts = " ".join(block.text for block in section.blocks if isinstance(block, Text))
    assert "The coarse stage is approximate" in texts
    assert "the first 3 principal components of the standardised training rows in place of their 6 features" in texts
    bullets = [line for block in section.blocks if isinstance(block, Bullets) for line in block.items]
    assert "(approximately, on 3 principal components)" in bullets[0]
    assert "validation accuracy on 3 principal components (approximate) was" in " ".join(bullets[1:])
    [stages, *_] = [block for block in section.blocks if isinstance(block, Table)]
    assert [row[0] for row in stages.rows] == ["coarse-approximate", "refine", "final"]
    told = tell(QUESTION, Options(artifacts=tmp_path / "out"), folder_of(tmp_path / "out").name)
    assert told.origin is not None
    assert "--screen 3" in told.origin.command


def test_the_figure_of_the_search_says_approximate_and_the_final_one_does_not(screened: Path) -> None:
    answer = stored(QUESTION, screened)
    figure = lambda_figures.lambda_search(answer)
    words = [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]
    assert any("3 principal components (approximate) / all features" in text for text in words)
    assert any(text.startswith("coarse-approximate: mean over 2 replicates") for text in words)
    figure.draw_without_rendering()
    [legend] = figure.legends
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.x1
    assert "approximate" not in style.describe(answer.results[-1].records)


def test_a_plan_says_approximate_and_finds_no_axes(
    npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("pipeline.data.cache.principal_axes", None)  # would fail if it were called
    assert main(rig.lambda_command(npz, tmp_path / "out", screen=3, plan=True)) == 0
    output = " ".join(capsys.readouterr().out.split())
    assert "coarse-approximate: 4 settings x 2 replicates = 8 trials of 2 epochs on 3 principal components (approx" in (
        output
    )
    assert "principal components are found first, once per data set, which is not counted" in output
    assert not (tmp_path / "out").exists()


def test_progress_says_approximate_and_what_share_was_kept(npz: Path, tmp_path: Path, capsys: Capture) -> None:
    run(npz, tmp_path / "out", screen=3)
    output = " ".join(capsys.readouterr().out.split())
    assert output.startswith("finding the first 3 principal components of 144 training rows coarse-approximate: 8 tr")
    assert re.search(r"the coarse stage is approximate: 3 principal components, \d\d\.\d\d% of variance", output)


def dependent(folder: Path) -> Path:
    """Write the data set with two features that are one."""
    arrays = rig.arrays()
    arrays["x_train"][:, 5] = arrays["x_train"][:, 4]
    np.savez(folder / "dependent.npz", **arrays)
    return folder / "dependent.npz"


def test_more_components_than_the_rows_differ_in_are_refused_before_anything_is_written(
    tmp_path: Path, capsys: Capture
) -> None:
    path = dependent(tmp_path)
    assert main(rig.lambda_command(path, tmp_path / "out", screen=6)) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"error: components must not exceed 5, the directions in which .* rounding, got 6", line)
    assert not (tmp_path / "out").exists()
    assert run(path, tmp_path / "out", screen=5).exists()


def test_another_number_of_components_is_another_configuration(
    npz: Path, tmp_path: Path, screened: Path, capsys: Capture
) -> None:
    shutil.copytree(screened.parents[1], tmp_path / "out")
    assert main(rig.lambda_command(npz, tmp_path / "out", screen=2)) == 2
    assert "lambda.screen = 2, stored 3" in capsys.readouterr().err
