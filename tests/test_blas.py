"""One BLAS thread per process, verified."""

from typing import Any

import pytest
from threadpoolctl import threadpool_limits

from pipeline import blas
from pipeline.blas import blas_pools, single_thread
from pipeline.errors import HostError


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
