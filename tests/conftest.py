"""What all tests share: examples that are the same in every run, and that no file remembers."""

from collections.abc import Iterator

import hypothesis
import pytest

hypothesis.settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
hypothesis.settings.load_profile("repeatable")


@pytest.fixture
def quiet_optuna() -> Iterator[None]:
    """Optuna announces no study, and afterwards says as much as before, whatever the test told it."""
    import optuna  # noqa: PLC0415  (loads slowly; most tests do without)

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)
