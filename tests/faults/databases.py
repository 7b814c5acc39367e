"""The study of a finished sweep is damaged: it is refused, or the same results come of it; never silently others."""

from collections.abc import Callable, Iterator
from functools import partial
from random import Random

from case import Case, Setting
from invariants import same
from scenes import in_turn
from trials import FLAVOURS, SWEEP, Sweeps

COUNT, QUICK = 12, 1
"""Cases of each damage."""
REPORTS = 4
"""Every so many damaged studies meet the report instead of the sweep."""
PAGE = 4096


def _truncated(content: bytes, random: Random) -> bytes:
    return content[: random.randrange(len(content))]


def _zeroed(content: bytes, random: Random) -> bytes:
    first = random.randrange(len(content) // PAGE) * PAGE
    return content[:first] + bytes(PAGE) + content[first + PAGE :]


def _flipped(content: bytes, random: Random) -> bytes:
    place = random.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << random.randrange(8)]) + content[place + 1 :]


def _flipped_in_a_record(content: bytes, random: Random) -> bytes:
    """Return it with a bit flipped where a record's text is, which SQLite itself has no digest of."""
    marks = [place for place in range(len(content)) if content.startswith(b"curves", place)]
    place = random.choice(marks) + random.randrange(400)
    return content[:place] + bytes([content[place] ^ 1 << random.randrange(8)]) + content[place + 1 :]


DAMAGES = {
    "study.db truncated": _truncated,
    "study.db with a page of zeros": _zeroed,
    "study.db with a flipped bit": _flipped,
    "study.db with a flipped bit in a record": _flipped_in_a_record,
}


def databases(setting: Setting) -> Iterator[Case]:
    """Yield a case per damaged study."""
    sweeps = Sweeps(setting.folder)
    scenes = [
        partial(_damaged, sweeps, fault, damage, index, setting.seed)
        for fault, damage in DAMAGES.items()
        for index in range(QUICK if setting.quick else COUNT)
    ]
    yield from in_turn("study.db damaged", scenes)


def _damaged(
    sweeps: Sweeps, fault: str, damage: Callable[[bytes, Random], bytes], index: int, seed: int
) -> Iterator[Case]:
    """Damage the study, and run the sweep and its report on it."""
    random, flavour = Random(f"{seed} {fault} {index}"), list(FLAVOURS)[index // REPORTS % len(FLAVOURS)]
    place = sweeps.begun(flavour, sweeps.folder / f"{fault.replace(' ', '-')}-{index}")
    path = sweeps.run_folder(place) / "study.db"
    content = damage(path.read_bytes(), random)
    path.write_bytes(content)
    asked = "report" if index % REPORTS == REPORTS - 1 else SWEEP
    start = place.finish(*sweeps.arguments(flavour, asked), warm=True)
    code = start.wait()
    refused = code == 4 and start.err.startswith("error: ") and start.err.count("\n") == 1
    pairs = [(sweeps.run_folder(place), sweeps.uninterrupted(flavour))]
    pairs += [(place.artifacts / "report", sweeps.report(flavour))] if asked == "report" else []
    difference = "" if refused else "; ".join(filter(None, [same(*pair) for pair in pairs]))
    kept = path.read_bytes() == content  # what is refused is not touched: it may be all that is left
    faults = {
        f"exit {code}: {start.err.strip()}": not refused and code != 0,
        "a refused file was changed": refused and not kept,
    }
    note = [name for name, found in faults.items() if found]
    yield Case(
        fault,
        wrong=sum(faults.values()),
        tracebacks=int(start.traceback()),
        orphans=start.orphans(),
        identical=None if refused else not difference,
        note="; ".join([*note, difference, str(place.folder)]),
    )
