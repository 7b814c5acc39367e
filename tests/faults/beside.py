"""Lets the parts import what the tests beside them are made with, as pytest's `pythonpath` does."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]

sys.path += [str(TESTS.parent), str(TESTS), str(TESTS / "data")]  # the packages before folders of their names
