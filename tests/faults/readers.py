"""`report`, and a preview, while a sweep runs: they are told what is there, and the sweep does not notice."""

import time
from collections.abc import Iterator
from functools import partial
from random import Random

from case import Case, Setting
from command import Place
from invariants import run_again, same, see
from scenes import in_turn
from trials import FLAVOURS, Sweeps

FAULT = "report and preview while a sweep runs"
COUNT, QUICK = 6, 1


def readers(setting: Setting) -> Iterator[Case]:
    """Yield a case per reader."""
    sweeps = Sweeps(setting.folder)
    count = QUICK if setting.quick else COUNT
    yield from in_turn(FAULT, [partial(_read, sweeps, index, setting.seed) for index in range(count)])


def _read(sweeps: Sweeps, index: int, seed: int) -> Iterator[Case]:
    random, flavour = Random(f"{seed} {FAULT} {index}"), list(FLAVOURS)[index // 2 % len(FLAVOURS)]
    place = Place(sweeps.folder / f"read-{index}")
    moment = random.uniform(0, sweeps.seconds(flavour) / 2)
    sweep = place.start(*sweeps.arguments(flavour), warm=True)
    sweep.until(sweep.handles_sigterm)
    time.sleep(moment)
    ended = sweep.process.poll() is not None
    read = ["report"] if index % 2 else ["lambda", "--plan"]
    words = [*read, *sweeps.arguments(flavour, read[0])[1:]]
    reader = place.start(*words, warm=True)
    code, sweep_code = reader.wait(), sweep.wait()
    left = see(place.artifacts, sweeps.uninterrupted(flavour))
    difference = same(sweeps.run_folder(place), sweeps.uninterrupted(flavour))
    faults = {
        f"exit {code}: {reader.err.strip()}": code != 0,
        f"the sweep's exit {sweep_code}: {sweep.err.strip()}": sweep_code != 0,
        "the reader trained": any(line["event"] == "begin" for line in reader.log),
    }
    yield Case(
        FAULT,
        duplicated=len(run_again(sweep.log)),
        torn=len(left.torn),
        wrong=sum(faults.values()),
        tracebacks=reader.traceback() + sweep.traceback(),
        orphans=reader.orphans() + sweep.orphans(),
        identical=not difference,
        skipped="the sweep had come to its end" if ended else "",
        note="; ".join([*(name for name, found in faults.items() if found), difference, *left.torn, str(place.folder)]),
    )
