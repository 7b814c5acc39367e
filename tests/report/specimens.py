"""An example of every figure; `search` and `final` are the fixtures of these names."""

import numpy as np
from grids import CHANCE, CHANCE_LOSS, DEEP, HE, falling, learning, sigma, spread, trial
from matplotlib.figure import Figure

from pipeline.records import Status
from pipeline.report.curves import best_median_worst, learning_curves, learning_rate
from pipeline.report.depth import accuracy_by_depth
from pipeline.report.final import final_accuracy
from pipeline.report.images import confusion_matrix, first_layer, misclassified
from pipeline.report.search import lambda_search
from pipeline.report.sensitivity import accuracy_against_sigma, loss_panels, spread_at_initialisation

NAMES = ["cat", "dog", "a class with quite a long name"]
TRUE, GUESS = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 0, 2, 0])
P = np.array([0.9, 0.6, 0.8, 0.95, 0.7, 0.5])
PIXELS = np.linspace(0, 1, 6 * 4 * 4 * 3).reshape(6, 4, 4, 3)

NORMS = ("none", "before")
THREE = (HE, sigma(0.1), sigma(1e-3))
SIXTEEN = tuple(sigma(float(f"{value:.4g}")) for value in np.logspace(-5, 0, 16))
EVERY_NORM = ("none", "before", "after")


def grid(inits=THREE, norms=NORMS, replicates=3, last=Status.COMPLETE):
    """Trials of all scales and norms, at 50 % and more; the last of them ends as `last` says."""
    cells = [(init, norm, replicate) for replicate in range(replicates) for init in inits for norm in norms]
    return [
        trial(
            number,
            init,
            norm,
            replicate,
            accuracy=0.5 + 0.001 * number,
            batch_losses=falling(replicate),
            status=Status.COMPLETE if number < len(cells) - 1 else last,
        )
        for number, (init, norm, replicate) in enumerate(cells)
    ]


def networks():
    """Trials of 2 and 9 layers with two seeds, with and without batch norm."""
    cells = [(hidden, norm, replicate) for replicate in range(2) for hidden in ((50,), DEEP) for norm in NORMS]
    return [
        trial(number, HE, norm, replicate, accuracy=0.5 + 0.01 * number, hidden=hidden, curves=learning(0.5))
        for number, (hidden, norm, replicate) in enumerate(cells)
    ]


def spreads(inits=THREE, norms=NORMS, replicates=2):
    """Networks of three layers whose numbers shrink by the replicate's own factor from layer to layer."""
    return [
        spread(init, norm, replicate, [0.1 ** (replicate + layer) for layer in range(3)], [1e-3, 1e-2, 1e-1])
        for init in inits
        for norm in norms
        for replicate in range(replicates)
    ]


def search_figure(search, final) -> Figure:
    return lambda_search(search, chosen=0.005, one_se=0.02, interval=(0.004, 0.03))


def curves_figure(search, final) -> Figure:
    return learning_curves(best_median_worst(search[:6]))


def comparison_figure(search, final) -> Figure:
    records = [record for record in networks() if record.spec.network.hidden == DEEP]
    columns = {norm: [r for r in records if r.spec.network.batch_norm == norm] for norm in NORMS}
    return learning_curves(columns, metrics=("loss", "cost", "accuracy"))


def rate_figure(search, final) -> Figure:
    return learning_rate([0, 5, 10], [0, 0.1, 0], steps_per_epoch=5, cycle_ends=(10,), subtitle="triangular")


def final_figure(search, final) -> Figure:
    return final_accuracy(final, {"chosen": 0.005, "default": 0.02})


def losses_figure(search, final) -> Figure:
    return loss_panels(grid(), CHANCE_LOSS)


def many_losses_figure(search, final) -> Figure:
    return loss_panels(grid((HE, *SIXTEEN), EVERY_NORM, 2, Status.DIVERGED), CHANCE_LOSS)


def sigma_figure(search, final) -> Figure:
    return accuracy_against_sigma(grid(), CHANCE)


def many_sigmas_figure(search, final) -> Figure:
    return accuracy_against_sigma(grid((HE, *SIXTEEN), EVERY_NORM, 2, Status.DIVERGED), CHANCE)


def spread_figure(search, final) -> Figure:
    return spread_at_initialisation(spreads(), subtitle="cats")


def eight_spreads_figure(search, final) -> Figure:
    return spread_at_initialisation(spreads((HE, *SIXTEEN[:8]), EVERY_NORM), subtitle="cats")


def many_spreads_figure(search, final) -> Figure:
    return spread_at_initialisation(spreads((HE, *SIXTEEN), replicates=1), subtitle="cats")


def depth_figure(search, final) -> Figure:
    return accuracy_by_depth(networks(), CHANCE)


def layer_figure(search, final) -> Figure | None:
    return first_layer(np.random.default_rng(0).normal(size=(3 * 4 * 4, 7)), (3, 4, 4), subtitle="cats")


def confusion_figure(search, final) -> Figure:
    return confusion_matrix(TRUE, GUESS, NAMES, subtitle="cats")


def mistakes_figure(search, final) -> Figure:
    return misclassified(PIXELS.__getitem__, TRUE, GUESS, P, NAMES, subtitle="cats")


CHARTS = [
    *(search_figure, curves_figure, comparison_figure, rate_figure, final_figure),
    *(losses_figure, many_losses_figure, sigma_figure, many_sigmas_figure, depth_figure),
    *(spread_figure, eight_spreads_figure, many_spreads_figure),
]
FIGURES = [*CHARTS, layer_figure, confusion_figure, mistakes_figure]
