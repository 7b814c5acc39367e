"""The page that lets a reader repeat everything: what is equal is said once, what is not is said of whom."""

from dataclasses import replace

from pipeline.records import Provenance
from pipeline.report.document import Block, Command, Document, Table, Text
from pipeline.report.markdown import markdown
from pipeline.report.provenance import Origin, section

MADE = Provenance(
    versions={"numpy": "2.4.6", "scipy": "1.17.1"},
    blas="openblas 0.3.31",
    kernel="SkylakeX",
    threads=1,
    python="3.11.7",
    environment={"OPENBLAS_CORETYPE": "Haswell"},
    revision="0123456789abcdef0123456789abcdef01234567+",
)
DIGEST = "0123456789abcdef" * 4
DEPTH = Origin(
    name="depth",
    command="make sweep-depth DATASET=cifar10",
    seed=7,
    data=f"my cifar {DIGEST}",
    seeds=(("grid", 0, 11, 12), ("grid", 1, 21, 22)),
    computed_with=((MADE, 24),),
    trials=24,
)
CHECK = Origin("gradient-check", "make gradient-check", 0, "", (), ((MADE, 144),), 0)


def tables(*origins: Origin) -> dict[str, Table]:
    """Return the tables of the page by the beginning of their captions."""
    found = [block for block in section(origins).blocks if isinstance(block, Table)]
    return {table.caption.split()[0]: table for table in found}


def said(blocks: tuple[Block, ...]) -> list[str]:
    return [
        block.text if isinstance(block, Text) else block.line for block in blocks if isinstance(block, Text | Command)
    ]


def test_every_run_has_its_command_and_trials_are_counted_where_there_are_any() -> None:
    _, *lines = said(section([CHECK, DEPTH]).blocks)
    assert lines == [
        "gradient-check: root seed 0",
        "make gradient-check",
        "depth: 24 trials, root seed 7",
        "make sweep-depth DATASET=cifar10",
    ]


def test_a_data_set_is_named_once_with_its_digest_and_all_who_used_it() -> None:
    other = replace(DEPTH, name="lambda")
    assert tables(CHECK, DEPTH, other)["Data:"].rows == (("my cifar", f"`{DIGEST}`", "depth, lambda"),)
    assert len(tables(DEPTH, replace(other, data=f"digits {DIGEST}"))["Data:"].rows) == 2
    assert "Data:" not in tables(CHECK)


def test_the_seeds_of_a_stage_stand_in_one_line_by_replicate() -> None:
    two = replace(DEPTH, seeds=(("b", 1, 3, 4), ("b", 0, 1, 2), ("a", 0, 5, 6)))
    rows = [tuple(cell.replace("\u00a0", " ") for cell in row) for row in tables(two)["The"].rows]
    assert rows == [("depth", "b", "2", "1 / 2, 3 / 4"), ("depth", "a", "1", "5 / 6")]
    assert "The" not in tables(CHECK)


def test_what_is_equal_for_all_runs_is_said_once() -> None:
    page = tables(CHECK, DEPTH)
    assert dict(page["What"].rows) == {
        "git revision": "`0123456789ab`, with changes that were not committed",
        "Python": "3.11.7",
        "numpy": "2.4.6",
        "scipy": "1.17.1",
        "BLAS": "openblas 0.3.31",
        "kernel": "SkylakeX",
        "BLAS threads per process": "1",
        "`OPENBLAS_CORETYPE`": "`Haswell`",
    }
    assert len([block for block in section([CHECK, DEPTH]).blocks if isinstance(block, Table)]) == 3


def test_what_differs_is_said_of_each_run_and_of_nothing_else() -> None:
    newer = replace(MADE, versions={**MADE.versions, "numpy": "2.5"}, environment={}, revision="")
    mixed = replace(DEPTH, computed_with=((MADE, 20), (newer, 4)))
    *_, same, differing = [block for block in section([CHECK, mixed]).blocks if isinstance(block, Table)]
    assert {name for name, _ in same.rows} == {"Python", "scipy", "BLAS", "kernel", "BLAS threads per process"}
    assert differing.header == ("run", "results", "git revision", "numpy", "`OPENBLAS_CORETYPE`")
    old = ("`0123456789ab`, with changes that were not committed", "2.4.6", "`Haswell`")
    assert differing.rows == (
        ("gradient-check", "144", *old),
        ("depth", "20", *old),
        ("depth", "4", "not a git checkout", "2.5", "not set"),
    )


def test_trials_of_which_two_machines_computed_a_leg_each_are_counted_once() -> None:
    mixed = replace(DEPTH, computed_with=((MADE, 24), (replace(MADE, kernel="Z80"), 10)))
    assert "depth: 24 trials, root seed 7" in said(section([mixed]).blocks)


def test_a_clean_checkout_says_nothing_of_changes() -> None:
    clean = replace(DEPTH, computed_with=((replace(MADE, revision="ab" * 20), 24),))
    assert dict(tables(clean)["What"].rows)["git revision"] == "`abababababab`"


def test_without_runs_and_without_any_software_there_is_still_a_page() -> None:
    assert said(section([]).blocks) == ["Nothing has run yet."]
    nobody = replace(DEPTH, computed_with=())  # every pack failed
    assert "What" not in tables(nobody)
    assert DIGEST in markdown(Document("t", "s", (section([nobody]),)))
