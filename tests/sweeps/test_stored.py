"""Reading a sweep from its store, and the line that repeats it: what is printed gives the same run again."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import rig

from pipeline.data import load
from pipeline.errors import DataError, HostError
from pipeline.records import Chance, Diagnosis
from pipeline.report.document import Command, Section, Text
from pipeline.report.provenance import Told
from pipeline.run.samplers import replicate_seeds
from pipeline.run.stage import StageResult
from pipeline.spec import digest
from sweeps import SWEEPS
from sweeps.cli import SCALES, Options, changed, parse
from sweeps.command import TARGETS, command
from sweeps.depth import Depth
from sweeps.grid import budgets, stages
from sweeps.measured import UnmeasuredError
from sweeps.question import Finished, Question
from sweeps.session import run
from sweeps.stored import stored, tell

ROOT = Path(__file__).resolve().parents[2]

ASKED = {
    "gradient-check": ["--hidden 5", "--hidden 3 4 --activation tanh --inputs 3"],
    "depth": [
        "--networks 50 20-10 --step-size 3",
        "--lambda 0 --optimizer.name momentum --optimizer.momentum 0.5 --init.scheme normal --init.sigma 0.01",
        "--batch-norm after --eta-min 1e-07 --eta-max 1.5 --val-fraction 0.25 --dtype float64",
    ],
    "lambda": [
        "--coarse.count 32 --coarse.sampler tpe --refine.round-size 2 --final.default 0",
        "--network.hidden 100 50 --network.batch-norm none --network.bn-epsilon 1e-05 --low 0.0001",
        "--network.hidden",
    ],
    "init-sensitivity": [
        "--no-he --hidden 30 20",
        "--sigma.values 0.1 1e-05",
        "--sigma.log-range 1e-05 1 16 --replicates 2",
        "--sigma.values --no-he --sigma.log-range 0.001 0.1 3",
    ],
    "random-search": [
        "--space.hidden 50 20-10 --space.lambda 0.01 --space.keep 1 --search.sampler tpe --confirm.finalists 2",
    ],
    "two-layer": ["--long-cycles 5 --train-rows 500 --batch-norm after"],
    "optimizers": ["--names sgd adam --etas.values 0.1 0.5", "--etas.values --schedule constant --warm-up 0"],
    "width": ["--units 5 10 --layers 3", "--augment.mirror --augment.rotation 5.5 --convention cs231n"],
    "skip": ["--skips 1-4 --norms none", "--hidden 5 5 5 5 5 --skips 2-3 3-5"],
    "batch-norm": ["--places after --statistics ema --test-augment.no-mirror", "--precise-per-epoch 0"],
    "dropout": ["--p 0.25 --convention cmu --l2-factor 0.5"],
    "weight-scale": ["--sigma.values 0.1 0.01 --norms none", "--sigma.log-range 0.01 1 3 --tuning-replicates 3"],
    "batch-size": ["--batch-sizes 7 --norms layer --schedule step --decay 0.5 --decay-every 2"],
    "activations": ["--names tanh --etas.log-range 0.001 0.1 3"],
    "overfit": ["--networks 5 --schedule exponential --decay 0.9"],
    "training-stats": ["--num-bn-layers 2 --bn-start zeros --bn-epsilon 1e-05"],
    "augmentation": ["--shift 3 --rotation 5.5"],
    "best-network": ["--hidden 100 50 --p 0.8 --jitter.no-mirror --patience 6", "--batch-norm after --cycles 3"],
    "data": [],
    "report": [],
    "assignment": [],
    "experiments": [],
}
"""Several configurations of every sweep, as somebody might ask for them."""


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", SWEEPS)
def test_the_flags_of_a_configuration_give_it_back(name: str, scale: str) -> None:
    entry = SWEEPS[name]
    default = entry.configuration.at_scale(scale)
    assert list(changed(default, default)) == []
    for line in ASKED[name]:
        asked = parse(name, entry, ["--scale", scale, *line.split()])
        assert asked is not None
        assert asked[0] != default
        words = list(changed(default, asked[0]))
        assert parse(name, entry, ["--scale", scale, *words]) == asked, words


def test_the_flags_name_only_what_is_different() -> None:
    entry = SWEEPS["depth"]
    asked = parse("depth", entry, ["--step-size", "3", "--cycles", "2", "--optimizer.momentum", "0.5"])
    assert asked is not None
    assert list(changed(entry.configuration.at_scale("full"), asked[0])) == [
        *("--optimizer.momentum", "0.5", "--step-size", "3")
    ]
    assert list(changed(entry.configuration.at_scale("full"), entry.configuration.at_scale("smoke"))) == [
        *("--replicates", "2", "--step-size", "1", "--cycles", "1")
    ]


def test_what_is_at_its_default_is_left_out_of_the_line() -> None:
    assert command("depth", Options(dataset="cifar10", jobs=2, data_dir=Path("x"), retry="failed", plan=True)) == (
        "make sweep-depth DATASET=cifar10"
    )
    given = Options(dataset="a b.npz", scale="quick", run="x-1", seed=3, pack_width=4)
    assert command("init-sensitivity", given, ["--step-size", "3"]) == (
        "make init-sensitivity DATASET='a b.npz' SCALE=quick RUN=x-1 SEED=3 PACK_WIDTH=4 ARGS='--step-size 3'"
    )


@pytest.mark.parametrize("name", SWEEPS)
def test_what_make_passes_on_is_what_the_line_says(name: str, tmp_path: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    options = Options(dataset="my $data & more.npz", scale="quick", run="x", seed=3, pack_width=4)
    flags = ["--networks", "a b", "$HOME", "it's"]
    line = command(name, options, flags)
    assert (name in TARGETS) == line.startswith(f"make {name} ")
    script = f"{line.replace('make', 'make --dry-run', 1)}"
    environment = {"PATH": os.environ["PATH"]}
    printed = subprocess.run(
        ["sh", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    _, _, passed = printed.stdout.rpartition("-m sweeps ")
    assert shlex.split(passed) == [
        *(name, "--dataset", "my $data & more.npz", "--seed", "3", "--scale", "quick", "--run", "x"),
        *("--pack-width", "4", *flags),
    ]


@dataclass(frozen=True)
class World:
    """A small sweep, the options that it runs with, and those of the report that reads it; what was measured, when."""

    question: Question[Depth, StageResult]
    options: Options
    reading: Options
    folder: Path
    measured: list[Diagnosis] = field(default_factory=list)

    def run(self, engine: rig.InProcess, replicates: int = 2) -> None:
        config = Depth(networks=("4", "3-2"), replicates=replicates, step_size=1, cycles=1, batch_size=20)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sweeps.session.LokyEngine", lambda *_: engine)
            run(replace(self.question, diagnose=self.diagnose), config, self.options)

    def diagnose(self, results: Sequence[StageResult], _finished: Finished) -> Diagnosis:
        """Return what is different every time, as with another BLAS kernel."""
        self.measured.append(Diagnosis(Chance(0.1, 2.3 + len(self.measured))))
        return self.measured[-1]

    def tell(self) -> Told:
        return tell(self.question, self.reading, "tiny")

    def words(self) -> list[str]:
        """Return what the only section says, where the sweep cannot be told."""
        told = self.tell()
        assert told.origin is None
        [section] = told.sections
        assert section.title == "the title"
        return [block.line if isinstance(block, Command) else block.text for block in section.blocks]  # type: ignore[union-attr]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a depth sweep that draws nothing, measures the chance level, and tells how many trials it has."""
    question = Question(
        name="depth",
        configuration=Depth,
        stages=stages,
        budgets=budgets,
        tables=lambda _: {},
        write=lambda *_: None,
        title="the title",
        sections=lambda answer: [Section("told", (Text(f"{len(answer.records)} trials, {answer.diagnosis.chance}"),))],
        diagnose=pytest.fail,  # the report measures nothing
    )
    path = str(rig.npz(tmp_path))
    options = Options(dataset=path, scale="smoke", seed=3, pack_width=1, artifacts=tmp_path / "out")
    monkeypatch.setattr("pipeline.data.dataset.Dataset.folder_name", "tiny")
    return World(question, options, replace(options, seed=0, pack_width=None), tmp_path / "out/depth/tiny-smoke")


LINE = "make sweep-depth DATASET={} SCALE=smoke SEED=3 PACK_WIDTH=1 ARGS='--batch-size 20 --networks 4 3-2'"


def test_a_sweep_that_has_not_run_names_the_command_that_runs_it(world: World) -> None:
    assert world.words() == [
        "This sweep has not run. This command runs it:",
        f"make sweep-depth DATASET={world.options.dataset} SCALE=smoke",
    ]
    assert not world.options.artifacts.exists()


def test_the_command_to_type_says_where_the_data_lie_and_the_one_that_others_repeat_does_not() -> None:
    options = Options(dataset="cifar10", data_dir=Path("my data"))
    assert command("depth", options, here=True) == "make sweep-depth DATASET=cifar10 DATA_DIR='my data'"
    assert command("depth", options) == "make sweep-depth DATASET=cifar10"


def test_a_sweep_that_was_stopped_names_the_command_that_goes_on_with_it(world: World) -> None:
    def three(names: list[str]) -> list[str]:
        return names[:3]

    with pytest.raises(KeyError):  # the rest never comes
        world.run(rig.InProcess(order=three))
    text, line = world.words()
    assert text == ("This sweep is not complete: stage depth has 3 of its 8 trials. This command goes on with it:")
    assert line == LINE.format(world.options.dataset)


def test_a_sweep_that_is_complete_is_told_as_it_was_asked_not_as_the_report_is(world: World) -> None:
    world.run(rig.InProcess())
    told = world.tell()
    [section] = told.sections
    assert section.blocks == (Text(f"8 trials, {Chance(0.1, 2.3)}"),)
    assert told.origin is not None
    assert told.origin.command == LINE.format(world.options.dataset)
    assert told.origin.seed == 3
    assert told.origin.data == f"tiny {load(world.options.dataset, warn=pytest.fail).digest}"
    assert told.origin.seeds == tuple(("depth", r, *replicate_seeds(3, "depth", r)) for r in range(2))
    assert told.origin.trials == 8


def test_its_command_is_another_where_the_scale_has_other_defaults(world: World) -> None:
    world.run(rig.InProcess())
    at_full = replace(world.reading, scale="full", run="x")
    (world.folder.parent / "tiny-x").symlink_to(world.folder)
    told = tell(world.question, at_full, "tiny")
    assert told.origin is not None
    assert told.origin.command.endswith(
        "RUN=x SEED=3 PACK_WIDTH=1 ARGS='--replicates 2 --step-size 1 --cycles 1 --batch-size 20 --networks 4 3-2'"
    )


def test_reading_writes_nothing(world: World) -> None:
    world.run(rig.InProcess())
    before = rig.files(world.folder.parent)
    world.tell()
    assert rig.files(world.folder.parent) == before


def test_a_run_that_ended_before_its_diagnosis_is_not_complete(world: World) -> None:
    world.run(rig.InProcess())
    (world.folder / "diagnosis.json").unlink()
    text, line = world.words()
    assert text == "This sweep is not complete: diagnosis.json is missing. This command goes on with it:"
    assert line == LINE.format(world.options.dataset)
    with pytest.raises(UnmeasuredError):
        stored(world.question, world.folder)


def test_a_finished_run_typed_again_measures_nothing_and_keeps_the_bytes(world: World) -> None:
    world.run(rig.InProcess())
    before = (world.folder / "diagnosis.json").read_bytes()
    world.run(rig.forbidden())
    assert len(world.measured) == 1
    assert (world.folder / "diagnosis.json").read_bytes() == before
    assert stored(world.question, world.folder).diagnosis == replace(world.measured[0], of=belongs_to(world))


def belongs_to(world: World) -> str:
    """Return the digest of what was run: every trial and its pack, in plan order."""
    records = stored(world.question, world.folder).records
    return digest([(record.spec.key, record.pack_key) for record in records])


def test_an_extended_run_is_measured_again(world: World) -> None:
    world.run(rig.InProcess())
    before = belongs_to(world)
    world.run(rig.InProcess(), replicates=3)
    answer = stored(world.question, world.folder)
    assert len(world.measured) == 2
    assert answer.diagnosis == replace(world.measured[1], of=belongs_to(world))
    assert answer.diagnosis.of != before


def test_an_extension_that_was_killed_before_its_diagnosis_is_not_complete(world: World) -> None:
    world.run(rig.InProcess())
    before = (world.folder / "diagnosis.json").read_bytes()

    def killed(*_: object) -> None:
        raise rig.Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(World, "diagnose", killed)
        with pytest.raises(rig.Killed):
            world.run(rig.InProcess(), replicates=3)
    assert (world.folder / "diagnosis.json").read_bytes() == before
    text, line = world.words()
    assert text == ("This sweep is not complete: diagnosis.json belongs to other trials. This command goes on with it:")
    assert "--replicates 3" in line
    world.run(rig.forbidden(), replicates=3)
    told = world.tell()
    assert told.origin is not None
    assert told.origin.trials == 12


DAMAGED = [
    b"",
    b"{}",
    b"\xff\xfe",
    b"[1]",
    b'{"chance": {"accuracy": 2.0, "loss": 1.0}}',
    b'{"chance": {"accuracy": 0.1, "loss": -1.0}}',
]


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_diagnosis_is_refused_and_the_sweep_measures_it_anew(
    content: bytes, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.run(rig.InProcess())
    (world.folder / "diagnosis.json").write_bytes(content)
    with pytest.raises(DataError, match=r"diagnosis\.json must hold what was measured .* run the sweep again") as error:
        world.tell()
    assert "\n" not in str(error.value)
    capsys.readouterr()
    world.run(rig.forbidden())
    assert capsys.readouterr().out.splitlines().count(f"warning: {error.value}") == 1
    assert len(world.measured) == 2
    assert world.tell().origin is not None


def test_a_folder_in_the_place_of_the_diagnosis_is_the_surroundings(world: World) -> None:
    world.run(rig.InProcess())
    (world.folder / "diagnosis.json").unlink()
    (world.folder / "diagnosis.json").mkdir()
    for refused in (world.tell, lambda: world.run(rig.forbidden())):
        with pytest.raises(HostError, match=r"diagnosis\.json must be readable, got Is a directory$"):
            refused()


def test_the_study_of_another_data_set_is_refused(world: World) -> None:
    world.run(rig.InProcess())
    of = load(world.options.dataset, warn=pytest.fail).digest[:8]
    for name, refused in {"cifar10": True, "tiny-01234567": True, f"tiny-{of}": False}.items():
        (world.folder.parent / f"{name}-smoke").symlink_to(world.folder)
        if refused:
            message = rf"depth/{name}-smoke must hold a study of the data set {name}, got one of tiny {of}$"
            with pytest.raises(DataError, match=message):
                tell(world.question, world.reading, name)
        else:
            assert tell(world.question, world.reading, name).origin is not None


def test_the_study_of_another_sweep_is_refused(world: World) -> None:
    world.run(rig.InProcess())
    (world.folder.parents[1] / "lambda").mkdir()
    (world.folder.parents[1] / "lambda" / "tiny-smoke").symlink_to(world.folder)
    with pytest.raises(DataError, match="the folder of lambda must hold its study, got one of 'depth'"):
        tell(replace(world.question, name="lambda"), world.reading, "tiny")
