"""What the final networks of a search are worth on the test rows, as best.json, the screen and the report say it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import nan
from typing import Any

from pipeline.inference import SHARE, SHARE_DIFFERENCE, Estimate, binomial_half_width, mean_interval, paired_difference
from pipeline.records import TrialRecord
from pipeline.report.findings import percent
from sweeps.answers.wording import reached

Pairs = tuple[Sequence[float | None], Sequence[float | None]]
"""Test accuracies of two settings, seed by seed; None where a network did not complete."""


def reached_by(trials: Sequence[TrialRecord], n_test: int) -> dict[str, Any]:
    """Return mean, spread and interval of the test accuracies of a setting, over the seeds that completed."""
    accuracies = [record.test_accuracy for record in trials if record.test_accuracy is not None]
    estimate = mean_interval(accuracies, bounds=SHARE)
    notes = ["interval over training seeds"]
    if estimate.n:
        points = 100 * binomial_half_width(estimate.mean, n_test)
        notes.append(f"the choice of these {n_test} test rows adds about ±{points:.1f} points")
    if estimate.n < len(trials):
        notes.append(f"{len(trials) - estimate.n} did not complete")
    return {
        "mean": estimate.mean if estimate.n else None,
        "sd": estimate.sd,
        "n": estimate.n,
        "low": estimate.low,
        "high": estimate.high,
        "note": "; ".join(notes),
    }


def differences(pairs: Mapping[str, Pairs]) -> dict[str, dict[str, Any]]:
    """Return the paired difference of the test accuracies of two settings, by name; without a pair its mean is None."""
    estimates = {name: paired_difference(one, other, SHARE_DIFFERENCE) for name, (one, other) in pairs.items()}
    return {name: asdict(each) | {"mean": each.mean if each.n else None} for name, each in estimates.items()}


def estimated(tested: Mapping[str, Any]) -> Estimate:
    """Return the estimate that `reached_by` or `differences` wrote down."""
    mean = nan if tested["mean"] is None else tested["mean"]
    return Estimate(tested["n"], mean, tested["sd"], tested["low"], tested["high"])


def cells(mean: Estimate) -> tuple[str, str, str]:
    """Return a mean accuracy as three cells of a table: with its interval, the spread of the seeds, their number."""
    return reached(mean), "–" if mean.sd is None else percent(mean.sd), str(mean.n)


def in_words(tested: Mapping[str, Any]) -> str:
    """Return a test accuracy as the screen has it."""
    if tested["mean"] is None:
        return "no network completed"
    words = f"test accuracy {100 * tested['mean']:.2f} %"
    if tested["sd"] is not None:
        low, high, sd = (100 * tested[key] for key in ("low", "high", "sd"))
        words += f", 95 % interval {low:.2f} to {high:.2f}, sd {sd:.2f}"
    return f"{words}, n = {tested['n']}"


def difference_in_words(name: str, difference: Mapping[str, Any]) -> str:
    """Return a paired difference that has an interval as the screen has it."""
    low, mean, high = (100 * difference[key] for key in ("low", "mean", "high"))
    return f"  {name}, seed by seed: {mean:+.2f} points, 95 % interval {low:+.2f} to {high:+.2f}"


def notes(by_role: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what is to be said of the intervals, in sentences, and of whom where it is not the same of all."""
    said: dict[str, list[str]] = {}
    for role, tested in by_role.items():
        said.setdefault(tested["note"], []).append(role)
    whose = {note: f" ({', '.join(roles)})" if len(said) > 1 else "" for note, roles in said.items()}
    return [f"{note[0].upper()}{note[1:]}{whose[note]}." for note in said]
