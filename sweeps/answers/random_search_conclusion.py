"""What the random search comes to, in numbers: the content of best.json, and of what the report says."""

from collections.abc import Sequence
from typing import Any

from pipeline.inference import SHARE_DIFFERENCE, Estimate, paired_difference
from pipeline.records import Status, TrialRecord
from pipeline.report.findings import listed, percent
from pipeline.report.style import number
from pipeline.report.tables import shown
from pipeline.spec import Setting, plain
from sweeps.answers.random_search_study import Found, completed, importances
from sweeps.answers.tested import differences, reached_by
from sweeps.random_search import CONFIRM, SEARCH, setting_of

NAMES = {
    "hidden": "network",
    "batch_norm": "batch norm",
    "init": "initialisation",
    "sigma": "weight scale",
    "lambda": "lambda",
    "eta_max": "learning rate",
    "keep": "dropout's keep",
}
"""What sentences and figures call the parameters."""


def conclude(answer: Found) -> dict[str, Any]:
    """Return the content of best.json."""
    roles = answer.conclusion.roles
    tested = {role: reached_by(trials_of(answer, role), _n_test(answer)) for role in roles}
    confirmed = {described(each.setting): each.mean for each in answer.conclusion.confirmed}
    return {
        "setting": public(answer.conclusion.winner) if answer.conclusion.winner else None,
        "reason": reason(answer),
        "test_accuracy": tested.get("winner"),
        "test_accuracy_by_role": {role: {"setting": public(roles[role]), **tested[role]} for role in roles},
        "differences": _differences(answer),
        "tested_before": [public(setting) for setting in _tested_before(answer)],
        "finalists": [
            {
                "setting": public(each.setting),
                "search_accuracy": each.mean,
                "confirm_accuracy": confirmed.get(described(each.setting)),
            }
            for each in answer.conclusion.searched[: answer.configuration.confirm.finalists]
        ],
        "importance": [plain(each) for each in importances(answer)],
    }


def public(setting: Setting) -> dict[str, Any]:
    """Return a setting as files show it."""
    return {name: shown(value) for name, value in setting.items()}


def described(setting: Setting) -> str:
    """Return a setting in words: "500-250-100, learning rate 0.1, lambda 0.005, weight scale 0.01, keep 0.9"."""
    norm, sigma = setting["batch_norm"], setting["sigma"]
    return ", ".join(
        [
            "-".join(map(str, setting["hidden"])),
            *([] if norm == "before" else ["without batch norm" if norm == "none" else f"batch norm {norm}"]),
            f"learning rate {number(setting['eta_max'])}",
            f"lambda {number(setting['lambda'])}",
            f"weight scale {number(sigma)}" if sigma else f"{setting['init'].capitalize()} initialisation",
            f"keep {number(setting['keep'])}" if setting["keep"] < 1 else "no dropout",
        ]
    )


def reason(answer: Found) -> str:
    """Return how the choice came about, in words."""
    config, conclusion = answer.configuration, answer.conclusion
    names = listed(NAMES[name] for name in config.space.dimensions)
    words = [
        f"{SEARCH}: {config.search.count} settings of {names} by the sampler {config.search.sampler}, of which "
        f"{len(completed(answer))} completed with every seed."
    ]
    if not conclusion.searched:
        every = all(record.status is Status.DIVERGED for record in answer.results[0].records)
        return f"{words[0]} {'Every trial diverged, so nothing' if every else 'Nothing'} is chosen."
    words.append(f"{CONFIRM}: the best {min(config.confirm.finalists, len(conclusion.searched))} again, with fresh")
    words.append(
        f"seeds ({config.confirm.replicates} each) and {answer.results[1].stage.fixed.schedule.epochs} epochs."
    )
    if not conclusion.confirmed:
        return " ".join([*words, "None completed with every seed, so nothing is chosen."])
    best = conclusion.confirmed[0]
    words.append(
        f"The winner has the best mean validation accuracy there, {percent(best.mean)} %: {described(best.setting)}."
    )
    return " ".join(words)


def trials_of(answer: Found, role: str) -> list[TrialRecord]:
    """Return the trials of the final stage that are there as `role`, replicate by replicate."""
    return _of(answer.results[-1].records, answer.conclusion.roles[role])


def _of(records: Sequence[TrialRecord], setting: Setting) -> list[TrialRecord]:
    """Return the trials of a setting, replicate by replicate."""
    return sorted(
        (record for record in records if setting_of(record.spec) == setting), key=lambda record: record.replicate
    )


def _differences(answer: Found) -> dict[str, Any]:
    """Return how much more accurate the winner's networks are than the default's, seed by seed."""
    roles = answer.conclusion.roles
    if not roles:
        return {}
    winner, default = ([record.test_accuracy for record in trials_of(answer, role)] for role in roles)
    return differences({"winner - default": (winner, default)})


def runner_up(answer: Found) -> Estimate | None:
    """Return how much more accurate the winner is than the second of the finalists on validation rows, seed by seed.

    None where fewer than two finalists completed.
    """
    if len(answer.conclusion.confirmed) < 2:
        return None
    best, second = (
        [record.final("val_accuracy") for record in _of(answer.results[1].records, each.setting)]
        for each in answer.conclusion.confirmed[:2]
    )
    return paired_difference(best, second, SHARE_DIFFERENCE)


def _tested_before(answer: Found) -> list[Setting]:
    """Return the settings for which the test set was opened before the choice moved."""
    now = list(answer.conclusion.roles.values())
    before: list[Setting] = []
    for record in answer.retired:
        setting = setting_of(record.spec)
        if record.test_accuracy is not None and setting not in (*now, *before):
            before.append(setting)
    return before


def _n_test(answer: Found) -> int:
    return answer.results[-1].stage.fixed.data.n_test
