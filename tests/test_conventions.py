"""Where the courses differ: each convention by name, and what it means."""

import pytest

from pipeline.errors import ConfigError
from pipeline.spec import CONVENTIONS, DataSpec, NetworkSpec, TrialSpec

DATA = DataSpec("digits", "d1", inputs=64, classes=10, n_train=1000, n_val=100, n_test=0)


@pytest.mark.parametrize("convention", CONVENTIONS.values(), ids=CONVENTIONS)
def test_what_a_course_takes_for_granted_is_something_that_a_trial_can_have(convention):
    network = NetworkSpec(bn_start=convention.bn_start, bn_epsilon=convention.bn_epsilon)
    trial = TrialSpec(DATA, network, l2_factor=convention.l2_factor, keep=convention.keep(0.25))
    assert trial.network.bn_start == convention.bn_start


def test_a_trial_follows_dd2424_unless_it_says_otherwise():
    trial, convention = TrialSpec(DATA), CONVENTIONS["dd2424"]
    assert trial.l2_factor == convention.l2_factor
    assert (trial.network.bn_start, trial.network.bn_epsilon) == (convention.bn_start, convention.bn_epsilon)


@pytest.mark.parametrize(
    ("course", "p", "keep"), [("cs231n", 0.75, 0.75), ("cmu", 0.25, 0.75), ("cs231n", 1, 1), ("cmu", 0, 1)]
)
def test_the_parameter_of_dropout_is_the_probability_to_keep_a_unit_or_to_drop_it(course, p, keep):
    assert CONVENTIONS[course].keep(p) == keep


@pytest.mark.parametrize(
    ("course", "p", "message"),
    [
        ("cs231n", 0.0, "the probability to keep a unit must lie in (0, 1], got 0.0"),
        ("cs231n", 1.5, "the probability to keep a unit must lie in (0, 1], got 1.5"),
        ("cmu", 1.0, "the probability to drop a unit must lie in [0, 1), got 1.0"),
        ("cmu", -0.5, "the probability to drop a unit must lie in [0, 1), got -0.5"),
        ("cmu", float("nan"), "the probability to drop a unit must lie in [0, 1), got nan"),
    ],
)
def test_no_unit_kept_or_no_probability_is_refused_in_the_words_of_the_course(course, p, message):
    with pytest.raises(ConfigError) as refusal:
        CONVENTIONS[course].keep(p)
    assert str(refusal.value) == message


def test_the_courses_differ_where_the_documents_do():
    by_name = {name: (c.l2_factor, c.bn_start, c.bn_epsilon, c.dropout) for name, c in CONVENTIONS.items()}
    assert by_name == {
        "dd2424": (1.0, "first_batch", 2.0**-52, "keep"),
        "cs231n": (0.5, "zeros", 1e-5, "keep"),
        "cmu": (1.0, "standard", 1e-8, "drop"),
    }
