"""What a trial is: validated once, written one way, named by what it says."""

import math
from dataclasses import replace

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError, DataError
from pipeline.spec import (
    ACTIVATIONS,
    BATCH_NORM,
    DTYPES,
    OPTIMIZERS,
    PARAMETERS,
    SIGMAS,
    DataSpec,
    InitSpec,
    NetworkSpec,
    OptimizerSpec,
    Pack,
    ScheduleSpec,
    TrialSpec,
    canonical_json,
    common,
    digest,
    from_json,
    parameter,
    with_setting,
)

REPEATABLE = hypothesis.settings(deadline=None, derandomize=True, database=None)
DATA = DataSpec("digits", "d1", inputs=64, classes=10, n_train=1000, n_val=100, n_test=0)
TRIAL = TrialSpec(DATA)

sizes = st.integers(1, 4000)
positives = st.floats(min_value=0, exclude_min=True, allow_infinity=False, allow_nan=False)
fractions = st.floats(0, 1, exclude_max=True)
seeds = st.integers(0, 2**32 - 1)

datasets = st.builds(
    DataSpec, st.text(), st.text(), sizes, sizes, st.integers(500, 60_000), sizes, st.integers(0, 10_000)
)  # fmt: skip
networks = st.builds(
    NetworkSpec,
    hidden=st.lists(sizes, max_size=9).map(tuple),
    activation=st.sampled_from(ACTIVATIONS),
    batch_norm=st.sampled_from(BATCH_NORM),
    bn_epsilon=positives,
    bn_alpha=fractions,
    dtype=st.sampled_from(DTYPES),
)
inits = st.sampled_from([InitSpec("he"), InitSpec("xavier")]) | st.floats(*SIGMAS).map(lambda x: InitSpec("normal", x))
schedules = st.tuples(positives, positives, sizes, sizes).map(
    lambda x: ScheduleSpec(eta_min=min(x[:2]), eta_max=max(x[:2]), step_size=x[2], cycles=x[3])
)
optimizers = st.builds(OptimizerSpec, st.sampled_from(OPTIMIZERS), fractions)
trials = st.builds(
    TrialSpec,
    datasets,
    networks,
    inits,
    schedules,
    optimizers,
    batch_size=st.integers(1, 500),
    lambda_=st.just(0.0) | positives,
    init_seed=seeds,
    order_seed=seeds,
)


@REPEATABLE
@given(trials)
def test_spec_to_json_to_spec_is_the_identity(trial):
    text = canonical_json(trial)
    again = from_json(text, TrialSpec)
    assert again == trial
    assert canonical_json(again) == text
    assert again.key == trial.key


@REPEATABLE
@given(trials, st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_pack_to_json_to_pack_is_the_identity(trial, lambdas):
    pack = Pack(tuple(replace(trial, lambda_=value) for value in lambdas))
    again = from_json(canonical_json(pack), Pack)
    assert again == pack
    assert again.key == pack.key


# Stored studies are looked up by key: whatever changes this text or its hash orphans every study, and needs an issue.
PINNED = (
    '{"batch_size":100,"data":{"classes":10,"digest":"d1","inputs":64,"n_test":0,"n_train":1000,"n_val":100,'
    '"name":"digits"},"init":{"scheme":"he","sigma":null},"init_seed":0,"lambda":0.005,"network":{"activation":"relu",'
    '"batch_norm":"before","bn_alpha":0.9,"bn_epsilon":2.220446049250313e-16,"dtype":"float32","hidden":[50,50]},'
    '"optimizer":{"momentum":0.9,"name":"sgd"},"order_seed":0,"schedule":{"cycles":2,"eta_max":0.1,"eta_min":1e-05,'
    '"kind":"triangular","step_size":5}}'
)


def test_the_canonical_json_and_the_key_of_the_default_trial_are_pinned():
    assert canonical_json(TRIAL) == PINNED
    assert TRIAL.key == "b81296a1a6a1b668"


def test_floats_are_written_so_that_they_read_back_exactly():
    for value in (0.1 + 0.2, 1e-5, 5e-324, 1 / 3):
        assert from_json(canonical_json(replace(TRIAL, lambda_=value)), TrialSpec).lambda_ == value


def test_a_key_is_sixteen_hex_digits_and_changes_with_every_parameter():
    others = {
        "dataset": "mnist", "hidden": (50,), "activation": "tanh", "batch_norm": "none", "lambda": 0.006,
        "eta_min": 1e-4, "eta_max": 0.2, "step_size": 6, "cycles": 3, "batch_size": 99, "optimizer": "momentum",
        "momentum": 0.8, "init_seed": 1, "order_seed": 1, "init": "xavier",
    }  # fmt: skip
    keys = [with_setting(TRIAL, {name: value}).key for name, value in others.items()]
    keys += [with_setting(TRIAL, {"init": "normal", "sigma": sigma}).key for sigma in (0.01, 0.02)]
    assert set(others) | {"sigma"} == set(PARAMETERS)
    assert len({TRIAL.key, *keys}) == len(keys) + 1
    assert all(len(key) == 16 and int(key, 16) >= 0 for key in keys)


def test_the_order_of_a_pack_is_part_of_its_key():
    other = replace(TRIAL, lambda_=0.01)
    assert Pack((TRIAL, other)).key != Pack((other, TRIAL)).key
    assert digest(TRIAL) == TRIAL.key


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", "null", canonical_json(TRIAL).replace('"batch_size":100', '"batch_size":"x"'),
     canonical_json(TRIAL).replace('"batch_size":100', '"batch_size":0')],
)  # fmt: skip
def test_stored_text_that_is_no_spec_is_damaged_data_in_one_line(text):
    with pytest.raises(DataError, match=r"^stored TrialSpec must match its schema, got .+$") as refusal:
        from_json(text, TrialSpec)
    assert "\n" not in str(refusal.value)


NUMBERS = "must be a positive number"
INTEGERS = "must be a positive integer"

INVALID = [
    (lambda: NetworkSpec(hidden=(50, 0)), f"hidden sizes {INTEGERS}, got 0"),
    (lambda: NetworkSpec(hidden=(-5,)), f"hidden sizes {INTEGERS}, got -5"),
    (lambda: NetworkSpec(hidden=(2.5,)), f"hidden sizes {INTEGERS}, got 2.5"),
    (
        lambda: NetworkSpec(activation="rleu"),
        "activation must be one of relu, identity, leaky_relu, sigmoid, tanh, got 'rleu'; did you mean 'relu'?",
    ),
    (lambda: NetworkSpec(batch_norm="yes"), "batch norm must be one of none, before, after, got 'yes'"),
    (lambda: NetworkSpec(bn_epsilon=0.0), f"bn epsilon {NUMBERS}, got 0.0"),
    (lambda: NetworkSpec(bn_epsilon=math.nan), f"bn epsilon {NUMBERS}, got nan"),
    (lambda: NetworkSpec(bn_alpha=1.0), "bn alpha must lie in [0, 1), got 1.0"),
    (lambda: NetworkSpec(bn_alpha=-0.1), "bn alpha must lie in [0, 1), got -0.1"),
    (lambda: NetworkSpec(bn_alpha=math.nan), "bn alpha must lie in [0, 1), got nan"),
    (
        lambda: NetworkSpec(dtype="float23"),
        "dtype must be one of float32, float64, got 'float23'; did you mean 'float32'?",
    ),
    (lambda: InitSpec("hee"), "init must be one of he, xavier, normal, got 'hee'; did you mean 'he'?"),
    (lambda: InitSpec("normal"), "sigma must be given with init normal, got None"),
    (lambda: InitSpec("normal", 0.0), f"sigma {NUMBERS}, got 0.0"),
    (lambda: InitSpec("normal", -0.1), f"sigma {NUMBERS}, got -0.1"),
    (lambda: InitSpec("normal", math.inf), f"sigma {NUMBERS}, got inf"),
    (lambda: InitSpec("normal", 1e300), "sigma must lie within 1e-37 to 1e+37, as float32 does, got 1e+300"),
    (lambda: InitSpec("normal", 1e-300), "sigma must lie within 1e-37 to 1e+37, as float32 does, got 1e-300"),
    (lambda: InitSpec("he", 0.1), "sigma belongs to init normal, not to he, got 0.1"),
    (lambda: ScheduleSpec(kind="cyclic"), "schedule must be one of triangular, got 'cyclic'"),
    (lambda: ScheduleSpec(eta_min=0.0), f"eta min {NUMBERS}, got 0.0"),
    (lambda: ScheduleSpec(eta_max=math.nan), f"eta max {NUMBERS}, got nan"),
    (lambda: ScheduleSpec(eta_min=0.2, eta_max=0.1), "eta min must not exceed eta max, got (0.2, 0.1)"),
    (lambda: ScheduleSpec(step_size=0), f"step size (epochs) {INTEGERS}, got 0"),
    (lambda: ScheduleSpec(step_size=0.5), f"step size (epochs) {INTEGERS}, got 0.5"),
    (lambda: ScheduleSpec(cycles=-1), f"cycles {INTEGERS}, got -1"),
    (
        lambda: OptimizerSpec("momentun"),
        "optimizer must be one of sgd, momentum, got 'momentun'; did you mean 'momentum'?",
    ),
    (lambda: OptimizerSpec(momentum=1.0), "momentum must lie in [0, 1), got 1.0"),
    (lambda: replace(DATA, n_train=0), f"training rows {INTEGERS}, got 0"),
    (lambda: replace(DATA, n_val=0), f"validation rows {INTEGERS}, got 0"),
    (lambda: TrialSpec(DATA, batch_size=0), f"batch size {INTEGERS}, got 0"),
    (lambda: TrialSpec(DATA, batch_size=1001), "batch size must not exceed the 1000 training rows, got 1001"),
    (lambda: TrialSpec(DATA, lambda_=-0.1), "lambda must be a number >= 0, got -0.1"),
    (lambda: TrialSpec(DATA, lambda_=math.nan), "lambda must be a number >= 0, got nan"),
    (lambda: TrialSpec(DATA, lambda_=math.inf), "lambda must be a number >= 0, got inf"),
    (lambda: Pack(()), "a pack must hold at least one trial, got 0"),
]


@pytest.mark.parametrize(("build", "message"), INVALID, ids=[message for _, message in INVALID])
def test_an_invalid_value_is_refused_in_one_line(build, message):
    with pytest.raises(ConfigError) as refusal:
        build()
    assert str(refusal.value) == message


def test_the_limits_themselves_are_valid():
    assert TrialSpec(DATA, NetworkSpec(hidden=(), bn_alpha=0.0), batch_size=1000, lambda_=0.0)
    assert ScheduleSpec(eta_min=0.1, eta_max=0.1, step_size=1, cycles=1).epochs == 2


def test_a_setting_is_read_back_by_name_and_leaves_the_rest():
    setting = {"lambda": 0.1, "init": "normal", "sigma": 0.01, "hidden": (20,), "eta_max": 0.5, "order_seed": 7}
    changed = with_setting(TRIAL, setting)
    assert {name: parameter(changed, name) for name in setting} == setting
    assert {name: parameter(changed, name) for name in PARAMETERS if name not in setting} == {
        name: parameter(TRIAL, name) for name in PARAMETERS if name not in setting
    }
    assert with_setting(TRIAL, {}) == TRIAL


def test_parameters_of_one_part_change_together():
    """One by one they would be refused: eta_min 0.3 exceeds the old maximum, and normal needs its sigma."""
    assert with_setting(TRIAL, {"eta_min": 0.3, "eta_max": 0.4}).schedule.eta_min == 0.3
    assert with_setting(TRIAL, {"init": "normal", "sigma": 0.1}).init == InitSpec("normal", 0.1)


def test_an_unknown_parameter_is_answered_with_the_nearest_name():
    for call in (lambda: parameter(TRIAL, "lamda"), lambda: with_setting(TRIAL, {"lamda": 1})):
        with pytest.raises(ConfigError, match=r"^parameter must be one of .*, got 'lamda'; did you mean 'lambda'\?$"):
            call()


SHARED = {
    "init_seed": 1, "order_seed": 1, "hidden": (50,), "activation": "tanh", "batch_norm": "none", "batch_size": 50,
    "optimizer": "momentum", "momentum": 0.8, "step_size": 2, "cycles": 3, "dataset": "mnist",
}  # fmt: skip
OWN = {"lambda": 0.1, "eta_min": 1e-4, "eta_max": 0.2, "init": "xavier", "sigma": 0.1}


def test_every_parameter_either_may_differ_in_a_pack_or_is_shared():
    assert SHARED.keys() | OWN.keys() == PARAMETERS.keys()
    assert SHARED.keys().isdisjoint(OWN)


@pytest.mark.parametrize("name", SHARED)
def test_a_pack_refuses_members_that_differ_in_what_it_shares(name):
    other = with_setting(TRIAL, {name: SHARED[name]})
    with pytest.raises(ConfigError) as refusal:
        Pack((TRIAL, TRIAL, other))
    assert str(refusal.value) == (
        "the trials of a pack must share replicate, data, network, optimizer, batch size and schedule, "
        f"got {TRIAL.key} and {other.key}"
    )


@pytest.mark.parametrize("name", OWN)
def test_a_pack_accepts_members_that_differ_in_what_is_their_own(name):
    other = with_setting(TRIAL, {"init": "normal", name: OWN[name]} if name == "sigma" else {name: OWN[name]})
    assert other != TRIAL
    assert Pack((TRIAL, other)).trials == (TRIAL, other)
    assert common(other) == common(TRIAL)


@pytest.mark.parametrize(
    ("rows", "batch", "steps"),
    [
        (1000, 100, 10),
        (1050, 100, 11),  # a short last batch is kept
        (1002, 100, 11),
        (1001, 100, 10),  # ... but a last batch of one joins the one before
        (101, 100, 1),
        (100, 100, 1),
        (1, 1, 1),
        (7, 1, 7),  # batches of one are not "last batches of one"
    ],
)
def test_steps_per_epoch_worked_by_hand(rows, batch, steps):
    assert TrialSpec(replace(DATA, n_train=rows), batch_size=batch).steps_per_epoch == steps
