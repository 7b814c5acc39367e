"""The house keeps its own rules: which layer knows which, how long a file is, what none may name, what make offers."""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sweeps.cli import Options, flags
from sweeps.command import TARGETS

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    """Return the text of every file in git that is text, by its path from the root."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("which files belong to the project is known in a git checkout only")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    texts = {}
    for name in filter(None, listed.split("\0")):
        content = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b"\0"
        if b"\0" not in content:
            texts[name] = content.decode("utf-8")
    return texts


def make(*arguments: str) -> str:
    """Return what make prints, in an environment that sets none of its variables."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    environment = {"PATH": os.environ["PATH"]}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout


def test_a_mistyped_variable_of_make_is_refused_in_one_line() -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        make("--dry-run", "sweep-lambda", "DATSET=digits")
    assert refused.value.returncode == 2
    [line] = refused.value.stderr.splitlines()
    assert "error: a variable must be one of DATASET " in line
    assert line.endswith("got DATSET.  Stop.")
    listed = re.findall(r"[A-Z_]{3,}(?==)", make("help"))
    assert "digits" in make("--dry-run", "sweep-lambda", "DATASET=digits", "PIP_INDEX_URL=mirror")
    assert {*listed} <= {*line.replace(",", "").split()}  # what help lists may be given


def test_a_folder_of_something_else_is_not_replaced_by_an_environment(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        make("gradient-check", f"VENV={tmp_path}")
    assert refused.value.stderr.startswith("error: VENV must be an environment or an empty folder, got ")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def imported(path: Path) -> set[str]:
    """Return the top-level names of the modules that a file imports."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return {name.partition(".")[0] for name in names}


def test_imports_point_down() -> None:
    # in a process of its own: import-linter rearranges sys.path and the loggers of the one it runs in
    program = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True, no_logo=True))"
    result = subprocess.run([sys.executable, "-c", program], check=False, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_module_of_the_pipeline_has_its_layer() -> None:
    contract = next(each for each in PROJECT["tool"]["importlinter"]["contracts"] if each["type"] == "layers")
    placed = {name.strip() for layer in contract["layers"] for name in re.split(r"[|:]", layer)}
    modules = {
        f"pipeline.{path.stem}"
        for path in (ROOT / "pipeline").iterdir()
        if path.name != "__init__.py" and (path.suffix == ".py" or (path / "__init__.py").is_file())
    }
    assert modules <= placed


def test_the_core_knows_arithmetic_only() -> None:
    """No files, clock, environment or global random numbers."""
    arithmetic = {
        "numpy",
        "scipy",
        "pipeline",
        "math",
        "dataclasses",
        "typing",
        "collections",
        "functools",
        "itertools",
    }
    plain = {"__future__", "abc", "enum", "operator"}
    for path in (ROOT / "pipeline" / "core").glob("*.py"):
        assert imported(path) <= arithmetic | plain, path.name


def test_no_file_of_code_is_longer_than_400_lines(files: dict[str, str]) -> None:
    code = {name: text for name, text in files.items() if name.endswith(".py")}
    assert code
    assert [name for name, text in code.items() if text.count("\n") > 400] == []


@pytest.mark.parametrize(
    ("what", "pattern", "but_for"),
    [
        ("a folder of one machine", r"(?<![\w.$}])/(home|root|Users|work)/\w", ""),
        ("a registry of packages", r"pypi\.org|pythonhosted\.org|anaconda\.(org|com)|--(extra-)?index-url", ""),
        ("the folder beside the project", r"\.\./shared", ".ci/run"),
    ],
)
def test_no_file_names(what: str, pattern: str, but_for: str, files: dict[str, str]) -> None:
    assert [name for name, text in files.items() if name != but_for and re.search(pattern, text)] == []


def test_make_alone_lists_every_target() -> None:
    targets = set(re.findall(r"^([a-z][a-z%-]*):(?!=)", MAKEFILE, re.MULTILINE))
    assert {"help", "sweep-lambda", "gradient-check", "test", "check", "fix", "bench", "clean"} <= targets
    assert {"init-sensitivity", "report", "assignment"} <= targets
    listed = set(re.findall(r"^  make (\S+)  +\S", make(), re.MULTILINE))
    assert listed == {target.replace("%", "<name>") for target in targets}


def test_make_passes_only_the_variables_that_are_set() -> None:
    assert sweep_command() == ["lambda"]
    assert sweep_command("PLAN=0") == ["lambda"]


@pytest.mark.parametrize("value", ["it's", "'; echo owned; '", "a, b", '"', "`ls` $$(ls)"])
def test_whatever_is_in_a_variable_of_make_is_one_value(value: str) -> None:
    told = value.replace("$$", "$")
    assert sweep_command(f"DATASET={value}", f"RUN={value}") == ["lambda", "--dataset", told, "--run", told]
    assert sweep_command("SEED=1\n2") == ["lambda", "--seed", "1 2"]


def test_every_variable_of_make_is_a_flag_of_every_sweep() -> None:
    settings = ["DATASET=digits", "DATA_DIR=a b", "JOBS=2", "SEED=3", "SCALE=smoke", "RUN=x", "PLAN=1", "RETRY=failed"]
    name, *arguments = sweep_command(*settings, "TRIAL_TIMEOUT=9.5", "PACK_WIDTH=4", "ARGS=--coarse.low '1 2'")
    assert name == "lambda"
    assert arguments == [
        *("--dataset", "digits", "--data-dir", "a b", "--jobs", "2", "--seed", "3", "--scale", "smoke", "--run", "x"),
        *("--plan", "--retry", "failed", "--trial-timeout", "9.5", "--pack-width", "4", "--coarse.low", "1 2"),
    ]
    assert {word for word in arguments if word.startswith("--")} - {"--coarse.low"} <= set(flags(Options()))


@pytest.mark.parametrize("name", ["lambda", "depth", *TARGETS])
def test_every_entry_has_its_target(name: str) -> None:
    target = name if name in TARGETS else f"sweep-{name}"
    assert sweep_command("SCALE=smoke", target=target) == [name, "--scale", "smoke"]


@pytest.mark.parametrize(
    ("asked", "installs"),
    [
        ("", True),
        ("--only race --rounds 5", True),
        ("--only packs whole-sweep", True),
        ("--rounds 5", True),
        ("--only packs", False),
        ("--only costs prediction", False),
    ],
)
def test_the_peers_of_the_race_are_installed_where_there_is_a_race(asked: str, installs: bool) -> None:
    assert ("while read -r peer" in make("--dry-run", "bench", f"ARGS={asked}")) is installs


@pytest.mark.parametrize("fails", [True, False])
def test_peers_count_as_installed_only_where_it_is_known_who_they_are(fails: bool, tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"  # says one peer, whether it fails after that or not
    python.parent.mkdir()
    pip = f"[ $1 = -m ] && echo pip >> {tmp_path}/log && exit 0"
    python.write_text(f"#!/bin/sh\n{pip}\necho torch\nexit {int(fails)}\n")
    python.chmod(0o755)
    for stamp in ("whole", "dev"):
        (tmp_path / stamp).touch()
    command = ["make", f"VENV={tmp_path}", str(tmp_path / "bench")]
    made = subprocess.run(command, cwd=ROOT, env={"PATH": os.environ["PATH"]}, check=False, capture_output=True)
    assert (made.returncode != 0) is fails
    assert (tmp_path / "bench").exists() is not fails
    assert (tmp_path / "log").exists() is not fails
    assert (tmp_path / "whole").exists()


def test_the_environment_of_a_run_can_set_the_report() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    assert [Requirement(each).name for each in extras["report"]] == ["typst"]
    assert set(extras["report"]) <= set(extras["dev"])
    assert "$(call install,.[report])" in MAKEFILE


def test_a_template_is_part_of_the_package() -> None:
    packaged = PROJECT["tool"]["setuptools"]["package-data"]
    templates = list((ROOT / "pipeline").rglob("*.typ"))
    assert templates
    for template in templates:
        package = ".".join(template.parent.relative_to(ROOT).parts)
        assert any(template.match(pattern) for pattern in packaged[package])


def sweep_command(*settings: str, target: str = "sweep-lambda") -> list[str]:
    """Return the words that `make` would hand to ``python -m sweeps``."""
    _, _, command = make("--dry-run", target, *settings).rpartition("-m sweeps ")
    return shlex.split(command)


def test_constraints_pin_everything_that_the_project_asks_for() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*", line) for line in lines)
    pins = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}
    assert len(pins) == len(lines)
    project = PROJECT["project"]
    wanted = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), requirement
        assert {"<", "=="} & {each.operator for each in requirement.specifier}, f"{requirement} must be bounded above"
