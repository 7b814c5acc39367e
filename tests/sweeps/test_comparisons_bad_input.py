"""What the comparisons refuse: one line and exit code 2, before any data is read wherever none is needed."""

import re
from pathlib import Path
from typing import Any, NoReturn

import pytest
import rig

from sweeps.__main__ import main

WITHOUT_DATA: dict[str, str] = {
    # names
    "optimizers --names sgd adm": "optimizer must be one of .* got 'adm'; did you mean 'adam'?",
    "optimizers --optimizer.name sdg": "optimizer must be one of .* got 'sdg'; did you mean 'sgd'?",
    "activations --names relu tahn": "activation must be one of .* got 'tahn'; did you mean 'tanh'?",
    "width --activation rleu": "activation must be one of .* did you mean 'relu'?",
    "width --schedule cosin": "schedule must be one of .* got 'cosin'; did you mean 'cosine'?",
    "width --convention cs231": "convention must be one of .* got 'cs231'; did you mean 'cs231n'?",
    "width --bn-start zero": "bn start must be one of .* got 'zero'; did you mean 'zeros'?",
    "width --batch-norm befor": "batch norm must be one of .* got 'befor'; did you mean 'before'?",
    "width --init.scheme hee": "init must be one of .* got 'hee'; did you mean 'he'?",
    "batch-norm --statistics ema precice": "statistics must be one of .* got 'precice'; did you mean 'precise'?",
    "batch-norm --places befor": "batch norm must be one of .* got 'befor'; did you mean 'before'?",
    "batch-size --norms bach": "norm must be one of none, batch, layer, got 'bach'; did you mean 'batch'?",
    "dropout --norms bfore": "batch norm must be one of .* got 'bfore'; did you mean 'before'?",
    "skip --norms non": "batch norm must be one of .* got 'non'; did you mean 'none'?",
    "weight-scale --norms aftr": "batch norm must be one of .* got 'aftr'; did you mean 'after'?",
    # dropout
    "dropout --p 0": r"the probability to keep a unit must lie in \(0, 1\], got 0\.0",
    "dropout --p 1.5": r"the probability to keep a unit must lie in \(0, 1\], got 1\.5",
    "dropout --p nan": r"the probability to keep a unit must lie in \(0, 1\], got nan",
    "dropout --p 1 --convention cmu": r"the probability to drop a unit must lie in \[0, 1\), got 1\.0",
    "dropout --p -0.5 --convention cmu": r"the probability to drop a unit must lie in \[0, 1\), got -0\.5",
    "width --keep 0": r"keep must be a probability in \(0, 1\], got 0\.0",
    # skips
    "skip --hidden 50 50 50 50 40 50": r"skip 3-5 must join layers of equal width, got \(50, 40\)",
    "skip --skips 1:3": "skips must be two hidden layers such as 1-3, got '1:3'",
    "skip --skips 1-3-5": "skips must be two hidden layers such as 1-3, got '1-3-5'",
    "skip --skips 5-7": r"skips must lead from one of the hidden layers 1\.\.6 to a later one, got .*5.*7.*",
    "skip --skips 0-2": r"skips must lead from one of the hidden layers 1\.\.6 to a later one, got .*0.*2.*",
    "skip --skips 3-1": r"skips must lead from one of the hidden layers 1\.\.6 to a later one, got .*3.*1.*",
    "skip --skips": r"skips must be different, and at least one, got \(\)",
    "skip --skips 1-3 1-3": r"skips must be different, and at least one, got .*",
    # schedules
    "width --schedule step": r"decay must be a factor in \(0, 1\] with schedule step, got None",
    "width --schedule step --decay 0.1": "decay every must be a positive number of epochs with schedule step, got None",
    "width --schedule exponential --decay 2": r"decay must be a factor in \(0, 1\] .* got 2\.0",
    "width --decay 0.5": "decay belongs to schedule step or exponential, not to triangular, got 0.5",
    "width --schedule exponential --decay 0.9 --decay-every 2": "decay every belongs to schedule step, .* got 2",
    "width --schedule cosine --step-size 1 --cycles 1 --warm-up 2": "warm up must be epochs, fewer than the 2 .* got 2",
    "width --warm-up 1": "warm up belongs to schedule cosine, not to triangular, got 1",
    # learning rates to choose from
    "optimizers --etas.values 1e-6": r"etas must be at least eta min, 1e-05, got \(1e-06,\)",
    "optimizers --etas.values 0.1 0": "eta max must be a positive number, got 0.0",
    "optimizers --etas.values 0.1 0.1": r"etas must be different, got \(0\.1, 0\.1\)",
    "optimizers --tuning-replicates 0": "tuning replicates must be a positive integer, got 0",
    "optimizers --etas.values 0.01 --etas.log-range 0.1 1 3": "etas must be given as values or as log-range, .* got .*",
    # what every setting replaces
    "width --hidden 10 10": r"hidden must be left out where the factor units per layer sets it, got \(10, 10\)",
    "overfit --hidden 3": r"hidden must be left out where the factor network sets it, got \(3,\)",
    "dropout --keep 0.3": r"keep must be left out where the factor dropout sets it, got 0\.3",
    "weight-scale --batch-norm after": "batch norm must be left out where the factor batch norm sets it, got 'after'",
    "weight-scale --init.scheme xavier": "init must be left out where the factor weight scale σ sets it, got 'xavier'",
    "batch-size --batch-size 7": "batch size must be left out where the factor batch size sets it, got 7",
    "activations --activation tanh": "activation must be left out where the factor activation sets it, got 'tanh'",
    "optimizers --optimizer.name adam": "optimizer must be left out where the factor optimizer sets it, got 'adam'",
    "optimizers --eta-max 5": r"eta max must be left out where etas are given, got 5\.0",
    "augmentation --augment.mirror": "augment must be left out where the factor augmentation sets it, got 'mirror'",
    # lists
    "optimizers --names": r"optimizer must be different, and at least one, got \(\)",
    "width --units 5 5": r"units per layer must be different, and at least one, got .*",
    "dropout --p 0.5 0.5": "dropout must be different, and at least one, got .*",
    "batch-norm --places": r"batch norm must be different, and at least one, got \(\)",
    "batch-norm --statistics": r"statistics must be at least one, got \(\)",
    "batch-size --batch-sizes": r"batch size must be different, and at least one, got \(\)",
    "weight-scale --sigma.values 1e-50 1": "sigma must lie within 1e-37 to .* got 1e-50",
    "weight-scale --sigma.values 0.1 --sigma.log-range 0.1 1 3": "sigma must be given as values or .* got .*",
    "weight-scale --sigma.values": r"weight scale σ must be different, and at least one, got \(\)",
    "weight-scale --sigma.log-range 1e-4 1 0": "number of sigma values must be a positive integer, got 0",
    "overfit --networks": r"network must be different, and at least one, got \(\)",
    "overfit --networks 5-x": "networks must be hidden sizes such as 50-30, got '5-x'",
    "two-layer --cycles 3 --step-size 8": r"schedule must be different, and at least one, got .*",
    "augmentation --shift 0": r"augmentation must have levels that differ, got .*",
    "best-network --hidden 50 50": "network must be different, and at least one, got .*",
    "best-network --jitter.no-mirror --jitter.shift 0 --jitter.rotation 0 --jitter.zoom 0": "network must have .*",
    "best-network --p 1": r"network must have levels that differ, got .*",
    "best-network --patience 2": r"network must have levels that differ, got .*",
    # numbers
    "best-network --jittered-lambda -1": r"jittered lambda must be a number >= 0, got -1\.0",
    "best-network --jittered-lambda nan": "jittered lambda must be a number >= 0, got nan",
    "best-network --jittered-lambda inf": "jittered lambda must be a number >= 0, got inf",
    "best-network --p 0": r"keep must be a probability in \(0, 1\], got 0\.0",
    "width --train-rows 0": "train rows must be a positive integer, got 0",
    "overfit --train-rows 20": "batch size must not exceed the 20 training rows, got 25",
    "width --layers 1": "layers must be at least 2, got 1",
    "width --layers 0": "layers must be at least 2, got 0",
    "width --units 0": "hidden sizes must be a positive integer, got 0",
    "width --replicates 0": "replicates must be a positive integer, got 0",
    "width --l2-factor 2": "l2 factor must be 1 .* or 0.5 .* got 2.0",
    "training-stats --num-bn-layers 0": r"num bn layers must lie in 1\.\.2, .* got 0",
    "training-stats --num-bn-layers 3": r"num bn layers must lie in 1\.\.2, .* got 3",
    "batch-norm --precise-rows 0": "rows of precise statistics must be a positive integer, got 0",
    "batch-norm --precise-per-epoch -1": "per epoch must be at least 0, got -1",
    "batch-norm --test-augment.zoom 1": r"zoom must lie in \[0, 1\), got 1\.0",
    "width --augment.shift -1": "shift must be pixels, at least 0, got -1",
    "width --augment.rotation 200": r"rotation must be degrees in \[0, 180\], got 200\.0",
}

ON_PLAIN_ROWS: dict[str, str] = {
    "augmentation": "augmentation must be of images, got 'the data set tiny'",
    "width --augment.mirror": "augmentation must be of images, got 'the data set tiny'",
    "dropout --augment.shift 2": "augmentation must be of images, got 'the data set tiny'",
    "batch-norm --augment.brightness 0.1": "augmentation must be of images, got 'the data set tiny'",
    "batch-size --batch-sizes 145": "batch size must not exceed the 144 training rows, got 145",
    "width --val-fraction 2": "validation fraction must lie between .*",
}


def refused(arguments: list[str], out: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line with which a command is refused, and see that it leaves nothing behind."""
    assert main([*arguments, "--artifacts", str(out / "out")]) == 2
    output = capsys.readouterr()
    [line] = output.err.splitlines()
    assert "Traceback" not in output.out
    assert not (out / "out").exists()
    return line


@pytest.mark.parametrize(("line", "message"), WITHOUT_DATA.items(), ids=WITHOUT_DATA)
def test_what_needs_no_data_to_be_refused_is_refused_before_any_is_read(
    line: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: Any) -> NoReturn:
        raise AssertionError("no data may be read")

    monkeypatch.setattr("sweeps.session.load", read)
    found = refused(line.split(), tmp_path, capsys)
    assert matches(found, message), found


@pytest.mark.parametrize(("line", "message"), ON_PLAIN_ROWS.items(), ids=ON_PLAIN_ROWS)
@pytest.mark.parametrize("plan", [[], ["--plan"]], ids=["run", "plan"])
def test_what_does_not_fit_the_data_is_refused_in_a_run_and_in_its_plan(
    line: str, message: str, plan: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = refused([*line.split(), "--dataset", str(rig.npz(tmp_path)), *plan], tmp_path, capsys)
    assert matches(found, message), found


def test_augmentation_and_shifts_are_for_images_of_ones_own_as_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["width", "--augment.mirror", "--plan", "--jobs", "1", "--dataset", str(rig.npz(tmp_path, shape=(1, 2, 3)))]
    assert main([*line, "--units", "3", "--scale", "smoke", "--artifacts", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().err == ""


def matches(line: str, message: str) -> bool:
    """Return whether a line is the `message`, in which .* stands for anything, and a question mark for itself."""
    return re.fullmatch("error: " + message.replace("?", r"\?"), line) is not None
