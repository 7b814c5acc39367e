"""What a sweep says in the report, from what its run folder holds. Nothing is trained or written."""

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
from sweeps.cli import Options
from sweeps.question import Answer, Conclusion, Config, Question
from sweeps.session import DIAGNOSIS, STUDY, retired, run_folder


def tell(question: Question[Config, Conclusion], options: Options, data_name: str) -> Told:
    """Return what the report says of a sweep: its sections, or which command would have something to say.

    Raises:
        DataError: what is stored is damaged.
        HostError: it cannot be read.
    """
    folder = run_folder(question.name, data_name, options)
    try:
        answer = stored(question, folder)
    except FileNotFoundError:
        return _untold(question, options, "This sweep has not run. This command runs it:")
    except UnfinishedError as unfinished:
        text = f"This sweep is not complete: {unfinished}. This command goes on with it:"
        return _untold(question, options, text)
    return Told(question.sections(answer), _origin(question, options, answer))


def stored(question: Question[Config, Conclusion], folder: Path) -> Answer[Config, Conclusion]:
    """Return the answer that `folder` holds.

    Raises:
        FileNotFoundError: there is none.
        UnfinishedError: trials are missing.
        DataError: it is damaged.
    """
    if not (folder / STUDY).exists():
        raise FileNotFoundError(folder / STUDY)
    with Study.stored(folder / STUDY) as study:
        fingerprint = study.configuration()
        config = from_json(canonical_json(fingerprint[question.name]), question.configuration)
        plan = Plan(fingerprint["seed"], folder, fingerprint["pack_width"])
        conclusion, results, rows = replay(question.stages(config, any_rows), plan, study.rows)
        left = retired(study, rows)
    return Answer(config, conclusion, results, rows, left, fingerprint, _diagnosis(question, folder))


def _diagnosis(question: Question[Any, Any], folder: Path) -> Diagnosis | None:
    if question.diagnose is None:
        return None
    try:
        return from_json((folder / DIAGNOSIS).read_text(), Diagnosis)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{folder / DIAGNOSIS} must hold what was measured, got {error}; run the sweep again"
        ) from error


def _untold(question: Question[Any, Any], options: Options, why: str) -> Told:
    return Told([Section(question.title, (Text(why), Command(command(question.name, options))))], None)


def _origin(question: Question[Any, Any], options: Options, answer: Answer[Any, Any]) -> Origin:
    specs = [(record.stage, record.replicate, record.spec) for record in answer.records]
    data = answer.fingerprint["data"]
    return Origin(
        name=question.name,
        command=command(question.name, options),
        seed=answer.fingerprint["seed"],
        data=f"{data['name']} {data['digest']}",
        seeds=tuple(dict.fromkeys((stage, index, spec.init_seed, spec.order_seed) for stage, index, spec in specs)),
        computed_with=tuple(computed_with(answer.rows)),
    )


def command(name: str, options: Options) -> str:
    """Return the line that runs a sweep with these options."""
    return f"make sweep-{name}"
