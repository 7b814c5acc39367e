"""What surrounds a sweep turns against it: the disk, the streams, the clock, and what others left in its folders."""

from collections.abc import Iterator

from case import Case, Setting
from clocks import clocks
from disk import disk
from leftovers import leftovers
from scenes import in_turn
from streams import streams
from trials import Sweeps


def surroundings(setting: Setting) -> Iterator[Case]:
    """Yield a case per fault."""
    sweeps = Sweeps(setting.folder)
    parts = (leftovers,) if setting.quick else (disk, streams, leftovers, clocks)
    yield from in_turn("surroundings", [scene for part in parts for scene in part(sweeps, setting)])
