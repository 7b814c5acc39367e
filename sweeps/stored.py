"""What a sweep says in the report, from what its run folder holds. Nothing is trained or written."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.errors import DataError
from pipeline.records import Diagnosis
from pipeline.report.document import Command, Section, Text
from pipeline.report.provenance import Origin, Told
from pipeline.run.manifest import computed_with
from pipeline.run.plan import Plan
from pipeline.run.replay import UnfinishedError, any_rows, replay
from pipeline.run.study import Study
from pipeline.spec import canonical_json, from_json
from sweeps.cli import Options, changed
from sweeps.folders import DIAGNOSIS, STUDY, run_folder
from sweeps.question import Answer, Conclusion, Config, Question
from sweeps.session import retired

TARGETS = ("gradient-check", "init-sensitivity", "report", "assignment", "data")
"""Entries with a make target of their name; that of every other one is sweep-<name>."""


def tell(question: Question[Config, Conclusion], options: Options, data_name: str) -> Told:
    """Return what the report says of a sweep: its sections, or which command would have something to say.

    Raises:
        DataError: what is stored is damaged.
        HostError: it cannot be read.
    """
    folder = run_folder(question.name, data_name, options)
    options = replace(options, dataset=options.dataset or data_name)
    if not (folder / STUDY).exists():
        line = command(question.name, options)
        return _untold(question, "This sweep has not run. This command runs it:", line)
    with Study.stored(folder / STUDY) as study:
        fingerprint = study.configuration()
        line = _command(question, options, fingerprint)
        try:
            answer = _answer(question, folder, study, fingerprint)
        except (UnfinishedError, FileNotFoundError) as missing:
            what = missing if isinstance(missing, UnfinishedError) else f"{DIAGNOSIS} is missing"
            return _untold(question, f"This sweep is not complete: {what}. This command goes on with it:", line)
    return Told(question.sections(answer), _origin(question, answer, line))


def stored(question: Question[Config, Conclusion], folder: Path) -> Answer[Config, Conclusion]:
    """Return the answer that `folder` holds.

    Raises:
        FileNotFoundError: there is none, or the run ended before anything but trials was measured.
        UnfinishedError: trials are missing.
        DataError: it is damaged.
    """
    if not (folder / STUDY).exists():
        raise FileNotFoundError(folder / STUDY)
    with Study.stored(folder / STUDY) as study:
        return _answer(question, folder, study, study.configuration())


def _answer(
    question: Question[Config, Conclusion], folder: Path, study: Study, fingerprint: Mapping[str, Any]
) -> Answer[Config, Conclusion]:
    config = _configuration(question, fingerprint)
    plan = Plan(fingerprint["seed"], folder, fingerprint["pack_width"])
    conclusion, results, rows = replay(question.stages(config, any_rows), plan, study.rows)
    return Answer(config, conclusion, results, rows, retired(study, rows), fingerprint, _diagnosis(question, folder))


def _configuration(question: Question[Config, Any], fingerprint: Mapping[str, Any]) -> Config:
    if fingerprint.get("sweep") != question.name:
        raise DataError(f"the folder of {question.name} must hold its study, got one of {fingerprint.get('sweep')!r}")
    return from_json(canonical_json(fingerprint[question.name]), question.configuration)


def _diagnosis(question: Question[Any, Any], folder: Path) -> Diagnosis | None:
    if question.diagnose is None:
        return None
    try:
        return from_json((folder / DIAGNOSIS).read_text(), Diagnosis)
    except (DataError, UnicodeDecodeError) as error:
        rule = "must hold what was measured beside the trials"
        raise DataError(f"{folder / DIAGNOSIS} {rule}, got {error}; run the sweep again") from error


def _untold(question: Question[Any, Any], why: str, line: str) -> Told:
    return Told([Section(question.title, (Text(why), Command(line)))], None)


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
    )


def _command(question: Question[Any, Any], options: Options, fingerprint: Mapping[str, Any]) -> str:
    """Return the line that repeats a stored run, or goes on with it."""
    config = _configuration(question, fingerprint)
    options = replace(options, seed=fingerprint["seed"], pack_width=fingerprint["pack_width"])
    return command(question.name, options, changed(question.configuration.at_scale(options.scale), config))


def command(name: str, options: Options, flags: Iterable[str] = ()) -> str:
    """Return the make line that runs a sweep with what decides its results: these options, and `flags` of its own.

    Where data, results and networks lie, and how many workers there are, is left out: that is another machine's.
    """
    default = Options()
    variables = {
        "DATASET": options.dataset,
        "SCALE": options.scale if options.scale != default.scale else None,
        "RUN": options.run,
        "SEED": options.seed if options.seed != default.seed else None,
        "PACK_WIDTH": options.pack_width,
        "ARGS": shlex.join(flags) or None,
    }
    # make reads $ before the shell of its recipe does
    given = {key: shlex.quote(str(value).replace("$", "$$")) for key, value in variables.items() if value is not None}
    target = name if name in TARGETS else f"sweep-{name}"
    return " ".join(["make", target, *(f"{key}={value}" for key, value in given.items())])
