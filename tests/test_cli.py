"""The command line: what is typed becomes values; what is wrong becomes one line and an exit code."""

import gc
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NoReturn, Self

import pytest

from pipeline.errors import ConfigError, DataError, HostError, require
from pipeline.spec import NetworkSpec
from sweeps import SWEEPS
from sweeps.__main__ import GARBAGE, main
from sweeps.cli import SCALES, Entry, LambdaFlag, Options, flags, parse

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Stage:
    count: int = 16
    lambdas: tuple[float, ...] = ()
    sampler: Literal["grid", "tpe"] = "grid"

    def __post_init__(self) -> None:
        require(self.count >= 1, "count", "must be at least 1", self.count)
        require(self.sampler != "tpe" or self.count != 4, "tpe", "must skip 4", self.count)


@dataclass(frozen=True)
class Toy:
    """Ask a toy question.

    And explain it at length.
    """

    network: NetworkSpec = field(default_factory=NetworkSpec)
    coarse: Stage = field(default_factory=Stage)
    refine: Stage = field(default_factory=Stage)
    lambda_: LambdaFlag = 0.005
    shuffle: bool = True

    @classmethod
    def at_scale(cls, scale: str) -> Self:
        return cls(coarse=Stage(count={"smoke": 2, "quick": 5, "full": 16}[scale]))


def toy(execute: Callable[[Any, Options], None]) -> dict[str, Entry]:
    return {"toy": Entry(Toy, execute), "lambda": Entry(Toy, unreachable)}


def unreachable(configuration: Any, options: Options) -> NoReturn:
    raise AssertionError("the sweep must not start")


def raiser(error: BaseException) -> Callable[[Any, Options], None]:
    def execute(configuration: Any, options: Options) -> None:
        raise error

    return execute


def asked(*arguments: str) -> tuple[Toy, Options]:
    """Return what the sweep is started with."""
    seen: list[tuple[Toy, Options]] = []
    assert main(["toy", *arguments], toy(lambda *request: seen.append(request))) == 0
    return seen[0]


def test_garbage_is_seldom_searched_for_in_a_run_and_as_before_after_it() -> None:
    before, seen = gc.get_threshold(), []
    try:
        gc.set_threshold(701, 11, 11)
        assert main(["toy"], toy(lambda *_: seen.append(gc.get_threshold()[0]))) == 0
        assert (seen, gc.get_threshold()[0]) == ([GARBAGE], 701)
    finally:
        gc.set_threshold(*before)


def test_without_flags_a_sweep_gets_its_defaults_at_full_scale() -> None:
    assert asked() == (Toy.at_scale("full"), Options())


def test_every_kind_of_field_is_a_flag() -> None:
    configuration, options = asked(
        *("--network.hidden", "10", "20", "--network.batch-norm", "none", "--coarse.lambdas", ".1", "-1e-3"),
        *("--coarse.sampler", "tpe", "--lambda", "0.25", "--no-shuffle", "--coarse.count=3"),
        *("--dataset", "digits", "--data_dir", "a b", "--jobs", "2", "--seed", "7", "--run", "v1.2_x-y", "--plan"),
        *("--retry", "failed", "--trial-timeout", "2.5", "--pack-width", "8", "--artifacts", "out", "--debug"),
    )
    assert configuration == Toy(
        network=NetworkSpec(hidden=(10, 20), batch_norm="none"),
        coarse=Stage(count=3, lambdas=(0.1, -1e-3), sampler="tpe"),
        lambda_=0.25,
        shuffle=False,
    )
    assert options == Options(
        dataset="digits",
        data_dir=Path("a b"),
        jobs=2,
        seed=7,
        run="v1.2_x-y",
        plan=True,
        retry="failed",
        trial_timeout=2.5,
        pack_width=8,
        artifacts=Path("out"),
        debug=True,
    )


def test_the_scale_sets_defaults_and_flags_override_them_in_any_order() -> None:
    assert asked("--scale", "smoke")[0].coarse.count == 2
    assert asked("--coarse.count", "9", "--scale", "smoke")[0].coarse.count == 9
    assert asked("--scale", "quick", "--coarse.sampler", "tpe")[0].coarse == Stage(count=5, sampler="tpe")


def test_workers_are_the_jobs_asked_for_or_the_cores_at_hand() -> None:
    assert Options(jobs=3).workers == 3
    assert 1 <= Options().workers <= (os.cpu_count() or 1)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_without_a_name_the_sweeps_are_listed(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments, toy(unreachable)) == 0
    output = capsys.readouterr().out
    assert re.search(r"^ +toy +Ask a toy question\.$", output, re.MULTILINE)
    assert "at length" not in output


def test_the_help_of_a_sweep_shows_its_defaults_at_the_scale(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["toy", "--scale", "smoke", "--help"], toy(unreachable)) == 0
    output = capsys.readouterr().out
    assert "Ask a toy question." in output
    assert "--lambda FLOAT" in output
    assert "lambda_" not in output
    assert re.search(r"--coarse\.count INT\W+\(default: 2\)", output)


@pytest.mark.parametrize("entry", [Entry(Toy, unreachable), *SWEEPS.values()], ids=["toy", *SWEEPS])
class TestEverySweep:
    def test_shows_every_flag_in_its_help(self, entry: Entry, capsys: pytest.CaptureFixture[str]) -> None:
        assert parse("name", entry, ["--help"]) is None
        shown = set(re.findall(r"(?<=[│ ])--[a-z](?:[a-z0-9.-]*[a-z0-9])?", capsys.readouterr().out))
        assert shown == {"--help", *flags(Options()), *flags(entry.configuration.at_scale("full"))}

    @pytest.mark.parametrize("scale", SCALES)
    def test_has_defaults_at_every_scale(self, entry: Entry, scale: str) -> None:
        assert parse("name", entry, ["--scale", scale]) == (entry.configuration.at_scale(scale), Options(scale=scale))

    def test_says_in_one_line_what_it_asks(self, entry: Entry) -> None:
        assert entry.summary.endswith((".", "?"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("tyo", "sweep must be one of toy, lambda, got 'tyo'; did you mean 'toy'?"),
        ("toy --jbos 3", "flags must be those of toy --help, got '--jbos'; did you mean '--jobs'?"),
        ("toy --lambda_ 3", "flags must be those of toy --help, got '--lambda_'; did you mean '--lambda'?"),
        ("toy 3", "values must follow a flag that takes them, got '3'"),
        ("toy --coarse.count 0 --seed 3", "--coarse.count: count must be at least 1, got 0"),
        (
            "toy --refine.sampler tpe --refine.count 4",
            "--refine.sampler, --refine.count: tpe must skip 4, got 4",
        ),
    ],
)
def test_a_broken_rule_is_one_line(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split(), toy(unreachable)) == 2
    assert capsys.readouterr() == ("", f"error: {message}\n")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("gradient-check --plan", "--plan must be left out of gradient-check, got True"),
        ("report --trial-timeout 9", "--trial-timeout must be left out of report, got 9.0"),
        ("data --pack-width 3", "--pack-width must be left out of data, got 3"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused_and_the_help_says_so(
    line: str, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name, flag, *_ = line.split()
    assert main(line.split()) == 2
    assert capsys.readouterr() == ("", f"error: {message}\n")
    assert main([name, "--help"]) == 0
    assert re.search(rf"Takes no [^.]*{flag}\b", capsys.readouterr().out)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("toy --seed", ["--seed must be followed by a value, got none\n"]),
        ("toy --seed x", ["--seed must be INT, got 'x'\n"]),
        ("toy --network.hidden 50 x", ["--network.hidden must be [INT [INT ...]], got '50', 'x'\n"]),
        ("toy --network.hidden 5.5", ["--network.hidden must be [INT [INT ...]], got '5.5'\n"]),
        ("toy --coarse.sampler sobol", ["--coarse.sampler", "grid", "tpe", "'sobol'"]),
    ],
)
def test_a_value_of_the_wrong_type_is_one_line_that_names_the_flag(
    line: str, parts: Sequence[str], encoding: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(sys.stdout), "encoding", encoding)  # decides how tyro draws its frames
    assert main(line.split(), toy(unreachable)) == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert re.fullmatch(r"error: [^\n│─╭]+\n", errors)
    for part in parts:
        assert part in errors


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigError("a must be b, got c"), 2, "error: a must be b, got c"),
        (HostError("out must be writable, got disk full"), 3, "error: out must be writable, got disk full"),
        (DataError("two\nlines"), 4, "error: two lines"),
        (
            ZeroDivisionError("by zero"),
            1,
            "error: internal: ZeroDivisionError: by zero (run again with --debug for the traceback)",
        ),
        (
            BrokenPipeError("a worker's"),
            1,
            "error: internal: BrokenPipeError: a worker's (run again with --debug for the traceback)",
        ),
        (KeyboardInterrupt(), 130, "stopped by SIGINT; the same command continues from here"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_every_fault_has_its_exit_code_and_one_line(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["toy"], toy(raiser(error))) == code
    assert capsys.readouterr().err == line + "\n"


@pytest.mark.parametrize(("error", "code"), [(HostError("locked"), 3), (ZeroDivisionError("by zero"), 1)])
def test_debug_adds_the_traceback_below_the_line_and_keeps_the_code(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["toy", "--debug"], toy(raiser(error))) == code
    first, second, *_, last = capsys.readouterr().err.splitlines()
    assert first.startswith("error: ")
    assert first.endswith(str(error))
    assert second.startswith("Traceback")
    assert type(error).__name__ in last


def test_sigterm_unwinds_the_sweep_and_is_then_handled_as_before(capsys: pytest.CaptureFixture[str]) -> None:
    unwound: list[bool] = []

    def execute(configuration: Any, options: Options) -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        except Exception:  # what a careless layer would do
            pytest.fail("SIGTERM must pass 'except Exception'")
        finally:
            unwound.append(True)

    before = signal.getsignal(signal.SIGTERM)
    assert main(["toy"], toy(execute)) == 143
    assert unwound == [True]
    assert signal.getsignal(signal.SIGTERM) is before
    assert capsys.readouterr().err == "stopped by SIGTERM; the same command continues from here\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_what_breaks_while_a_stopped_sweep_is_unwound_is_not_called_a_bug(
    number: signal.Signals, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def execute(configuration: Any, options: Options) -> None:
        try:
            signal.raise_signal(number)
        finally:
            print("Traceback of a library that could not close what it had opened", file=sys.stderr)
            threading.Thread().join()  # raises RuntimeError: it was never started

    assert main(["toy"], toy(execute)) == code
    assert capsys.readouterr().err == f"stopped by {number.name}; the same command continues from here\n"


def test_an_unknown_name_is_refused_before_any_library_of_the_sweeps_is_loaded() -> None:
    heavy = {"numpy", "scipy", "pandas", "optuna", "matplotlib", "sklearn", "joblib"}
    script = f"""
import sys
from sweeps.__main__ import main
assert main(["no-such-sweep"]) == 2
print(sorted({heavy!r} & sys.modules.keys()))
"""
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert finished.stdout == "[]\n"
    assert finished.stderr.startswith("error: sweep must be one of ")


def test_what_comes_before_the_answer_to_ctrl_c_takes_no_time_to_import() -> None:
    script = """
import sys
before = set(sys.modules)
import sweeps.__main__
print(*{name.partition(".")[0] for name in sys.modules.keys() - before})
"""
    finished = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(finished.stdout.split()) - sys.stdlib_module_names == {"sweeps"}


@pytest.mark.parametrize("arguments", [[], ["data", "--help"], ["no-such-sweep"]])
def test_ctrl_c_while_libraries_are_imported_is_one_line(arguments: Sequence[str], tmp_path: Path) -> None:
    (tmp_path / "tyro.py").write_text("import signal; signal.raise_signal(signal.SIGINT)")
    finished = sweeps_process(*arguments, PYTHONPATH=str(tmp_path))
    assert finished.returncode == 130
    assert finished.stderr == "stopped by SIGINT; the same command continues from here\n"


def sweeps_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m sweeps`` as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "sweeps", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
