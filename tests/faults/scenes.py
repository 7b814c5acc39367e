"""Scenes side by side: as many at a time as there are cores for them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from case import Case

AT_ONCE = 2
Scene = Callable[[], Iterable[Case]]


def side_by_side(fault: str, scenes: Sequence[Scene], at_once: int = AT_ONCE) -> Iterator[Case]:
    """Yield the cases of all scenes, in their order; one that breaks is a case of `fault` that went wrong."""

    def played(scene: Scene) -> list[Case]:
        cases: list[Case] = []
        try:
            cases.extend(scene())
        except Exception as error:
            cases.append(Case(fault, wrong=1, note=f"{type(error).__name__}: {error}"))
        return cases

    with ThreadPoolExecutor(at_once) as pool:
        for cases in pool.map(played, scenes):
            yield from cases
