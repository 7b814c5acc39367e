"""Each error is one line with a rule, what was found, and the exit code of its kind."""

import pytest

from pipeline.errors import ConfigError, DataError, HostError, PipelineError, nearest, one_of, require


def test_each_kind_of_mistake_has_its_own_exit_code():
    assert {kind: kind.exit_code for kind in (PipelineError, ConfigError, HostError, DataError)} == {
        PipelineError: 1,
        ConfigError: 2,
        HostError: 3,
        DataError: 4,
    }


@pytest.mark.parametrize("kind", [ConfigError, HostError, DataError])
def test_every_kind_is_caught_as_a_pipeline_error(kind):
    with pytest.raises(PipelineError, match=r"^what rule, got 1$"):
        raise kind("what rule, got 1")


@pytest.mark.parametrize(
    ("name", "offer"),
    [
        ("momentun", "; did you mean 'momentum'?"),
        ("SGD", "; did you mean 'sgd'?"),
        ("sdg", "; did you mean 'sgd'?"),
        ("zzz", ""),
        ("", ""),
    ],
)
def test_the_nearest_name_is_offered_where_one_is_near(name, offer):
    assert nearest(name, ("sgd", "momentum", "adam")) == offer


def test_a_known_name_is_handed_back():
    assert one_of("optimizer", "sgd", ("sgd", "momentum")) == "sgd"


def test_an_unknown_name_is_answered_with_all_names_also_from_an_iterator():
    with pytest.raises(ConfigError) as refusal:
        one_of("optimizer", "momentun", iter(("sgd", "momentum")))
    assert str(refusal.value) == "optimizer must be one of sgd, momentum, got 'momentun'; did you mean 'momentum'?"


def test_require_says_what_rule_and_got():
    require(True, "sigma", "must be positive", -1)
    with pytest.raises(ConfigError) as refusal:
        require(False, "sigma", "must be positive", -1)
    assert str(refusal.value) == "sigma must be positive, got -1"
