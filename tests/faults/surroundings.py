"""What surrounds a sweep turns against it: the disk, the streams, the clock, and what others left in its folders."""

from collections.abc import Iterator

from case import Case, Setting
from clocks import clocks
from disk import disk
from leftovers import leftovers
from scenes import side_by_side
from streams import streams
from trials import FLAVOURS, Sweeps


def surroundings(setting: Setting) -> Iterator[Case]:
    """Yield a case per fault."""
    sweeps = Sweeps(setting.folder)
    for flavour in ("legs",) if setting.quick else FLAVOURS:
        sweeps.uninterrupted(flavour)
    parts = (leftovers,) if setting.quick else (disk, streams, leftovers, clocks)
    yield from side_by_side("surroundings", [scene for part in parts for scene in part(sweeps, setting)])
