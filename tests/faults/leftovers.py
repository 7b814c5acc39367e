"""What killed and foreign processes leave in the folders of a sweep: it is removed, replaced or computed anew."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from case import Case, Setting
from command import Place
from invariants import same
from scenes import Scene
from trials import Sweeps

FLAVOUR = "legs"
GARBAGE = b"\x00not what it was\xff" * 9
TEMPORARY = "123-deadbeef.tmp"


def leftovers(sweeps: Sweeps, setting: Setting) -> Iterator[Scene]:
    """Yield what is tried: in the folder of a sweep that was killed, and of one that had ended."""
    yield partial(_found, sweeps, "killed")
    if not setting.quick:
        yield partial(_found, sweeps, "ended")


def _found(sweeps: Sweeps, when: str) -> Iterator[Case]:
    """Leave all of it in a folder, run the sweep there, and yield a case per kind."""
    place = _killed(sweeps) if when == "killed" else sweeps.begun(FLAVOUR, sweeps.folder / "ended")
    folder, warnings = sweeps.run_folder(place), {}
    for fault, plant in PLANTS[when].items():
        warnings[fault] = plant(folder, sweeps.uninterrupted(FLAVOUR))
    start = place.finish(*sweeps.arguments(FLAVOUR), warm=True)
    code, said = start.wait(), start.out.count("warning: ")
    difference = same(folder, sweeps.uninterrupted(FLAVOUR))
    faults = {
        f"exit {code}: {start.err.strip()}": code != 0 or start.err != "",
        f"{said} warnings of {sum(warnings.values())}": said != sum(warnings.values()),
        f"still there: {place.leftovers()}": bool(place.leftovers()),
    }
    for fault in warnings:
        yield Case(
            fault,
            wrong=sum(faults.values()),
            tracebacks=int(start.traceback()),
            orphans=start.orphans(),
            identical=not difference,
            note="; ".join([*(name for name, found in faults.items() if found), difference, str(place.folder)]),
        )


def _killed(sweeps: Sweeps) -> Place:
    """Return the place of a sweep that was killed when outcomes and checkpoints of packs lay in their files."""
    place = Place(sweeps.folder / "killed")
    start = place.start(*sweeps.arguments(FLAVOUR), warm=True)
    start.until(lambda: all(len(_pending(place.artifacts, ending)) >= 3 for ending in ("json", "npz")))
    start.kill()
    return place


def _pending(folder: Path, ending: str) -> list[Path]:
    return sorted(folder.rglob(f".pending/[!.]*.{ending}"))


# What is planted; each says of how many files the sweep must warn


def _temporary_files(folder: Path, _: Path) -> int:
    for name in ("trials.csv", "figures/lambda-search.png", ".pending/coarse-0.json"):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.with_name(f".{path.name}.{TEMPORARY}").write_bytes(GARBAGE)
    return 0


def _lock(folder: Path, _: Path) -> int:
    (folder / ".lock").write_bytes(b"4194304\n" + GARBAGE)
    return 0


def _rows(folder: Path, _: Path) -> int:
    """Leave rows that are half written, and others that are damaged."""
    cache = folder.parents[1] / "cache"
    for path in [path for path in cache.iterdir() if path.is_dir()]:
        unfinished = path.with_name(f".{path.name}.tmp")
        unfinished.mkdir(exist_ok=True)
        (unfinished / "x_train.npy").write_bytes(GARBAGE)
        whole = path / "x_train.npy"
        whole.write_bytes(whole.read_bytes()[:-1] + b"\x55")
    return 0


def _outcomes(folder: Path, _: Path) -> int:
    """Leave the outcome of another pack in the place of one, and half of another one."""
    one, other, third = _pending(folder, "json")[:3]
    one.write_bytes(other.read_bytes())
    third.write_bytes(third.read_bytes()[:100])
    return 1  # one that is whole and of another pack is as good as none


def _checkpoints(folder: Path, _: Path) -> int:
    one, other, third = _pending(folder, "npz")[:3]
    one.write_bytes(other.read_bytes())
    third.write_bytes(third.read_bytes()[:1000])
    return 2


def _networks(folder: Path, whole: Path) -> int:
    """Leave another trial's network, a damaged one, and one that nobody wants."""
    networks = folder / "networks"
    networks.mkdir(exist_ok=True)
    shutil.copy(whole / "networks" / "1.npz", networks / "0.npz")
    (networks / "1.npz").write_bytes((whole / "networks" / "1.npz").read_bytes()[:-100])
    shutil.copy(whole / "networks" / "1.npz", networks / "4711.npz")
    return 0


def _exports(folder: Path, _: Path) -> int:
    for path in [*folder.glob("*.csv"), *folder.glob("*.json"), *folder.glob("figures/*")]:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return 0


Plant = Callable[[Path, Path], int]
EVERYWHERE: Mapping[str, Plant] = {
    "leftover temporary files": _temporary_files,
    "leftover lock": _lock,
    "foreign and damaged networks": _networks,
}
PLANTS: Mapping[str, Mapping[str, Plant]] = {
    "killed": {
        **EVERYWHERE,
        "foreign and damaged outcomes": _outcomes,
        "foreign and damaged checkpoints": _checkpoints,
        "unfinished and damaged rows": _rows,
    },
    "ended": {**EVERYWHERE, "damaged tables and figures": _exports},
}
