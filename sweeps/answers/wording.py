"""Words that several sections of the report share: what was run, what chance level is, how estimates are written."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from pipeline.data.shifts import BLUR, BRIGHTNESS, CONTRAST, NOISE
from pipeline.inference import ESCAPE_PROBABILITY, Estimate, binomial_half_width
from pipeline.records import Chance
from pipeline.report.escape import BELOW, Cell, Effect, initialisation
from pipeline.report.findings import listed, percent
from pipeline.report.tables import shown
from pipeline.run.stage import Stage
from pipeline.spec import STATISTICS, AugmentSpec, DataSpec, NetworkSpec, ScheduleSpec, TrialSpec

ALIKE = "(all alike)"
"""What a table says beside a mean of several seeds that do not differ, in place of an interval."""

CONSTANTS: Mapping[str, str] = {
    **dict.fromkeys(("momentum", "nesterov"), "({0.momentum:g})"),
    "rmsprop": "(decay rate {0.decay_rate:g})",
    **dict.fromkeys(("adam", "adamw"), "(betas {0.beta1:g} and {0.beta2:g})"),
}
"""What stands behind the name of an optimizer that has constants: a template for its OptimizerSpec."""

STARTS: Mapping[str, str] = {
    "first_batch": "the first mini-batch",
    "zeros": "mean 0 and variance 0",
    "standard": "mean 0 and variance 1",
}
"""What moving averages start from, by the name of `bn_start`."""

SHIFTED: Mapping[str, str] = {
    "brightness": f"{BRIGHTNESS:g} added to brighten them",
    "contrast": f"distances from an image's mean times {CONTRAST:g}",
    "blur": f"blurred by a Gaussian of standard deviation {BLUR:g} pixels",
    "noise": f"normal noise of standard deviation {NOISE:g} added",
}
"""What is done to test rows, by the name of the shift."""


def counted(count: int, what: str) -> str:
    """Return "1 seed" or "3 seeds"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def rows(data: DataSpec) -> str:
    """Return which rows networks saw: "45,000 training, 5,000 validation and 10,000 test rows of cifar10"."""
    tested = (
        f", {data.n_val:,} validation and {data.n_test:,} test" if data.n_test else f" and {data.n_val:,} validation"
    )
    return f"{data.n_train:,} training{tested} rows of {data.name}"


def networks(spec: TrialSpec, varies: Collection[str]) -> str:
    """Return which networks were trained, but for the parameters that vary: "networks (hidden layers 50-50, ...)"."""
    network, parts = spec.network, []
    if "hidden" not in varies:
        parts.append(f"hidden layers {shown(network.hidden)}" if network.hidden else "no hidden layer")
    if "activation" not in varies:
        parts.append(network.activation)
    if not {"batch_norm", "layer_norm"} & set(varies):
        norm = "layer norm" if network.layer_norm != "none" else "batch norm"
        parts.append("no batch norm" if network.norm == "none" else f"{norm} {network.norm} the activation")
    if not {"init", "sigma"} & set(varies):
        parts.append(initialisation(spec.init))
    return f"networks ({', '.join(parts)})" if parts else "networks"


def training(spec: TrialSpec, varies: Collection[str] = ()) -> str:
    """Return how networks were trained, but for the parameters that vary: lambda, optimizer, batches, schedule."""
    parts = [*_penalised(spec, varies), *_optimised(spec, varies)]
    if "keep" not in varies and spec.keep < 1:
        parts.append(f"dropout that keeps {spec.keep:g} of the hidden units")
    if "augment" not in varies and spec.augment.active:
        parts.append(f"images changed at random ({', '.join(_augmented(spec.augment))})")
    return ", ".join([*parts, *_computed(spec.network, varies), _scheduled(spec.schedule, varies)])


def _penalised(spec: TrialSpec, varies: Collection[str]) -> Iterator[str]:
    if "lambda" not in varies:
        factor = f" (times {spec.l2_factor:g} in the cost)" if spec.l2_factor != 1 and spec.lambda_ else ""
        yield f"lambda {spec.lambda_:g}{factor}"


def _optimised(spec: TrialSpec, varies: Collection[str]) -> Iterator[str]:
    """Yield the optimizer with its constants, and the size of the batches."""
    named = f"{spec.optimizer.name} {CONSTANTS.get(spec.optimizer.name, '').format(spec.optimizer)}".rstrip()
    parts = [] if "optimizer" in varies else [named]
    parts += [] if "batch_size" in varies else [f"batches of {spec.batch_size}"]
    if parts:
        yield " with ".join(parts)


def _computed(network: NetworkSpec, varies: Collection[str]) -> Iterator[str]:
    """Yield what is not the default: the constants of batch norm, where there is any, and the precision of numbers."""
    usual = NetworkSpec()
    if network.batch_norm != "none" or "batch_norm" in varies:
        parts = {
            "bn_start": f"moving averages that start from {STARTS[network.bn_start]}",
            "bn_alpha": f"alpha {network.bn_alpha:g}",
            "bn_epsilon": f"epsilon {network.bn_epsilon:g}",
        }
        told = [text for name, text in parts.items() if getattr(network, name) != getattr(usual, name)]
        if told:
            yield f"batch norm with {listed(told)}"
    if network.dtype != usual.dtype:
        yield f"numbers in {network.dtype}"


def varied(specs: Sequence[TrialSpec]) -> Iterator[str]:
    """Yield what the names of settings leave open: the hidden layers, and how far training images were changed."""
    hidden = list(dict.fromkeys(spec.network.hidden for spec in specs))
    if len(hidden) > 1:
        yield f"The hidden layers were {listed(str(shown(sizes)) or 'none' for sizes in hidden)}."
    augments = dict.fromkeys(spec.augment for spec in specs)
    if len(augments) > 1:
        most = AugmentSpec(
            **{name: max(getattr(augment, name) for augment in augments) for name in vars(AugmentSpec())}
        )
        at_most = "at most " if len(augments) > 2 else ""
        changes = ", ".join(_augmented(most))
        yield f"Where training images were changed at random, {at_most}these changes were made: {changes}."


def evaluated(specs: Sequence[TrialSpec]) -> Iterator[str]:
    """Yield how networks were evaluated, where this was not by moving averages on the test rows alone."""
    for kind in STATISTICS:
        of_kind = [spec for spec in specs if spec.evaluation.statistics == kind]
        if of_kind and kind in ESTIMATED:
            yield ESTIMATED[kind](of_kind)
    shifts = dict.fromkeys(name for spec in specs for name in spec.evaluation.shifts)
    if shifts:
        yield (
            "Test rows were also shifted, their pixels taken as numbers from 0 to 1: "
            f"{'; '.join(SHIFTED[name] for name in shifts)}."
        )


def _precise(specs: Sequence[TrialSpec]) -> str:
    evaluation, trained = specs[0].evaluation, specs[0].data.n_train
    changes = ", as they are, though training sees them changed at random" * any(s.augment.active for s in specs)
    during = "" if evaluation.per_epoch else "; until then curves use the moving averages"
    often = "once" if evaluation.per_epoch == 1 else f"{evaluation.per_epoch} times"
    when = f"{often} an epoch, from its first step on, and once more after training" if not during else "after training"
    return (
        f"PreciseBN takes the statistics of {min(evaluation.rows, trained):,} training rows as one batch{changes}, "
        f"with the network as it stands: {when}{during}."
    )


def _adaptive(specs: Sequence[TrialSpec]) -> str:
    augment = specs[0].evaluation.augment
    changes = f"changed at random ({', '.join(_augmented(augment))})" if augment.active else "as they are"
    return f"AdaptiveBN takes the statistics of the very rows that are evaluated, {changes}."


ESTIMATED: Mapping[str, Callable[[Sequence[TrialSpec]], str]] = {"precise": _precise, "adaptive": _adaptive}
"""What is said of statistics of which one must know what they are taken from."""


def _augmented(augment: AugmentSpec) -> Iterator[str]:
    """Yield what is done to training images, and how far it goes."""
    if augment.mirror:
        yield "mirrored"
    units = {
        "shift": counted(augment.shift, "pixel"),
        "rotation": f"{augment.rotation:g} degrees",
        **{what: f"{100 * getattr(augment, what):g} %" for what in ("zoom", "brightness", "contrast")},
    }
    yield from (f"{what} up to {far}" for what, far in units.items() if getattr(augment, what))


def _scheduled(schedule: ScheduleSpec, varies: Collection[str]) -> str:
    """Return for how long networks were trained, with which learning rates."""
    low, high = f"{schedule.eta_min:g}", "" if "eta_max" in varies else f"{schedule.eta_max:g}"
    lengths = {"step_size", "cycles"} & set(varies)
    if schedule.kind == "triangular":
        cycles = "cycles" if lengths else f"{counted(schedule.cycles, 'cycle')} of {schedule.cycle_epochs} epochs"
        rates = f"rates {low} and {high}" if high else f"rate {low} and the largest one"
        return f"{cycles} between the learning {rates}"
    epochs = "" if lengths else f"{counted(schedule.epochs, 'epoch')} with "
    if schedule.kind == "constant":
        return f"{epochs}a constant learning rate{f' of {high}' if high else ''}"
    falls = f"{epochs}a learning rate that falls from {high or 'its largest value'}"
    if schedule.kind == "cosine":
        warm = f", after it has risen for {counted(schedule.warm_up, 'epoch')}" if schedule.warm_up else ""
        return f"{falls} to {low} along a cosine{warm}"
    every = f"after every {counted(schedule.decay_every or 1, 'epoch')}" if schedule.kind == "step" else "per epoch"
    return f"{falls} by the factor {schedule.decay:g} {every}"


def was_run(networks: str, norms: Sequence[str], stage: Stage, more: str = "") -> str:
    """Return in sentences which `networks` a grid trained, with which batch norms, seeds and rows, and how."""
    places = ["without batch norm" if norm == "none" else f"with batch norm {norm} the activation" for norm in norms]
    normed = ["batch_norm"] if set(norms) - {"none"} else []
    return (
        f"This run trained {networks}, {listed(places)}, with {counted(stage.replicates, 'pair')} of seeds on "
        f"{rows(stage.fixed.data)}: {training(stage.fixed, normed)}{more}. All share the seeds of a pair, so that "
        "differences are taken seed by seed."
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
