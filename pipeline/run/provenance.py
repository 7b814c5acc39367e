"""With what this process computes: versions, BLAS, kernel, threads, and the revision of the code."""

import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

from pipeline.blas import blas_pools, kernels, libraries
from pipeline.records import Provenance

LIBRARIES = ("numpy", "scipy", "optuna", "joblib", "pandas", "matplotlib", "scikit-learn", "threadpoolctl")
"""The distributions whose versions a manifest lists."""

PREFIXES = ("OPENBLAS_", "OMP_", "MKL_")
"""Environment variables that change what a BLAS does; they are recorded and never set."""

PINNED = "_NUM_THREADS"
"""The ending of those that joblib sets in its workers: `threads` says what came of them, whatever the engine."""

TRIES = 3
"""How often git is asked; one that was killed has not said that there is no revision."""


def provenance() -> Provenance:
    """Return the versions, BLAS, kernel and threads of this process, as found at this moment.

    Call it inside `single_thread` to describe how packs are trained.
    """
    return Provenance(
        versions={name: _version(name) for name in LIBRARIES},
        blas=libraries(),
        kernel=kernels(),
        threads=max((pool["num_threads"] for pool in blas_pools()), default=1),
        python=platform.python_version(),
        environment={
            name: value
            for name, value in sorted(os.environ.items())
            if name.startswith(PREFIXES) and not name.endswith(PINNED)
        },
        revision=_revision(),
    )


_version = cache(metadata.version)  # looking all of them up takes as long as training a small pack


@cache
def _revision() -> str:
    """Return the git revision of the checkout that this code runs from, as Provenance states it."""
    try:
        _git("ls-files", "--error-unmatch", Path(__file__).name)  # installed inside another project's checkout?
        return _git("rev-parse", "HEAD") + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*arguments: str) -> str:
    # whoever is killed here must not leave the user's checkout locked, as a plain status does
    command = ["git", "--no-optional-locks", "-C", str(Path(__file__).parent), *arguments]
    for _ in range(TRIES):
        answer = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
        if answer.returncode >= 0:
            break
    answer.check_returncode()
    return answer.stdout.strip()
