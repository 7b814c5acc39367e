"""What README and docs say of screening is what the stored tables say."""

import csv
import json
import statistics
from pathlib import Path

import pytest
from scipy.stats import spearmanr

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs" / "screening-cifar10"
PAGES = [ROOT / "README.md", DOCS / "README.md"]


def rows(name: str, folder: Path = DOCS) -> list[dict[str, str]]:
    with (folder / name).open(newline="") as file:
        return list(csv.DictReader(file))


SUMMARY = {int(row["components"]): row for row in rows("summary.csv")}


def number(components: int, column: str) -> float:
    return float(SUMMARY[components][column])


def agreement(components: int) -> str:
    mean, low, high = (number(components, f"rho_{part}") for part in ("mean", "lowest", "highest"))
    return f"{mean:.2f} ({low:.2f} to {high:.2f}, {SUMMARY[components]['pairs']} pairs)"


def table_row(components: int) -> str:
    """Return the row of the docs' table that is about so many components."""
    seen = f"{components} components (approximate)" if components else "all 3,072 pixels"
    lost = f"{number(components, 'regret_mean'):.2f} ({number(components, 'regret_highest'):.2f})"
    return (
        f"| {seen} | {100 * number(components, 'variance'):.1f} | {agreement(components)} | {lost} "
        f"| {number(components, 'training_core_seconds'):.1f} | {100 * number(components, 'training_ratio'):.0f} "
        f"| {number(components, 'rows_core_seconds'):.1f} |"
    )


def sentences() -> list[str]:
    """Return what the README says, in the order in which it says it."""
    full, own = (number(components, "training_core_seconds") for components in (0, 512))
    extra = number(512, "rows_core_seconds") - number(0, "rows_core_seconds")
    search = rows("timings.csv", ROOT / "docs" / "lambda-cifar10")
    packs = {(row["stage"], row["pack"]): float(row["cpu_seconds"]) for row in search}
    coarse = sum(seconds for (stage, _), seconds in packs.items() if stage == "coarse") / sum(packs.values())
    return [
        f"512 components keep {100 * number(512, 'variance'):.1f} % of the variance of CIFAR-10's training rows; "
        f"the coarse stage trains in {own:.1f} instead of {full:.1f} core-seconds",
        f"a rank correlation of {agreement(512)} with full stages of other seeds, where full stages of different seeds "
        f"have {agreement(0)} with each other",
        f"Finding and writing such rows takes {extra:.1f} core-seconds more than writing the pixels, once per data set",
        f"so the first screened search saves {full - own - extra:.0f} core-seconds",
        f"with {(full - own) / extra:.1f} cores or more it is no sooner done",
        f"In the stored search above, the coarse stage is {100 * coarse:.0f} % of the training",
    ]


@pytest.mark.parametrize("sentence", sentences())
def test_the_readme_says_what_the_table_says(sentence: str) -> None:
    assert sentence in " ".join(PAGES[0].read_text().split())


@pytest.mark.parametrize("components", [each for each in SUMMARY if each])
def test_screened_stages_rank_a_little_less_alike_than_full_ones_in_ranges_that_overlap(components: int) -> None:
    """So the pages say; and that their best lambdas are on the same flat top."""
    assert number(components, "rho_mean") < number(0, "rho_mean")
    assert number(components, "rho_highest") > number(0, "rho_lowest")
    assert number(components, "regret_highest") < 1


@pytest.mark.parametrize("components", SUMMARY)
def test_the_table_of_the_docs_is_that_of_the_summary(components: int) -> None:
    assert table_row(components) in PAGES[1].read_text()


def test_the_summary_follows_from_the_stored_accuracies() -> None:
    """By hand: ranks of every pair of runs, without the script that wrote the tables."""
    runs: dict[tuple[int, int], dict[float, float]] = {}
    for row in rows("accuracies.csv"):
        run = runs.setdefault((int(row["components"]), int(row["seed"])), {})
        run[float(row["lambda"])] = float(row["accuracy"])
    found: dict[int, list[float]] = {}
    for row in rows("agreement.csv"):
        one, full = runs[int(row["components"]), int(row["seed"])], runs[0, int(row["full_seed"])]
        assert one is not full
        assert len(one) == 16
        assert one.keys() == full.keys()
        rho = spearmanr(list(one.values()), [full[x] for x in one]).statistic
        assert float(row["rho"]) == pytest.approx(rho)
        found.setdefault(int(row["components"]), []).append(rho)
    for components, values in found.items():
        assert number(components, "rho_mean") == pytest.approx(statistics.fmean(values))
        assert int(SUMMARY[components]["pairs"]) == len(values)
    seeds = {seed for _, seed in runs}
    assert {len(values) for components, values in found.items() if components} == {len(seeds) ** 2}
    assert len(found[0]) == len(seeds) * (len(seeds) - 1) // 2


@pytest.mark.parametrize("components", SUMMARY)
def test_the_manifests_are_of_such_runs_by_one_revision(components: int) -> None:
    manifest = json.loads((DOCS / f"manifest-{components or 'full'}.json").read_text())
    assert manifest["configuration"]["lambda"]["screen"] == components
    [made] = manifest["computed_with"]
    [other] = json.loads((DOCS / "manifest-full.json").read_text())["computed_with"]
    assert (made["revision"], made["kernel"]) == (other["revision"], other["kernel"])
