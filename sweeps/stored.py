"""What a sweep says in the report, from what its run folder holds. Nothing is trained or written."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.data.dataset import own_folder_name
from pipeline.errors import DataError
from pipeline.files import exists
from pipeline.report.document import Command, Section, Text
from pipeline.report.provenance import Origin, Told
from pipeline.run.manifest import computed_with
from pipeline.run.plan import Plan
from pipeline.run.replay import UnfinishedError, any_rows, replay
from pipeline.run.study import Study
from pipeline.spec import canonical_json, from_json
from sweeps.cli import Options, changed
from sweeps.command import command
from sweeps.folders import STUDY, run_folder
from sweeps.measured import UnmeasuredError, read
from sweeps.question import Answer, Conclusion, Config, Question, Rows
from sweeps.session import retired


def tell(question: Question[Config, Conclusion], options: Options, data_name: str) -> Told:
    """Return what the report says of a sweep: its sections, or which command would have something to say.

    Raises:
        DataError: what is stored is damaged, or belongs to another data set.
        HostError: it cannot be read.
    """
    data_name = _told_of(question, options, data_name)
    folder = run_folder(question.name, data_name, options)
    options = replace(options, dataset=data_name if data_name in question.datasets else options.dataset or data_name)
    if not exists(folder / STUDY):
        line = command(question.name, options, here=True)
        return _untold(question, "This sweep has not run. This command runs it:", line, question.optional)
    with Study.stored(folder / STUDY) as study:
        fingerprint = study.configuration()
    _check_data(folder, data_name, fingerprint)
    try:
        answer = stored(question, folder)
    except (UnfinishedError, UnmeasuredError) as missing:
        line = _command(question, options, fingerprint, here=True)
        return _untold(question, f"This sweep is not complete: {missing}. This command goes on with it:", line)
    return Told(question.sections(answer), _origin(question, answer, _command(question, options, fingerprint)))


def stored(question: Question[Config, Conclusion], folder: Path) -> Answer[Config, Conclusion]:
    """Return the answer that `folder` holds.

    Raises:
        FileNotFoundError: there is none.
        UnfinishedError: trials are missing.
        UnmeasuredError: what is measured beside these trials is missing.
        DataError: it is damaged.
        HostError: it cannot be read.
    """
    if not exists(folder / STUDY):
        raise FileNotFoundError(folder / STUDY)
    with Study.stored(folder / STUDY) as study:
        fingerprint = study.configuration()
        config = _configuration(question, fingerprint)
        plan = Plan(fingerprint["seed"], folder, fingerprint["pack_width"])
        conclusion, results, rows = replay(question.stages(config, _rows(study)), plan, study.rows)
        diagnosis = read(folder, rows) if question.diagnose else None
        return Answer(config, conclusion, results, rows, retired(study, rows), fingerprint, diagnosis)


def _rows(study: Study) -> Rows:
    """Return what leads a generator through a study: rows of the kind that its trials saw."""
    begun = (row.record.spec.data for stage in study.stages() for row in study.rows(stage).values())
    first = next((data for data in begun if data.components is None), None)
    return any_rows if first is None else partial(any_rows, shape=first.shape)


def _check_data(folder: Path, data_name: str, fingerprint: Mapping[str, Any]) -> None:
    """Refuse a study of another data set than the one that the folder is called after."""
    name, digest = fingerprint["data"]["name"], fingerprint["data"]["digest"]
    if data_name not in {name, own_folder_name(name, digest)}:
        raise DataError(f"{folder} must hold a study of the data set {data_name}, got one of {name} {digest[:8]}")


def _configuration(question: Question[Config, Any], fingerprint: Mapping[str, Any]) -> Config:
    if fingerprint.get("sweep") != question.name:
        raise DataError(f"the folder of {question.name} must hold its study, got one of {fingerprint.get('sweep')!r}")
    return from_json(canonical_json(fingerprint[question.name]), question.configuration)


def _told_of(question: Question[Any, Any], options: Options, data_name: str) -> str:
    """Return on which data set there is a run to tell of: the report's, or one that the sweep has for itself."""
    for name in (data_name, *question.datasets):
        if exists(run_folder(question.name, name, options) / STUDY):
            return name
    return question.datasets[0] if question.datasets else data_name


def _untold(question: Question[Any, Any], why: str, line: str, optional: bool = False) -> Told:
    return Told([Section(question.title, (Text(why), Command(line)))], None, optional)


def _origin(question: Question[Any, Any], answer: Answer[Any, Any], line: str) -> Origin:
    specs = [(record.stage, record.replicate, record.spec) for record in answer.records]
    data = answer.fingerprint["data"]
    return Origin(
        name=question.name,
        command=line,
        seed=answer.fingerprint["seed"],
        data=f"{data['name']} {data['digest']}",
        seeds=tuple(dict.fromkeys((stage, index, spec.init_seed, spec.order_seed) for stage, index, spec in specs)),
        computed_with=tuple(computed_with(answer.rows)),
        trials=len(answer.rows),
    )


def _command(
    question: Question[Any, Any], options: Options, fingerprint: Mapping[str, Any], *, here: bool = False
) -> str:
    """Return the line that repeats a stored run, or `here` goes on with it."""
    config = _configuration(question, fingerprint)
    options = replace(options, seed=fingerprint["seed"], pack_width=fingerprint["pack_width"])
    flags = changed(question.configuration.at_scale(options.scale), config)
    return command(question.name, options, flags, here=here)
