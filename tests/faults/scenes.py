"""Scenes of a part, one after the other, and parts side by side: as many at a time as keep the cores busy."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from case import Case, Part, Setting

LANES = 3
"""Parts at a time: one more than the cores that `make faults` is made for, as scenes wait now and then."""
Scene = Callable[[], Iterable[Case]]


def in_turn(fault: str, scenes: Iterable[Scene]) -> Iterator[Case]:
    """Yield the cases of all scenes; one that breaks is a case of `fault` that went wrong."""
    for scene in scenes:
        try:
            yield from scene()
        except Exception as error:
            yield Case(fault, wrong=1, note=f"{type(error).__name__}: {error}")


def side_by_side(parts: Mapping[str, tuple[Part, Setting]]) -> Iterator[tuple[str, list[Case]]]:
    """Yield the name of every part and its cases, in the order of finishing; those that come first are begun first.

    Each is in a process of its own: parts that use the product themselves catch what it prints.
    """
    with ProcessPoolExecutor(min(LANES, len(parts)), get_context("spawn")) as pool:
        names = {pool.submit(_cases, *part): name for name, part in parts.items()}
        for done in as_completed(names):
            yield names[done], done.result()


def _cases(part: Part, setting: Setting) -> list[Case]:
    return list(part(setting))
