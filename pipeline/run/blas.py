"""One BLAS thread per process, pinned and verified."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import scipy.linalg  # noqa: F401  (loads SciPy's own BLAS: a library that is not loaded yet cannot be pinned)
from threadpoolctl import threadpool_info, threadpool_limits

from pipeline.errors import HostError


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
