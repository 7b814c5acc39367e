"""`python tests/bench/redraw.py FOLDER`: tables and figures of a stored race, or of cost curves, from its samples."""

import sys
from pathlib import Path

import costs_publish
import publish

PAGES = {
    publish.RACE: publish.publish,
    publish.WHOLE: publish.publish,
    costs_publish.SAMPLES: costs_publish.publish,
}
"""What draws a folder that holds such a file."""


def redraw(folder: Path) -> None:
    """Write tables and figures of what lies in `folder`; nothing is measured.

    Raises:
        SystemExit: there is nothing to draw.
    """
    found = dict.fromkeys(draw for name, draw in PAGES.items() if (folder / name).exists())
    if not found:
        raise SystemExit(f"error: {folder} must hold one of {', '.join(PAGES)}, got none")
    for draw in found:
        draw(folder)


if __name__ == "__main__":
    redraw(Path(sys.argv[1]))
