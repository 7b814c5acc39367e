"""What the tests of sweeps share: data, a finished lambda search, copies of it, runs without figures."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import rig
from joblib.externals.loky import get_reusable_executor
from lambda_runs import run


@pytest.fixture(scope="package", autouse=True)
def _no_workers_left_behind() -> Iterator[None]:
    yield
    get_reusable_executor(reuse=True, kill_workers=True).shutdown(kill_workers=True)


@pytest.fixture(scope="package")
def npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rig.npz(tmp_path_factory.mktemp("data"))


@pytest.fixture
def without_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the drawing, which takes seconds, to the tests that ask for it and to the contract of all sweeps."""
    if "drawn" not in request.fixturenames:
        monkeypatch.setattr("sweeps.answers.lambda_results.draw", lambda *_: None)


@pytest.fixture
def small_forests(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Grow forests that take no seconds, which nothing but the tests of importance look at."""
    from sweeps.answers import random_search_study  # noqa: PLC0415  (Optuna, which the other tests need not wait for)

    monkeypatch.setattr(random_search_study, "TREES", 4)
    yield
    random_search_study.fanova.cache_clear()


@pytest.fixture
def drawn() -> None:
    """Ask for figures."""


@pytest.fixture(scope="package")
def done(npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with one job; not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sweeps.answers.lambda_results.draw", lambda *_: None)
        return run(npz, tmp_path_factory.mktemp("done") / "out")


@pytest.fixture
def copied(done: Path, tmp_path: Path) -> Path:
    """A copy of its artifacts folder, to run in again."""
    out = tmp_path / "odd [/out] :x:"  # whatever means something to a terminal
    for name, content in rig.files(done.parents[1]).items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(content)
    return out
