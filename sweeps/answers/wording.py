"""Words that several sections of the report share: how networks were trained, and how estimates are written."""

from collections.abc import Iterable

from pipeline.inference import Estimate
from pipeline.report import style
from pipeline.report.findings import percent
from pipeline.spec import DataSpec, TrialSpec


def counted(count: int, what: str) -> str:
    """Return "1 seed" or "3 seeds"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def listed(items: Iterable[str]) -> str:
    """Return the items, at least one, as a sentence lists them: "2, 3 and 4"."""
    *most, last = items
    return f"{', '.join(most)} and {last}" if most else last


def rows(data: DataSpec) -> str:
    """Return which rows networks saw: "45,000 training, 5,000 validation and 10,000 test rows of cifar10"."""
    tested = (
        f", {data.n_val:,} validation and {data.n_test:,} test" if data.n_test else f" and {data.n_val:,} validation"
    )
    return f"{data.n_train:,} training{tested} rows of {data.name}"


def training(spec: TrialSpec) -> str:
    """Return how networks were trained: optimizer, batches, schedule, initialisation."""
    schedule = spec.schedule
    return (
        f"{spec.optimizer.name} with batches of {spec.batch_size}, {counted(schedule.cycles, 'cycle')} of "
        f"{2 * schedule.step_size} epochs between the learning rates {schedule.eta_min:g} and {schedule.eta_max:g}, "
        f"initialisation {style.scale_label(spec.init)}"
    )


def reached(estimate: Estimate) -> str:
    """Return a mean share in per cent with its interval, where it has one: "53.42 (52.99 to 53.85)"."""
    if not estimate.n:
        return "–"
    if estimate.low is None or estimate.high is None:
        return percent(estimate.mean)
    return f"{percent(estimate.mean)} ({percent(estimate.low)} to {percent(estimate.high)})"


def changed(estimate: Estimate) -> str:
    """Return a mean difference of shares in points with its interval, where it has one: "-0.31 (-0.73 to +0.11)"."""
    if not estimate.n:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{100 * estimate.mean:+.2f}"
    return f"{100 * estimate.mean:+.2f} ({100 * estimate.low:+.2f} to {100 * estimate.high:+.2f})"
