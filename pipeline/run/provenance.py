"""With what this process computes: versions, BLAS, kernel, threads, and the revision of the code."""

import os
import platform
import subprocess
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np

from pipeline.records import Provenance
from pipeline.run.blas import blas_pools

LIBRARIES = ("numpy", "scipy", "optuna", "joblib", "pandas", "matplotlib", "scikit-learn", "threadpoolctl")
"""The distributions whose versions a manifest lists."""

PREFIXES = ("OPENBLAS_", "OMP_", "MKL_")
"""Environment variables that change what a BLAS does; they are recorded and never set."""

PINNED = "_NUM_THREADS"
"""The ending of those that joblib sets in its workers: `threads` says what came of them, whatever the engine."""


def provenance() -> Provenance:
    """Return the versions, BLAS, kernel and threads of this process, as found at this moment.

    Call it inside `single_thread` to describe how packs are trained.
    """
    pools = blas_pools()
    return Provenance(
        versions={name: _version(name) for name in LIBRARIES},
        blas=_join(f"{pool['internal_api']} {pool['version'] or 'unknown'}" for pool in pools) or _numpy_blas(),
        kernel=_join(pool.get("architecture") or "unknown" for pool in pools) or "unknown",
        threads=max((pool["num_threads"] for pool in pools), default=1),
        python=platform.python_version(),
        environment={
            name: value
            for name, value in sorted(os.environ.items())
            if name.startswith(PREFIXES) and not name.endswith(PINNED)
        },
        revision=_revision(),
    )


_version = cache(metadata.version)  # looking all of them up takes as long as training a small pack


def _join(names: Iterable[str]) -> str:
    """Return the different names in alphabetical order: NumPy and SciPy each bring a BLAS, mostly the same."""
    return ", ".join(sorted(set(names)))


def _numpy_blas() -> str:
    """Return the BLAS that NumPy was built against, for those that threadpoolctl does not know."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{blas['name']} {blas['version']}"


@cache
def _revision() -> str:
    """Return the git revision of the checkout that this code runs from, as Provenance states it."""
    try:
        _git("ls-files", "--error-unmatch", Path(__file__).name)  # installed inside another project's checkout?
        return _git("rev-parse", "HEAD") + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603
