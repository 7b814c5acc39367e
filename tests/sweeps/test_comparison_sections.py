"""The section of a comparison: what was run in words, and every number once, in a table or in a sentence."""

from dataclasses import replace
from typing import TypeVar

import pytest
from comparison_runs import Accuracy, answer

from pipeline.report.comparison_findings import findings
from pipeline.report.document import Block, Bullets, Picture, Table, Text
from pipeline.spec import Setting
from sweeps.answers.comparison_sections import LONGEST, sections, study
from sweeps.batch_norm import BatchNorm
from sweeps.comparison import Comparison
from sweeps.dropout import Dropout
from sweeps.grid import Values
from sweeps.optimizers import Optimizers
from sweeps.two_layer import TwoLayer
from sweeps.weight_scale import WeightScale
from sweeps.width import Width

Kind = TypeVar("Kind", bound=Block)


@pytest.fixture(autouse=True)
def _without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (BatchNorm, Dropout, Optimizers, TwoLayer, WeightScale, Width):
        monkeypatch.setattr(kind, "figures", ())
        monkeypatch.setattr(kind, "pages", ())


def blocks(config: Comparison, accuracy: Accuracy, shifted: float | None = None) -> list[Block]:
    """Return the blocks of the section; `shifted` is the accuracy on all shifted test sets, if there are any."""
    [section] = sections(answer(config, accuracy, shifted))
    assert section.title == config.title
    return list(section.blocks)


def of(kind: type[Kind], found: list[Block]) -> list[Kind]:
    return [block for block in found if isinstance(block, kind)]


def text(found: list[Block]) -> str:
    return " ".join(block.text for block in of(Text, found))


def bullets(found: list[Block]) -> tuple[str, ...]:
    return tuple(item for block in of(Bullets, found) for item in block.items)


def half(*_: object) -> float:
    return 0.5


def by_seed(_: object, __: float, replicate: int) -> float:
    return 0.5 + 0.01 * replicate


def test_it_says_what_was_asked_and_how_the_networks_were_trained_but_for_what_varies() -> None:
    found = text(blocks(Width(replicates=2), half))
    assert found.startswith(
        "Do more units in every layer help a 7-layer network? This run trained networks (relu, batch norm before the "
        "activation, He initialisation) in 4 settings with 2 pairs of seeds each on "
    )
    assert "lambda 0.005, sgd with batches of 100, " in found
    assert "(hidden layers" not in found
    assert "The hidden layers were 25-25-25-25-25-25, 50-50-50-50-50-50, " in found


def test_the_escape_from_chance_level_is_defined_only_where_a_seed_did_not() -> None:
    assert "has escaped it" not in text(blocks(Width(replicates=2), half))
    stuck = text(blocks(Width(replicates=2), lambda setting, *_: 0.1 if setting["hidden"][0] == 25 else 0.5))
    assert "A network has escaped it if" in stuck


def test_what_a_table_shows_is_not_said_in_sentences() -> None:
    found = blocks(Width(replicates=2), by_seed)
    [table] = of(Table, found)
    assert table.header == (
        *("units per layer", "n", "test accuracy (%)"),
        "gap between training and validation accuracy (points)",
    )
    assert [row[:2] for row in table.rows] == [(f"{units} units", "2") for units in (25, 50, 100, 200)]
    assert not [item for item in bullets(found) if item.startswith("The test accuracy was")]
    told = study(answer(Width(replicates=2), by_seed))
    assert set(bullets(found)) < set(findings(told))  # which findings.md has all of


def test_effects_that_are_only_counted_in_sentences_have_a_table() -> None:
    config = WeightScale(replicates=2, sigma=Values(log_range=(1e-4, 1.0, 10)))
    found = blocks(config, lambda setting, _, replicate: 0.5 + (setting["batch_norm"] == "before") * 0.01 * replicate)
    _, effects = of(Table, found)
    assert effects.header == ("compared", "with", "change (points)", "")
    assert len(effects.rows) == 10
    assert effects.rows[0] == ("batch norm – no batch norm", "σ = 0.0001", "+0.50 (-5.85 to +6.85)", "within noise")
    assert len([item for item in bullets(found) if "10 effects of batch norm" in item]) == 1


def test_long_tables_are_left_to_csvs_and_the_extremes_are_said_instead() -> None:
    config = WeightScale(replicates=2, sigma=Values(log_range=(1e-4, 1.0, LONGEST + 1)))
    found = blocks(config, by_seed)
    assert of(Table, found) == []
    assert "The numbers of each setting are left to `measures.csv`" in text(found)
    assert "The numbers of each effect that is only counted here are left to `effects.csv`" in text(found)
    assert bullets(found)[0].startswith(f"Of {2 * LONGEST + 2} settings, the highest test accuracy was")


def test_of_many_metrics_the_table_gives_the_interval_of_the_first_and_says_where_the_others_are() -> None:
    found = blocks(BatchNorm(replicates=2, statistics=("ema",)), by_seed, shifted=0.25)
    first = of(Table, found)[0]
    assert first.caption.endswith("The intervals of all but the test accuracy are in `measures.csv`.")
    heads = ("on brightened images", "at half the contrast", "on blurred images", "on noisy images")
    assert first.header == ("batch norm", "n", "test accuracy (%)", *heads)
    assert first.rows[0] == ("no batch norm", "2", "50.50 (44.15 to 56.85)", *["25.00"] * 4)


def test_of_shifted_test_rows_that_were_not_measured_nothing_is_said_or_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    config = BatchNorm(replicates=2)
    monkeypatch.setattr(BatchNorm, "figures", ("shifts",))
    found = blocks(config, by_seed)
    assert of(Table, found)[0].header == ("batch norm", "n", "test accuracy (%)")
    assert not [item for item in bullets(found) if "images" in item or "No pair" in item]
    assert of(Picture, found) == []
    assert len(of(Picture, blocks(config, by_seed, shifted=0.25))) == 1


def test_batch_norm_after_is_compared_with_none_and_with_batch_norm_before() -> None:
    said = bullets(blocks(BatchNorm(replicates=2, statistics=("ema",)), by_seed))
    after = "Batch norm after (moving averages) instead of"
    text = " ".join(said).lower()
    assert f"{after} no batch norm".lower() in text
    assert f"{after} batch norm before (moving averages)".lower() in text


def test_without_moving_averages_places_are_compared_by_the_first_statistics_and_these_with_the_others() -> None:
    config = BatchNorm(places=("before", "after"), statistics=("precise", "adaptive"))
    [factor] = config.factors()
    before, after = "batch norm before (PreciseBN)", "batch norm after (PreciseBN)"
    assert [factor.baselines(level) for level in factor.levels] == [(), (before,), (before,), (after,)]


def test_what_was_evaluated_is_said_of_the_statistics_and_the_shifts() -> None:
    found = text(blocks(BatchNorm(replicates=2), by_seed))
    assert "PreciseBN takes the statistics of 10,000 training rows as one batch, with the network" in found
    assert "AdaptiveBN takes the statistics of the very rows that are evaluated, changed at random (mirrored, " in found
    assert "blurred by a Gaussian of standard deviation 3 pixels" in found
    assert "BN takes" not in text(blocks(Width(replicates=2), by_seed))
    assert "PreciseBN" not in text(blocks(BatchNorm(replicates=2, statistics=("ema", "adaptive")), by_seed))


def test_every_seed_of_a_mixed_setting_is_in_the_table() -> None:
    config = Dropout(replicates=2, p=(1.0,), norms=("none", "before"))
    found = blocks(config, lambda setting, _, replicate: (0.1, 0.5)[replicate] if setting["keep"] == 1 else 0.5)
    [table] = of(Table, found)
    assert table.rows[0] == ("no batch norm", "2", "10.00, 50.00", "0.00, 0.00")
    assert "or every seed where some stayed at chance level" in table.caption


def test_which_rates_were_chosen_is_said_rate_by_rate_and_whether_a_rate_beyond_might_do_better() -> None:
    config = Optimizers(replicates=2, names=("sgd", "momentum", "adam"), etas=Values((0.1, 0.001, 0.01)))
    best = {"sgd": 0.1, "momentum": 0.1, "adam": 0.01}
    found = text(blocks(config, lambda setting, eta, _: 0.5 + (best[setting["optimizer"]] == eta) / 4))
    assert (
        "from 0.001, 0.01 and 0.1. Chosen were 0.01 with Adam; 0.1 with SGD and momentum. In 2 of 3 settings" in found
    )
    assert "adam" not in found.replace("Adam", "")
    inner = text(blocks(config, lambda _, eta, __: 0.5 + (eta == 0.01) / 4))
    assert "Chosen was 0.01 for all." in inner
    assert "a rate beyond" not in inner


def test_settings_that_no_rate_suits_better_are_said_apart_and_are_at_no_end_of_what_was_tried() -> None:
    def rule(setting: Setting, eta: float, _: int) -> float | None:
        rising = {"sgd": 0.1, "momentum": None, "adam": 0.5 + eta, "adagrad": 0.1 if eta > 0.001 else None}
        return rising[setting["optimizer"]]

    names = ("sgd", "momentum", "adam", "adagrad")
    found = text(blocks(Optimizers(replicates=2, names=names, etas=Values((0.001, 0.01, 0.1))), rule))
    assert (
        "All rates with which every seed completed did equally well, and the smallest was taken, with SGD and AdaGrad. "
        "With no rate did every seed complete, and the smallest was taken, with momentum. "
        "Chosen was 0.1 with Adam. In 1 of these that is an end" in found
    )
    stuck = text(blocks(Optimizers(replicates=2, names=("sgd",)), lambda *_: 0.1))
    assert "Chosen" not in stuck
    assert "a rate beyond" not in stuck


def test_one_rate_is_no_end_of_what_was_tried() -> None:
    config = replace(Optimizers(replicates=2, names=("sgd",)), etas=Values((0.1,)))
    found = text(blocks(config, half))
    assert "from 0.1. Chosen was 0.1." in found
    assert "a rate beyond" not in found


def test_a_comparison_of_one_setting_has_nothing_to_compare_and_says_so_by_saying_nothing() -> None:
    found = blocks(Optimizers(replicates=2, names=("sgd",), etas=Values()), by_seed)
    assert len(of(Table, found)) == 1
    assert bullets(found) == ("Every network that completed escaped chance level (10.00 %).",)


def test_what_stands_in_place_of_an_interval_is_not_said_again_as_a_verdict() -> None:
    config = WeightScale(replicates=2, sigma=Values(log_range=(1e-4, 1.0, 10)))
    _, effects = of(Table, blocks(config, half))
    assert {row[2:] for row in effects.rows} == {("+0.00 (all alike)", "")}
