"""One file is one sweep: what is asked, what varies, what is fixed, in which stages. SWEEPS lists them by name."""

from collections.abc import Mapping

from sweeps.cli import Entry

SWEEPS: Mapping[str, Entry] = {}
