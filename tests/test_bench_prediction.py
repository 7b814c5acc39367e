"""The prediction of the benchmark: which runs it leaves aside."""

import pytest
from prediction import range_moved


@pytest.mark.parametrize(
    ("output", "moved"),
    [
        ("coarse: 32 trials\nrefine: 48 trials", False),
        ("coarse-approximate: 32 trials\nrefine: 48 trials", False),
        ("coarse: 32 trials\ncoarse-2: 32 trials", True),
        ("coarse-approximate: 32 trials\ncoarse-approximate-2: 32 trials", True),
    ],
)
def test_a_range_is_moved_where_there_is_a_second_coarse_stage(output: str, moved: bool) -> None:
    assert range_moved(output) is moved
