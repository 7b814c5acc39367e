"""Figures of a run folder: kept where they show these very results, byte for byte; drawn anew in any other case."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rig
from matplotlib.figure import Figure
from rich.console import Console

from pipeline.records import Chance, Curves, Diagnosis, Row, Status, TrialRecord
from sweeps.answers import drawn
from sweeps.question import Answer, Finished

NAMES = ("one", "two", "three")


def answer(accuracy: float = 0.5, seed: int = 0, chance: float = 0.1) -> Answer[Any, Any]:
    """Return the answer of a sweep of one trial."""
    curves = Curves(val_accuracy=(accuracy,))
    record = TrialRecord("search", 0, 0, 0, rig.fixed(), Status.COMPLETE, curves, pack_key="pack")
    return Answer(None, None, [], [Row(record)], [], {"seed": seed}, Diagnosis(Chance(chance, 2.3)))


def draw(folder: Path, told: Answer[Any, Any], names: tuple[str, ...] = NAMES, computed: int = 0) -> int:
    """Draw figures of these names, any of NAMES being optional, and return how many were drawn."""
    asked: list[str] = []

    def figures() -> list[tuple[str, Figure]]:
        asked.extend(names)
        return [(name, Figure()) for name in names]

    finished = Finished(folder, source=None, computed=computed)  # type: ignore[arg-type]
    drawn.draw(told, finished, Console(quiet=True), figures, NAMES)
    return len(asked)


def files(folder: Path) -> set[str]:
    return {path.name for path in (folder / "figures").iterdir()}


def test_what_shows_these_results_is_kept_and_not_a_figure_is_made(tmp_path: Path) -> None:
    assert draw(tmp_path, answer()) == 3
    before = rig.files(tmp_path)
    assert draw(tmp_path, answer()) == 0
    assert rig.files(tmp_path) == before


@pytest.mark.parametrize("other", [answer(accuracy=0.51), answer(seed=1), answer(chance=0.2)])
def test_other_results_are_drawn(tmp_path: Path, other: Answer[Any, Any]) -> None:
    draw(tmp_path, answer())
    assert draw(tmp_path, other) == 3
    assert draw(tmp_path, other) == 0


def test_what_was_just_computed_is_drawn(tmp_path: Path) -> None:
    draw(tmp_path, answer())
    assert draw(tmp_path, answer(), computed=1) == 3


def lose(folder: Path) -> None:
    (folder / "figures" / "two.svg").unlink()


def damage(folder: Path) -> None:
    path = folder / "figures" / "two.png"
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def forget(folder: Path) -> None:
    (folder / drawn.RECORD).unlink()


def scribble(folder: Path) -> None:
    (folder / drawn.RECORD).write_bytes(b"\xff{")


def train_again(folder: Path) -> None:
    (folder / "networks").mkdir()
    (folder / "networks" / "0.npz").write_bytes(b"another network")


@pytest.mark.parametrize("happens", [lose, damage, forget, scribble, train_again])
def test_what_is_missing_damaged_or_of_other_networks_is_drawn_again(
    tmp_path: Path, happens: Callable[[Path], None]
) -> None:
    draw(tmp_path, answer())
    pictures = {name: rig.files(tmp_path)[f"figures/{name}"] for name in files(tmp_path)}
    happens(tmp_path)
    assert draw(tmp_path, answer()) == 3
    assert {name: rig.files(tmp_path)[f"figures/{name}"] for name in files(tmp_path)} == pictures
    assert draw(tmp_path, answer()) == 0


@pytest.mark.parametrize("part", ["_code", "_libraries"])
def test_other_code_and_other_libraries_draw_again(tmp_path: Path, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path, answer())
    monkeypatch.setattr(drawn, part, lambda: "of another version")
    assert draw(tmp_path, answer()) == 3


def test_a_drawing_that_was_interrupted_is_not_taken_for_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path, answer())
    with monkeypatch.context() as patch:
        rig.dies(patch, drawn.style, "save", after=2)
        with pytest.raises(rig.Killed):
            draw(tmp_path, answer(accuracy=0.6))
    assert draw(tmp_path, answer()) == 3  # though the record was of these very results


def test_figures_that_are_not_drawn_any_more_go_and_files_of_other_names_stay(tmp_path: Path) -> None:
    draw(tmp_path, answer())
    (tmp_path / "figures" / "mine.png").write_text("mine")
    draw(tmp_path, answer(accuracy=0.6), names=("one",))
    assert files(tmp_path) == {"one.png", "one.svg", "mine.png"}
    (tmp_path / "figures" / "two.png").write_text("of an earlier choice")
    assert draw(tmp_path, answer(accuracy=0.6), names=("one",)) == 1
    assert files(tmp_path) == {"one.png", "one.svg", "mine.png"}


def test_the_digest_of_the_code_is_of_every_source_file(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path] = []
    monkeypatch.setattr(drawn, "_sha256", lambda path: seen.append(path) or "")
    drawn._code.__wrapped__()
    assert {"style.py", "drawn.py", "network.py", "conventions.py"} <= {path.name for path in seen}
    assert len(seen) == len(set(seen)) > 100
