"""What the lambda search comes to, in numbers: the content of best.json, and of what the report says."""

from collections.abc import Mapping
from typing import Any

from pipeline.run.stage import StageResult
from pipeline.spec import plain
from sweeps.answers.tested import differences, reached_by
from sweeps.lambda_search import Conclusion, LambdaSearch
from sweeps.question import Answer

Found = Answer[LambdaSearch, Conclusion]


def conclude(answer: Found, variance: float | None = None) -> dict[str, Any]:
    """Return the content of best.json; `variance` is the share that the components of a screened search keep."""
    conclusion = answer.conclusion
    choice = conclusion.choice
    roles = conclusion.roles(answer.configuration.final.default)
    tested = {role: _test_accuracy(answer, lambda_) for role, lambda_ in roles.items()}
    return {
        "lambda": choice.best if choice else None,
        "lambda_1se": choice.one_se if choice else None,
        "reason": conclusion.reason,
        "test_accuracy": tested.get("chosen"),
        "test_accuracy_by_role": {role: {"lambda": roles[role], **tested[role]} for role in roles},
        "differences": _differences(answer, roles),
        "tested_before": sorted({record.spec.lambda_ for record in answer.retired if record.test_accuracy is not None}),
        "screen": {"components": conclusion.screen, "variance": variance} if conclusion.screen else None,
        "coarse": [plain(tried) for tried in conclusion.ranges],
        "refined": conclusion.refined,
        "refine": plain(choice) if choice else None,
    }


def _test_accuracy(answer: Found, lambda_: float) -> dict[str, Any]:
    trials = [record for record in last(answer).records if record.spec.lambda_ == lambda_]
    return reached_by(trials, last(answer).stage.fixed.data.n_test)


def _differences(answer: Found, roles: Mapping[str, float]) -> dict[str, Any]:
    """Return how much more accurate the chosen lambda's networks are than the others, seed by seed."""
    by_lambda: dict[float, dict[int, float | None]] = {}
    for record in last(answer).records:
        by_lambda.setdefault(record.spec.lambda_, {})[record.replicate] = record.test_accuracy
    chosen = list(by_lambda[roles["chosen"]].values()) if roles else []
    return differences(
        {
            f"chosen - {role}": (chosen, list(by_lambda[lambda_].values()))
            for role, lambda_ in roles.items()
            if lambda_ != roles["chosen"]
        }
    )


def last(answer: Found) -> StageResult:
    """Return the last stage: the final one, where there is a choice."""
    return answer.results[-1]
