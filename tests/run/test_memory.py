"""The memory rule: estimates near what training takes, refusals of what cannot fit, fewer workers where not all can."""

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from pipeline.data import Split
from pipeline.data.rows import ByteRows
from pipeline.errors import ConfigError
from pipeline.run.memory import PROCESS, fitting_workers, pack_bytes, usable_memory, worker_bytes
from pipeline.spec import (
    OPTIMIZERS,
    DataSpec,
    EvaluationSpec,
    NetworkSpec,
    OptimizerSpec,
    Pack,
    ScheduleSpec,
    TrialSpec,
)
from pipeline.train import train

SHORT = ScheduleSpec(eta_min=1e-6, eta_max=1e-6, step_size=1, cycles=1)


def pack_of(count: int, hidden: tuple[int, ...], *, inputs: int = 20, n: int = 300, **how: object) -> Pack:
    """Return a pack of `count` trials on `n` rows; `how`: NetworkSpec's fields, optimizer, components, ..."""
    optimizer = OptimizerSpec(str(how.pop("optimizer", "sgd")))
    evaluation, keep = EvaluationSpec(how.pop("statistics", "ema")), how.pop("keep", 1.0)
    components = how.pop("components", None)
    data = DataSpec("made up", "", inputs, classes=10, n_train=n, n_val=50, n_test=0, components=components)
    network = NetworkSpec(hidden, **({"batch_norm": "none"} | how))
    how = {"schedule": SHORT, "optimizer": optimizer, "evaluation": evaluation, "keep": keep}
    return Pack((TrialSpec(data, network, **how),) * count)


def measured(pack: Pack) -> int:
    """Return the bytes that training takes at its peak, of those that Python and NumPy ask for."""
    spec = pack.trials[0].data
    rng = np.random.default_rng(0)
    n, D = spec.n_train + spec.n_val, spec.columns
    x = ByteRows.of(rng.integers(0, 256, (n, D), np.uint8), np.full(D, 127.5), np.full(D, 73.9))
    if spec.components is not None:
        x = np.asarray(x)
    y = rng.integers(0, spec.classes, len(x))
    none, n = np.zeros(spec.inputs), spec.n_train
    split = Split(x[:n], y[:n], x[n:], y[n:], None, None, none, none, (), (), (0.0, 1.0), spec)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        epochs = train(pack, split)
        next(epochs), next(epochs)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


PACKS = {
    "wide": pack_of(1, (1200, 800)),
    **{f"wide, {name}": pack_of(1, (1200, 800), optimizer=name) for name in OPTIMIZERS},
    "wide, float64": pack_of(1, (800, 800), dtype="float64"),
    "many inputs": pack_of(1, (40,), inputs=3072),
    "a few of their components": pack_of(10, (40,), inputs=3072, components=200),
    "deep": pack_of(1, (20,) * 100),
    "deep, batch norm before": pack_of(1, (20,) * 100, batch_norm="before", n=1000),
    "deep, batch norm after": pack_of(1, (20,) * 100, batch_norm="after", n=1000),
    "deep, layer norm before": pack_of(1, (20,) * 100, layer_norm="before", n=1000),
    "deep, layer norm after": pack_of(1, (20,) * 100, layer_norm="after", n=1000),
    "deep, first layers normalised": pack_of(1, (20,) * 100, batch_norm="after", num_bn_layers=50, n=1000),
    "deep, skips": pack_of(1, (20,) * 100, skips=tuple((i, i + 2) for i in range(1, 98, 2)), n=1000),
    "deep, dropout": pack_of(1, (50,) * 60, keep=0.5, n=1000),
    "deep and thin": pack_of(1, (1,) * 300),
    "packed": pack_of(10, (50, 50), n=1000),
    "packed, dropout": pack_of(10, (50, 50), n=1000, keep=0.8),
    "packed, batch norm": pack_of(10, (50, 50), n=1000, batch_norm="before"),
    "linear": pack_of(10, (), inputs=500),
    "precise": pack_of(10, (50, 50), n=9000, batch_norm="before", statistics="precise"),
    "precise, skips": pack_of(4, (20,) * 9, n=9000, batch_norm="after", skips=((1, 3),), statistics="precise"),
    "adaptive": pack_of(1, (50, 50), inputs=500, n=4000, batch_norm="before", statistics="adaptive"),
}


@pytest.mark.parametrize("pack", PACKS.values(), ids=PACKS)
def test_the_estimate_is_near_what_training_takes(pack: Pack) -> None:
    assert 0.75 < pack_bytes(pack) / measured(pack) < 1.4


@pytest.mark.parametrize(("name", "arrays"), [("adagrad", 1), ("rmsprop", 1), ("adam", 2), ("adamw", 2)])
def test_an_optimizer_counts_with_the_arrays_that_it_keeps_per_parameter(name: str, arrays: int) -> None:
    """Momentum keeps one; their temporary arrays count alike."""
    momentum, other = (pack_bytes(pack_of(2, (1000, 500), optimizer=optimizer)) for optimizer in ("momentum", name))
    numbers = 20 * 1000 + 1000 * 500 + 500 * 10 + 3 * 1500 + 10  # a bias, gamma and beta per unit: at most
    assert other - momentum == (arrays - 1) * 2 * 4 * numbers


def test_the_parameters_alone_are_never_more_than_the_estimate() -> None:
    assert pack_bytes(pack_of(1, (10**9,))) > 4 * 10**9 * (20 + 10)
    assert pack_bytes(pack_of(7, (1000,))) > 7 * 4 * 1000 * (20 + 10)


def test_a_worker_is_a_process_with_a_pack() -> None:
    pack = pack_of(1, (5,))
    assert worker_bytes(pack) == PROCESS + pack_bytes(pack)


TWICE = 2 * worker_bytes(pack_of(3, (50, 50)))


@pytest.mark.parametrize(
    ("workers", "memory", "fitting"),
    [(2, TWICE, 2), (1, TWICE, 1), (3, TWICE, 2), (64, TWICE + 1, 2), (2, TWICE - 1, 1), (2, TWICE // 2, 1)],
)
def test_as_many_workers_run_as_fit_with_the_largest_pack_each_and_one_line_says_if_not_all_do(
    workers: int, memory: int, fitting: int
) -> None:
    packs = [pack_of(1, (50, 50)), pack_of(3, (50, 50)), pack_of(2, (50, 50))]
    told: list[str] = []
    assert fitting_workers(packs, workers, memory, told.append) == fitting
    if fitting == workers:
        assert told == []
    else:
        [line] = told
        assert line.startswith(f"note: {fitting} of {workers} workers at once: 0.1 GB for a pack of 3 networks")


def test_without_packs_there_is_nothing_to_fit() -> None:
    assert fitting_workers([], 3, 0, pytest.fail) == 3


def test_a_pack_that_does_not_fit_even_alone_is_refused_in_one_line() -> None:
    packs = [pack_of(1, (5,)), pack_of(1, (100_000, 100_000))]
    with pytest.raises(ConfigError) as refused:
        fitting_workers(packs, 2, 16 * 10**9, pytest.fail)
    assert str(refused.value) == (
        "networks must fit in memory, got 200.1 GB for a pack of 1 network hidden 100000-100000, of 16.0 GB"
    )


def test_a_very_deep_network_is_named_by_its_first_layers_and_their_number() -> None:
    with pytest.raises(ConfigError, match=r"of 1 network hidden 9-8-7-6-\.\.\. \(200000 hidden layers\), of 0\.1 GB$"):
        fitting_workers([pack_of(1, (9, 8, 7, 6, *[5] * 199_996))], 1, 10**8, pytest.fail)


PHYSICAL = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(
    ("listed", "files", "usable"),
    [
        ("0::/a/b", {"a/b/memory.max": "4096\n"}, 4096),
        ("0::/a/b", {"a/b/memory.max": "max\n", "a/memory.max": "8192\n"}, 8192),
        ("0::/a/b", {"a/b/memory.max": "8192\n", "memory.max": "4096\n"}, 4096),
        ("0::/", {"memory.max": "4096\n"}, 4096),
        ("0::/../elsewhere", {"memory.max": "4096\n"}, 4096),
        ("5:cpu:/a\n4:memory:/b\n0::/", {"memory/b/memory.limit_in_bytes": "4096\n"}, 4096),
        ("4:memory:/b", {"memory/memory.limit_in_bytes": "4096\n"}, 4096),  # in a container, whose group is the top
        ("4:memory:/b", {"memory/b/memory.limit_in_bytes": f"{2**63 - 4096}\n"}, PHYSICAL),  # no limit, in version 1
        ("5:cpu:/a", {"memory/a/memory.limit_in_bytes": "4096\n"}, PHYSICAL),
        ("0::/a", {}, PHYSICAL),
    ],
)
def test_usable_is_what_the_machine_has_or_what_the_control_groups_allow_if_that_is_less(
    tmp_path: Path, listed: str, files: dict[str, str], usable: int
) -> None:
    groups = tmp_path / "cgroup"
    for name, content in files.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(content)
    (tmp_path / "own").write_text(listed + "\n")
    assert usable_memory(tmp_path / "own", groups) == usable


@pytest.mark.parametrize("odd", ["a folder", "no text", "no number", "denied"])
def test_a_limit_that_cannot_be_seen_is_skipped_and_those_around_it_count(
    odd: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "memory.max").write_text("4096\n")
    (tmp_path / "own").write_text("0::/a\n")
    limit, read = tmp_path / "a" / "memory.max", Path.read_text
    if odd == "a folder":
        limit.mkdir()
    else:
        limit.write_bytes({"no text": b"\xff\xfe", "no number": "4\N{SUPERSCRIPT TWO}".encode(), "denied": b"1"}[odd])

    def denied(path: Path) -> str:
        if odd == "denied" and path == limit:
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_text", denied)
    assert usable_memory(tmp_path / "own", tmp_path) == 4096


@pytest.mark.parametrize("content", [b"nonsense\n", b"\n", b"0:\n", b"0::/a\0b\n", b"\xff\xfe"])
def test_an_odd_list_of_control_groups_limits_nothing(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "own").write_bytes(content)
    assert usable_memory(tmp_path / "own", tmp_path / "none") == PHYSICAL
    assert usable_memory(tmp_path, tmp_path / "none") == PHYSICAL  # a folder


def test_where_there_are_no_control_groups_the_machine_counts(tmp_path: Path) -> None:
    assert usable_memory(tmp_path / "none", tmp_path) == PHYSICAL
    assert 10**8 < usable_memory() <= PHYSICAL
