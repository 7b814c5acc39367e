"""What the sweeps found, as one document: made from what is stored, without training anything."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sweeps import SWEEPS
from sweeps.cli import Entry, Options

if TYPE_CHECKING:
    from pipeline.report.document import Document, Section
    from pipeline.report.provenance import Told


@dataclass(frozen=True)
class Report:
    """Write report.pdf and report.md from what the sweeps have stored; train nothing."""

    @classmethod
    def at_scale(cls, scale: str) -> Self:
        """Return the same at any scale; the scale says which runs are read."""
        return cls()


def execute(_config: Report, options: Options) -> None:
    """Publish the report of a data set, and say what it lacks and where it lies.

    Raises:
        ConfigError: there is no such data set or file.
        DataError: what is stored is damaged.
        HostError: a file or folder refuses, or typst is not installed.
    """
    # pandas and Matplotlib, which --help can spare
    from pipeline.data import TABLE  # noqa: PLC0415
    from pipeline.files import lock, make_folder, remove_leftovers  # noqa: PLC0415
    from pipeline.report.document import Command  # noqa: PLC0415
    from pipeline.report.publish import publish  # noqa: PLC0415
    from sweeps.folders import run_folder  # noqa: PLC0415
    from sweeps.terminal import terminal  # noqa: PLC0415

    console = terminal()
    name = data_name(options)
    if options.dataset in TABLE:
        options = replace(options, dataset=name)
    told = list(tell(options, name))
    folder = make_folder(run_folder("report", name, options))
    for one in told:
        if one.origin is None:
            for section in one.sections:
                lines = [f" ({block.line})" for block in section.blocks if isinstance(block, Command)]
                console.print(f"missing: {section.title}{''.join(lines)}")
    with lock(folder):
        remove_leftovers(folder)
        paths = publish(document(told, options, name), folder)
    console.print(f"the report is {' and '.join(map(str, paths))}")


ENTRY = Entry(Report, execute, unused=("seed", "plan", "retry", "trial_timeout", "pack_width"))


def tell(options: Options, data_name: str) -> Iterator["Told"]:
    """Yield what each sweep that has anything to say contributes, in the order of the table."""
    for entry in SWEEPS.values():
        if entry.tells is not None:
            yield entry.tells(options, data_name)


def document(told: list["Told"], options: Options, data_name: str) -> "Document":
    """Return the report: the sections of the sweeps, and where they come from."""
    from pipeline.data import title  # noqa: PLC0415
    from pipeline.report.document import Document  # noqa: PLC0415
    from pipeline.report.provenance import section  # noqa: PLC0415

    sections = [section for one in told if not one.optional for section in one.sections]
    sections += further(told)
    origins = [one.origin for one in told if one.origin is not None]
    run = f", run {options.run}" if options.run else ""
    return Document(
        title=f"Networks, batch normalisation and lambda on {title(data_name)}",
        subtitle=f"Data set {data_name}, scale {options.scale}{run}",
        sections=(*sections, section(origins)),
    )


def further(told: list["Told"]) -> "list[Section]":
    """Return the section that lists what else can be run, where something has not."""
    from pipeline.report.document import Bullets, Command, Section, Text  # noqa: PLC0415

    lines = [
        f"{section.title}: `{block.line}`"
        for one in told
        if one.optional
        for section in one.sections
        for block in section.blocks
        if isinstance(block, Command)
    ]
    what = "These have not run on this data set; each command runs its own:"
    return [Section("Further experiments", (Text(what), Bullets(tuple(lines))))] if lines else []


def data_name(options: Options) -> str:
    """Return what the run folders of the data set are called; a user's own file is read for it, nothing else is.

    Without a data set that is the first of the table that has runs, at this scale and under this name; CIFAR-10 where
    none has. Where one may stand in for another, it is that which has runs.

    Raises:
        ConfigError: there is no such data set or file.
        DataError: the user's file is damaged.
    """
    from pipeline.data import TABLE, called, load  # noqa: PLC0415

    if options.dataset is not None and options.dataset.endswith(".npz"):
        return load(options.dataset, warn=print).folder_name
    names = list(TABLE) if options.dataset is None else called(options.dataset)
    return next((name for name in names if any(_runs(options, name))), names[0])


def _runs(options: Options, data_name: str) -> Iterator[Path]:
    """Yield the studies of a data set at the scale and under the name that the options give."""
    from pipeline.files import exists  # noqa: PLC0415
    from sweeps.folders import STUDY, run_folder  # noqa: PLC0415

    for name in SWEEPS:
        path = run_folder(name, data_name, options) / STUDY
        if exists(path):
            yield path
