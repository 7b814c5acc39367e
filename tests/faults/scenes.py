"""Scenes of a part, one after the other, and parts side by side: as many at a time as keep the cores busy."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import active_children, get_context

from case import Case, Part, Setting

LANES = 3
"""Parts at a time: one more than the cores that `make faults` is made for, as their cases wait now and then."""
Scene = Callable[[], Iterable[Case]]


def in_turn(fault: str, scenes: Iterable[Scene]) -> Iterator[Case]:
    """Yield the cases of all scenes; one that breaks is a case of `fault` that went wrong."""
    for scene in scenes:
        try:
            yield from scene()
        except Exception as error:
            yield _broken(fault, error)


def side_by_side(parts: Mapping[str, tuple[Part, Setting]]) -> Iterator[tuple[str, list[Case]]]:
    """Yield the name of every part and its cases, in the order of finishing; those that come first are begun first.

    Each is in a process of its own: parts that use the product themselves catch what it prints.
    """
    with ProcessPoolExecutor(min(LANES, len(parts)), get_context("spawn")) as pool:
        names = {pool.submit(_cases, name, *part): name for name, part in parts.items()}
        try:
            for done in as_completed(names):
                error, name = done.exception(), names[done]
                yield name, [_broken(name, error)] if error else done.result()
        except BaseException:  # Ctrl-C, above all: the others would go on with their next parts
            pool.shutdown(wait=False, cancel_futures=True)
            for process in active_children():
                process.terminate()
            raise


def _cases(name: str, part: Part, setting: Setting) -> list[Case]:
    cases: list[Case] = []
    try:
        for case in part(setting):
            cases.append(case)  # noqa: PERF402 - what came before it breaks is kept
    except Exception as error:
        cases.append(_broken(name, error))
    return cases


def _broken(fault: str, error: BaseException) -> Case:
    return Case(fault, wrong=1, note=f"{type(error).__name__}: {error}")
