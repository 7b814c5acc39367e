"""Configurations made at random: refused in one line, or they train. `make faults` tries more of them."""

import warnings
from pathlib import Path
from random import Random

import pytest
from generated import FAULT, NAMES, command, outcome
from refused import rows

TRIED = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated")
    rows(folder / "tiny.npz", (1, 2, 3))
    return folder


def lines(count: int) -> list[list[str]]:
    random = Random(f"1 {FAULT}")
    return [command(random) for _ in range(count)]


@pytest.mark.parametrize("words", lines(TRIED), ids=" ".join)
def test_a_configuration_is_refused_in_one_line_or_every_kind_of_pack_of_it_trains(
    words: list[str], folder: Path
) -> None:
    assert outcome(words, folder) == ""


def test_every_sweep_is_among_those_of_make_faults() -> None:
    assert {words[0] for words in lines(500)} == set(NAMES)


def test_what_ends_otherwise_is_noticed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise ZeroDivisionError("by zero")

    def warns(*_: object) -> None:
        warnings.warn("careful", stacklevel=1)

    for happens, said in ((breaks, "by zero"), (warns, "careful")):
        with monkeypatch.context() as patch:
            patch.setattr("sweeps.fit.fit", happens)
            assert said in outcome(["width", "--scale", "smoke"], folder)
            patch.undo()
            patch.setattr("generated.train", happens)
            assert said in outcome(["width", "--scale", "smoke"], folder)
