"""What may be typed after ``python -m sweeps``: a sweep's name, the options of every run, the sweep's own fields."""

import contextlib
import dataclasses
import importlib
import inspect
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, Self

import tyro

from pipeline.errors import ConfigError, nearest, one_of, require
from pipeline.spec import positive_integer
from sweeps.typed import blamed, by_flag, check, flag_of, in_help, values_of

if TYPE_CHECKING:
    from pipeline.report.provenance import Told
    from sweeps.fit import Stages

SCALES = ("smoke", "quick", "full")
MOST_JOBS = 1024
MOST_SEED = 2**63 - 1
UNBROKEN = "10000"
"""Columns in which tyro breaks no line of a complaint."""

AGES = 1e8
"""Seconds, three years: what the clocks of every system can count to."""

LambdaFlag = Annotated[float, tyro.conf.arg(name="lambda")]
"""The type of a configuration field called ``lambda_``: its flag is ``--lambda``."""


def _shown_as(metavar: str) -> Any:
    return tyro.conf.arg(metavar=metavar)


@dataclass(frozen=True)
class Options:
    """How to run a sweep, whichever sweep it is."""

    dataset: Annotated[str | None, _shown_as("NAME")] = None
    """cifar10, digits, mnist, mnist-t10k or the path of an .npz file; without it CIFAR-10 where it can be had"""
    data_dir: Annotated[Path | None, _shown_as("PATH")] = None
    """where the data sets lie (without it: data)"""
    jobs: Annotated[int | None, _shown_as("INT")] = None
    """worker processes (without it: one per core this process may use)"""
    seed: int = 0
    """the root of every random number"""
    scale: Annotated[str, _shown_as("|".join(SCALES))] = "full"
    """which defaults the flags of the sweep start from"""
    run: Annotated[str | None, _shown_as("NAME")] = None
    """a name that keeps this run's results apart from others of the same data set"""
    plan: bool = False
    """show what would be trained, and at what cost; train nothing"""
    retry: Annotated[str | None, _shown_as("failed")] = None
    """train again the trials that FAILED"""
    trial_timeout: Annotated[float | None, _shown_as("SECONDS")] = None
    """a pack of trials (with pruning, a cycle of it) that takes longer ends FAILED (without it: none does)"""
    pack_width: Annotated[int | None, _shown_as("INT")] = None
    """trials per pack (without it: a rule of the network's width); belongs to the configuration"""
    debug: bool = False
    """show the traceback of an error"""
    artifacts: Path = Path("artifacts")
    """where results go"""

    def __post_init__(self) -> None:
        require(self.jobs is None or self.jobs >= 1, "jobs", "must be at least 1", self.jobs)
        require(self.jobs is None or self.jobs <= MOST_JOBS, "jobs", f"must be at most {MOST_JOBS}", self.jobs)
        require(self.seed >= 0, "seed", "must not be negative", self.seed)
        require(self.seed <= MOST_SEED, "seed", "must be less than 2^63", self.seed)
        one_of("scale", self.scale, SCALES)
        if self.run is not None:
            _check_run(self.run)
        if self.retry is not None:
            one_of("retry", self.retry, ("failed",))
        if self.pack_width is not None:
            positive_integer("pack width", self.pack_width)
        if self.trial_timeout is not None:
            rule = f"must be seconds above 0 and at most {AGES:g}"
            require(0 < self.trial_timeout <= AGES, "trial timeout", rule, self.trial_timeout)

    @property
    def workers(self) -> int:
        """Worker processes to start: `jobs`, or as many as affinity and container limits leave cores."""
        if self.jobs is not None:
            return self.jobs
        from joblib import cpu_count  # noqa: PLC0415 (half a second that --help need not wait for)

        return int(cpu_count())


def _check_run(name: str) -> None:
    rule = "must be letters, digits, '-', '_' and '.'"
    require(re.fullmatch(r"[A-Za-z0-9._-]+", name) is not None, "run", rule, name)
    # the results of RUN=smoke at full scale would lie in the folder of SCALE=smoke
    rule = "must not begin with the name of a scale"
    require(re.match(r"(smoke|quick)(-|$)", name) is None, "run", rule, name)


class Configuration(Protocol):
    """The fields that one sweep adds to the command line: a frozen dataclass with a docstring."""

    @classmethod
    def at_scale(cls, scale: str) -> Self:
        """Return the defaults at a scale of SCALES."""
        ...


@dataclass(frozen=True)
class Entry:
    """One command in the table: what can be configured, what runs it, and which Options it has no use for.

    `tells` says what the report says of it, from what is stored for a data set, called as run folders are; None
    where there is nothing to say.
    """

    configuration: type[Configuration]
    execute: Callable[[Any, Options], None]
    unused: tuple[str, ...] = ()
    tells: Callable[[Options, str], "Told"] | None = None

    @property
    def summary(self) -> str:
        """The first line of the configuration's docstring."""
        return self.description.partition("\n")[0]

    @property
    def description(self) -> str:
        """The configuration's docstring, and which options are refused."""
        text = inspect.getdoc(self.configuration) or ""
        return f"{text}\n\nTakes no {', '.join(map(_flag, self.unused))}." if self.unused else text

    def check(self, name: str, options: Options) -> None:
        """Refuse options that would be ignored.

        Raises:
            ConfigError: one of `unused` is given.
        """
        for field in self.unused:
            given = getattr(options, field)
            require(given == getattr(Options(), field), _flag(field), f"must be left out of {name}", given)


def later(where: str) -> Callable[[Any, Any], Any]:
    """Return the function that `where` names (``module:function``), whose module is imported when it is called.

    Optuna, pandas and Matplotlib take seconds to load, which --help and bad input need not wait for.
    """

    def call(first: Any, second: Any) -> Any:
        return _found(where)(first, second)

    return call


class UnfitError(ConfigError):
    """A configuration does not fit the data; `check` refuses others that do not, and their options."""

    def __init__(self, message: str, check: Callable[[Any, Options], object]) -> None:
        super().__init__(message)
        self.check = check


def asked(configuration: type[Configuration], stages: "Stages", where: str) -> Entry:
    """Return the entry of a sweep, whose Question is at `where` (``module:NAME``), imported when it is needed."""
    return _entry(configuration, stages, lambda: _found(where))


def compared(configuration: type[Configuration]) -> Entry:
    """Return the entry of a comparison: what it asks and answers follows from its configuration."""
    stages = later("sweeps.comparison:stages")
    return _entry(configuration, stages, lambda: _found("sweeps.answers.comparison_results:question")(configuration))


def _entry(configuration: type[Configuration], stages: "Stages", question: Callable[[], Any]) -> Entry:
    def execute(config: Any, options: Options) -> None:
        fitted = _found("sweeps.fit:fit")(stages, config, options)
        _found("sweeps.session:run")(question(), config, options, fitted)

    def tells(options: Options, data_name: str) -> "Told":
        told: Told = _found("sweeps.stored:tell")(question(), options, data_name)
        return told

    return Entry(configuration, execute, tells=tells)


def _found(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)


def overview(sweeps: Mapping[str, Entry]) -> str:
    """Return the text that lists the sweeps."""
    width = max(map(len, sweeps), default=0)
    lines = [f"  {name:{width}}  {entry.summary}" for name, entry in sweeps.items()]
    return "\n".join(["usage: python -m sweeps NAME [--flags]   (flags: python -m sweeps NAME --help)", "", *lines])


def parse(name: str, entry: Entry, arguments: Sequence[str]) -> tuple[Any, Options] | None:
    """Return the configuration and the options that `arguments` ask of the sweep `name`; None after printing help.

    Raises:
        ConfigError: an unknown flag, one that is given twice or that the sweep has no use for, a value of the wrong
            type, or one that a rule of its dataclass refuses. It names the flags.
    """
    try:
        return _parsed(name, entry, arguments)
    except ConfigError as error:
        raise blamed(error, arguments, lambda fewer: _parsed(name, entry, fewer)) from error


def execute(name: str, entry: Entry, arguments: Sequence[str]) -> None:
    """Run the sweep `name` as `arguments` ask, or print its help.

    Raises:
        PipelineError: it is refused, or fails. A ConfigError names the flags that it is about.
    """
    request = parse(name, entry, arguments)
    if request is None:
        return
    try:
        entry.execute(*request)
    except UnfitError as error:
        check = error.check

        def attempt(fewer: Sequence[str]) -> None:
            if other := _parsed(name, entry, fewer):
                check(*other)

        raise blamed(error, arguments, attempt) from error


def _parsed(name: str, entry: Entry, arguments: Sequence[str]) -> tuple[Any, Options] | None:
    # The defaults depend on the scale, which is itself an option: the options are read first, on their own.
    first = _tyro(Options, arguments, default=Options(), add_help=False)
    if first is None:
        return None
    default = Options(), entry.configuration.at_scale(first[0].scale)
    kind = tuple[
        Annotated[Options, tyro.conf.arg(name="")], Annotated[entry.configuration, tyro.conf.arg(name="")]  # type: ignore[name-defined]
    ]
    answer = _tyro(
        kind,
        arguments,
        default=default,
        prog=f"python -m sweeps {name}",
        description=entry.description,
    )
    if answer is None:
        return None
    (options, configuration), unknown = answer
    if unknown:
        raise _stray(name, unknown[0].partition("=")[0], [flag for part in default for flag in flags(part)])
    check(arguments)
    entry.check(name, options)
    return configuration, options


def _flag(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def flags(default: Any, prefix: str = "--") -> Iterator[str]:
    """Yield the flag of every field of a dataclass instance, nested ones as ``--network.hidden``."""
    for field in dataclasses.fields(default):
        value = getattr(default, field.name)
        flag = _flag_of(field.name, value, prefix)
        if dataclasses.is_dataclass(value):
            yield from flags(value, f"{flag}.")
        else:
            yield flag


def changed(default: Any, value: Any, prefix: str = "--") -> Iterator[str]:
    """Yield the words that, typed where `default` is what a sweep starts from, give `value`; both are dataclasses."""
    for field in dataclasses.fields(default):
        old, new = getattr(default, field.name), getattr(value, field.name)
        flag = _flag_of(field.name, old, prefix)
        if dataclasses.is_dataclass(old):
            yield from changed(old, new, f"{flag}.")
        elif old != new:
            yield flag
            if not isinstance(new, bool):
                yield from map(str, new if isinstance(new, tuple) else (new,))


def _flag_of(field: str, default: Any, prefix: str) -> str:
    name = field.rstrip("_").replace("_", "-")
    return f"{prefix}no-{name}" if default is True else f"{prefix}{name}"


def _stray(name: str, token: str, known: Sequence[str]) -> ConfigError:
    if token.startswith("-"):
        return ConfigError(f"flags must be those of {name} --help, got {token!r}{nearest(token, known)}")
    return ConfigError(f"values must follow a flag that takes them, got {token!r}")


def _tyro(kind: Any, arguments: Sequence[str], **how: Any) -> tuple[Any, list[str]] | None:
    """Return what tyro reads and the arguments it does not know, or None where it printed help instead.

    tyro explains a bad value in a framed text on stderr and exits; its hook for errors is private. So the text is
    caught, as wide as it likes, and becomes the one line of a ConfigError.
    """
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                kind, args=arguments, return_unknown_args=True, config=(tyro.conf.FlagCreatePairsOff,), **how
            )
    except SystemExit as stop:
        if stop.code and os.environ.get("COLUMNS") != UNBROKEN:
            with _columns(UNBROKEN):
                return _tyro(kind, arguments, **how)
        if stop.code:
            raise ConfigError(in_one_line(complaint.getvalue(), arguments)) from None
        return None


@contextlib.contextmanager
def _columns(count: str) -> Iterator[None]:
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = count
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        os.environ |= {"COLUMNS": before} if before is not None else {}


def in_one_line(complaint: str, arguments: Sequence[str]) -> str:
    """Return what tyro complains of, given the `arguments`: flag, what would fit, and what was given."""
    about = re.search(r"--[a-z][^\s:']*", complaint)
    if about is None:
        return complaint
    [*_, given] = [[], *(values_of(words) for words in by_flag(arguments) if in_help(flag_of(words)) == about[0])]
    fitting = re.search(rf"^[│| ]+{about[0]} (?:\{{None\}}\|)?(.+?)[ │|]*$", complaint, re.MULTILINE)
    choice = re.search(r"Expected one of \((.*?),?\)\.", complaint)
    rule = f"must be {fitting[1].strip('{}')}" if fitting else "must be followed by a value"
    rule = f"must be one of {choice[1]}" if choice else rule
    return f"{about[0]} {rule}, got {', '.join(map(repr, given)) or 'none'}"
