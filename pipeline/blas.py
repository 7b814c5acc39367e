"""Which BLAS computes, and one thread of it per process, pinned and verified."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import scipy.linalg  # noqa: F401  (loads SciPy's own BLAS: a library that is not loaded yet cannot be pinned)
from threadpoolctl import threadpool_info, threadpool_limits

from pipeline.errors import HostError


def blas_pools() -> list[dict[str, Any]]:
    """Return what threadpoolctl says of each loaded BLAS; empty for a BLAS that it does not know (Accelerate)."""
    return [pool for pool in threadpool_info() if pool["user_api"] == "blas"]


def libraries() -> str:
    """Return the loaded BLAS libraries, with versions."""
    return _join(f"{pool['internal_api']} {pool['version'] or 'unknown'}" for pool in blas_pools()) or _numpy_blas()


def kernels() -> str:
    """Return the kernels that they have chosen for this processor: another kernel gives other bits."""
    return _join(pool.get("architecture") or "unknown" for pool in blas_pools()) or "unknown"


def _join(names: Iterable[str]) -> str:
    """Return the different names in alphabetical order: NumPy and SciPy each bring a BLAS, mostly the same."""
    return ", ".join(sorted(set(names)))


def _numpy_blas() -> str:
    """Return the BLAS that NumPy was built against, for those that threadpoolctl does not know."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{blas['name']} {blas['version']}"


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
