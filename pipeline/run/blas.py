"""One BLAS thread per process, pinned and verified; and the note of which BLAS computed a record."""

import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np
import scipy.linalg  # noqa: F401  (loads SciPy's own BLAS: a library that is not loaded yet cannot be pinned)
from threadpoolctl import threadpool_info, threadpool_limits

from pipeline.errors import HostError
from pipeline.records import Provenance

LIBRARIES = ("numpy", "scipy", "optuna", "joblib", "pandas", "matplotlib", "scikit-learn", "threadpoolctl")
"""The distributions whose versions a manifest lists."""

PREFIXES = ("OPENBLAS_", "OMP_", "MKL_")
"""Environment variables that change what a BLAS does; they are recorded and never set."""

PINNED = "_NUM_THREADS"
"""The ending of those that joblib sets in its workers: `threads` says what came of them, whatever the engine."""


def blas_pools() -> list[dict[str, Any]]:
    """Return what threadpoolctl says of each loaded BLAS; empty for a BLAS that it does not know (Accelerate)."""
    return [pool for pool in threadpool_info() if pool["user_api"] == "blas"]


@contextmanager
def single_thread() -> Iterator[None]:
    """Hold every thread pool of this process (BLAS and OpenMP) at one thread while the block runs.

    One and two threads give different bits, and two per process are several times slower than two processes.

    Raises:
        HostError: a BLAS keeps more threads than one.
    """
    with threadpool_limits(limits=1):
        for pool in blas_pools():
            if pool["num_threads"] != 1:
                raise HostError(
                    f"BLAS must run on one thread per process, got {pool['num_threads']} in {pool['filepath']}"
                )
        yield


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
    )


_version = cache(metadata.version)  # looking all of them up takes as long as training a small pack


def _join(names: Iterable[str]) -> str:
    """Return the different names in alphabetical order: NumPy and SciPy each bring a BLAS, mostly the same."""
    return ", ".join(sorted(set(names)))


def _numpy_blas() -> str:
    """Return the BLAS that NumPy was built against, for those that threadpoolctl does not know."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{blas['name']} {blas['version']}"
