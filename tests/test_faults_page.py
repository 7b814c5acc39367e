"""What the README and docs/ say of injected faults is what the stored run of `make faults` says."""

import json
from pathlib import Path

import pandas as pd
import pytest
from calls import CALLS, fault
from case import CONTROL, CONTROLS, FAILURES
from kills import ALL, DRIVER, WORKER
from outcome import control, document, sentence

from pipeline.report.markdown import markdown

ROOT = Path(__file__).resolve().parents[1]
STORED = ROOT / "docs" / "faults"
ROWS, PHASES = pd.read_csv(STORED / "faults.csv"), pd.read_csv(STORED / "phases.csv")
ABOUT = json.loads((STORED / "manifest.json").read_text())
KILLS = (ALL, DRIVER, WORKER)
CASES = ROWS.set_index("fault").cases


def words(page: str) -> str:
    return " ".join((ROOT / page).read_text().split())


def test_the_stored_page_is_made_of_the_stored_tables() -> None:
    assert (STORED / "faults.md").read_text() == markdown(document(ROWS, PHASES, ABOUT))


def test_it_was_all_of_make_faults() -> None:
    assert ABOUT["command"] == "make faults"
    assert ABOUT["seconds"] < 600
    assert not ABOUT["pipeline"]["revision"].endswith("+")


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md"])
def test_the_pages_say_what_the_faults_came_to(page: str) -> None:
    assert sentence(ROWS) in words(page)
    assert control(ROWS) in words(page)


def test_nothing_failed_but_the_control() -> None:
    ours = ROWS[~ROWS.fault.isin(CONTROLS)]
    assert not ours[[*FAILURES, "failed"]].any(axis=None)
    assert (ours.identical == ours.sweeps).all()
    assert ROWS.failed[ROWS.fault == CONTROL].item() > 0


def test_as_many_were_killed_as_is_said_and_in_every_phase() -> None:
    assert CASES[list(KILLS)].sum() >= 200
    in_phases = PHASES.set_index("fault").loc[list(KILLS)].sum()
    for phase in ("planning", "running", "recording", "tables", "drawing", "report"):
        assert in_phases[phase] >= 10


def test_every_other_kind_was_tried_as_often_as_it_should_be() -> None:
    for signal in ("SIGINT", "SIGTERM"):
        assert CASES[f"{signal} once"] == CASES[f"{signal} twice"] == 40
    assert CASES["two drivers at once"] == 50
    assert all(CASES[fault(call)] > 0 for call in CALLS)
