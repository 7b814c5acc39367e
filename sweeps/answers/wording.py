"""Words that several sections of the report share: what was run, what chance level is, how estimates are written."""

from collections.abc import Iterable, Sequence

from pipeline.inference import ESCAPE_PROBABILITY, Estimate, binomial_half_width
from pipeline.records import Chance
from pipeline.report.escape import BELOW, Cell, Effect
from pipeline.report.findings import listed, percent
from pipeline.run.stage import Stage
from pipeline.spec import DataSpec, TrialSpec

ALIKE = "(all alike)"
"""What a table says beside a mean of several seeds that do not differ, in place of an interval."""


def counted(count: int, what: str) -> str:
    """Return "1 seed" or "3 seeds"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def rows(data: DataSpec) -> str:
    """Return which rows networks saw: "45,000 training, 5,000 validation and 10,000 test rows of cifar10"."""
    tested = (
        f", {data.n_val:,} validation and {data.n_test:,} test" if data.n_test else f" and {data.n_val:,} validation"
    )
    return f"{data.n_train:,} training{tested} rows of {data.name}"


def training(spec: TrialSpec) -> str:
    """Return how networks were trained: lambda, optimizer, batches, schedule."""
    schedule = spec.schedule
    return (
        f"lambda {spec.lambda_:g}, {spec.optimizer.name} with batches of {spec.batch_size}, "
        f"{counted(schedule.cycles, 'cycle')} of {2 * schedule.step_size} epochs between the learning rates "
        f"{schedule.eta_min:g} and {schedule.eta_max:g}"
    )


def was_run(networks: str, norms: Sequence[str], stage: Stage, more: str = "") -> str:
    """Return in sentences which `networks` a grid trained, with which batch norms, seeds and rows, and how."""
    places = ["without batch norm" if norm == "none" else f"with batch norm {norm} the activation" for norm in norms]
    return (
        f"This run trained {networks}, {listed(places)}, with {counted(stage.replicates, 'pair')} of seeds on "
        f"{rows(stage.fixed.data)}: {training(stage.fixed)}{more}. All share the seeds of a pair, so that differences "
        "are taken seed by seed."
    )


def escape_defined(chance: Chance) -> str:
    """Return what chance level is, and who has escaped it."""
    return (
        f"Chance level, what the best constant guess reaches, is {percent(chance.accuracy)} % of the test rows and a "
        f"training loss of {chance.loss:.3f} nats. A network has escaped it if its training loss ended below "
        f"{BELOW:g} of that, or if guessing would reach its test accuracy with a probability of at most "
        f"{ESCAPE_PROBABILITY:g}. Where some seeds of a setting escaped and others did not, the seeds lie in two "
        "heaps: every seed is given, and no t interval."
    )


def intervals(cells: Iterable[Cell], n_test: int) -> str:
    """Return what the intervals of accuracies are over, and what they leave out, by the widest of the `cells`."""
    text = "Intervals are over training seeds, each for itself (of many, 1 in 20 misses)"
    widths = [binomial_half_width(cell.accuracy.mean, n_test) for cell in cells if cell.n]
    if not widths:
        return f"{text}."
    return f"{text}; the choice of these {n_test:,} test rows adds about ±{100 * max(widths):.1f} points."


def attained(cell: Cell) -> str:
    """Return the test accuracy of a cell in per cent, as `reached` writes it, or every seed of a mixed one."""
    return ", ".join(percent(seed.accuracy) for seed in cell.seeds) if cell.mixed else reached(cell.accuracy)


def reached(estimate: Estimate) -> str:
    """Return a mean share in per cent with its interval, where it has one: "53.42 (52.99 to 53.85)"."""
    if not estimate.n:
        return "–"
    if estimate.constant:
        return f"{percent(estimate.mean)} {ALIKE}"
    if estimate.low is None or estimate.high is None:
        return percent(estimate.mean)
    return f"{percent(estimate.mean)} ({percent(estimate.low)} to {percent(estimate.high)})"


def changed(found: Effect) -> str:
    """Return a mean difference in points with its interval, where it has one: "-0.31 (-0.73 to +0.11)"."""
    difference, mean = found.estimate, f"{100 * found.estimate.mean:+.2f}"
    if not difference.n:
        return "–"
    if found.mixed and difference.n > 1:
        return "two heaps"
    if difference.constant:
        return f"{mean} {ALIKE}"
    if difference.low is None or difference.high is None:
        return mean
    return f"{mean} ({100 * difference.low:+.2f} to {100 * difference.high:+.2f})"
