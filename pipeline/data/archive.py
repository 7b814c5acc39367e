"""An official archive as its publisher describes it, and the check that a file is that archive."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import DataError
from pipeline.files import reading

_CHUNK = 1 << 20


def megabytes(size: int) -> str:
    """Return a number of bytes in MB, with three significant digits."""
    return f"{size / 1e6:.3g}"


@dataclass(frozen=True)
class Archive:
    """Name, size in bytes and checksums (hex); sha256 is None where nobody has published it."""

    name: str
    size: int
    md5: str
    sha256: str | None = None

    def verify(self, path: Path) -> None:
        """Read `path` once and compare it with the published size and checksums.

        Raises:
            DataError: it is another file, or a damaged one.
            HostError: it cannot be read.
        """
        expected = {"md5": self.md5} | ({"sha256": self.sha256} if self.sha256 else {})
        sums = {name: hashlib.new(name, usedforsecurity=False) for name in expected}
        with reading(path), path.open("rb") as file:
            size = path.stat().st_size
            if size != self.size:
                raise DataError(f"{path} must hold {self.size:,} bytes, got {size:,}")
            while chunk := file.read(_CHUNK):
                for checksum in sums.values():
                    checksum.update(chunk)
        for name, checksum in sums.items():
            if checksum.hexdigest() != expected[name]:
                raise DataError(f"{path} must have the {name} {expected[name]}, got {checksum.hexdigest()}")
