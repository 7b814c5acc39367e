"""One BLAS thread, verified, and a truthful note of what was found."""

from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from pipeline.errors import HostError
from pipeline.run import blas
from pipeline.run.blas import blas_pools, provenance, single_thread
from pipeline.spec import canonical_json


def threads() -> list[int]:
    return [pool["num_threads"] for pool in blas_pools()]


def test_every_blas_has_one_thread_inside_and_what_it_had_before_outside() -> None:
    with threadpool_limits(limits=2):
        before = threads()
        with single_thread():
            inside = threads()
        assert threads() == before
    assert inside == [1] * len(before)
    assert before  # numpy's and scipy's: without any the test would prove nothing


def test_threads_return_when_the_block_fails() -> None:
    with threadpool_limits(limits=2):
        before = threads()
        with pytest.raises(ZeroDivisionError), single_thread():
            _ = 1 // 0
        assert threads() == before


def test_a_blas_that_keeps_its_threads_is_the_hosts_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    deaf: dict[str, Any] = {"user_api": "blas", "num_threads": 4, "filepath": "/lib/deaf.so"}
    monkeypatch.setattr(blas, "threadpool_info", lambda: [deaf])
    with pytest.raises(HostError, match=r"one thread per process, got 4 in /lib/deaf\.so"), single_thread():
        pytest.fail("the block must not run")


def test_provenance_tells_what_was_found_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("HOME_OF_SECRETS", "hidden")
    with single_thread():
        found = provenance()
    assert found.threads == 1
    assert found.versions["numpy"] == np.__version__
    assert found.environment["OPENBLAS_CORETYPE"] == "Haswell"
    assert "HOME_OF_SECRETS" not in found.environment
    assert all(pool["version"] in found.blas and pool["architecture"] in found.kernel for pool in blas_pools())
    assert canonical_json(found)  # it goes into the manifest


def test_a_blas_unknown_to_threadpoolctl_is_named_by_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "threadpool_info", list)
    found = provenance()
    assert (found.kernel, found.threads) == ("unknown", 1)
    assert found.blas == " ".join(
        np.show_config(mode="dicts")["Build Dependencies"]["blas"][key] for key in ("name", "version")
    )
