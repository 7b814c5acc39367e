"""Plan a lambda search as a run does first, by the flags of `python -m sweeps lambda`, and say how much there is."""

import sys

from sweeps import SWEEPS
from sweeps.answers.lambda_results import QUESTION
from sweeps.cli import parse
from sweeps.fit import fit
from sweeps.session import Session
from sweeps.terminal import terminal


def main() -> None:
    """Count the trials and the packs that are to be computed."""
    request = parse(QUESTION.name, SWEEPS[QUESTION.name], sys.argv[1:])
    if request is None:
        return
    config, options = request
    fitted = fit(QUESTION.stages, config, options)
    session = Session(QUESTION.name, options, config, QUESTION.budgets(config), fitted.source, terminal())
    needs = session.needs(QUESTION.stages(config, fitted.source.spec), fitted)
    print(sum(need.missing for need in needs), "trials in", sum(len(need.packs) for need in needs), "packs")


if __name__ == "__main__":
    main()
