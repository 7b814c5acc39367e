"""What a trial is: validated once, written one way, named by what it says."""

import math
from dataclasses import replace
from itertools import combinations

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError, DataError
from pipeline.spec import (
    ACTIVATIONS,
    BATCH_NORM,
    BN_STARTS,
    DTYPES,
    L2_FACTORS,
    LAYER_NORM,
    OPTIMIZERS,
    PARAMETERS,
    SIGMAS,
    AugmentSpec,
    DataSpec,
    EvaluationSpec,
    InitSpec,
    NetworkSpec,
    OptimizerSpec,
    Pack,
    ScheduleSpec,
    TrialSpec,
    canonical_json,
    digest,
    from_json,
    parameter,
    with_setting,
)

REPEATABLE = hypothesis.settings(deadline=None, derandomize=True, database=None)
DATA = DataSpec("digits", "d1", inputs=64, classes=10, n_train=1000, n_val=100, n_test=0, shape=(1, 8, 8))
TRIAL = TrialSpec(DATA)

# Another value of every parameter: those that the trials of a pack share, and those that each has for itself.
SHARED = {
    "init_seed": 1, "order_seed": 1, "dataset": "mnist", "train_rows": 900, "hidden": (50,), "activation": "tanh",
    "batch_norm": "none", "bn_epsilon": 1e-5, "bn_alpha": 0.5, "bn_start": "zeros", "layer_norm": "before",
    "num_bn_layers": 1, "skips": ((1, 2),), "skip_norm": True, "batch_size": 50, "schedule": "constant", "step_size": 2,
    "cycles": 3, "decay": 0.8, "decay_every": 2, "warm_up": 1, "optimizer": "adam", "momentum": 0.8, "decay_rate": 0.9,
    "beta1": 0.8, "beta2": 0.99, "augment": AugmentSpec(mirror=True), "statistics": "precise",
    "components": 32,
}  # fmt: skip
OWN = {"lambda": 0.1, "l2_factor": 0.5, "keep": 0.8, "eta_min": 1e-4, "eta_max": 0.2, "init": "xavier", "sigma": 0.1}
NEEDS = {
    "sigma": {"init": "normal", "sigma": 0.2},
    "layer_norm": {"batch_norm": "none"},
    "decay": {"schedule": "exponential", "decay": 0.9},
    "decay_every": {"schedule": "step", "decay": 0.9, "decay_every": 1},
    "warm_up": {"schedule": "cosine"},
}


def pair(name):
    """Return two trials that differ in one parameter alone."""
    rows = TrialSpec(replace(DATA, shape=())) if name == "components" else TRIAL
    trial = with_setting(rows, NEEDS.get(name, {}))
    return trial, with_setting(trial, {name: (SHARED | OWN)[name]})


sizes = st.integers(1, 4000)
positives = st.floats(min_value=0, exclude_min=True, allow_infinity=False, allow_nan=False)
fractions = st.floats(0, 1, exclude_max=True)
seeds = st.integers(0, 2**32 - 1)

datasets = st.builds(
    DataSpec, st.text(), st.text(), sizes, sizes, st.integers(500, 60_000), sizes, st.integers(0, 10_000)
)  # fmt: skip
datasets |= datasets.map(lambda rows: replace(rows, n_test=0).on_components(min(rows.inputs, rows.n_train - 1)))


@st.composite
def networks(draw):
    """Any network: sizes of its own without skips, or one width and up to three skips."""
    norms = draw(
        st.sampled_from([("none", "none"), *((b, "none") for b in BATCH_NORM), *(("none", n) for n in LAYER_NORM)])
    )
    skips = set()
    hidden = tuple(draw(st.lists(sizes, max_size=9)))
    if draw(st.booleans()):
        layers = draw(st.integers(2, 9))
        hidden = (draw(sizes),) * layers
        skips = draw(st.sets(st.sampled_from(list(combinations(range(1, layers + 1), 2))), max_size=3))
    partial = st.integers(1, len(hidden)) if hidden and norms != ("none", "none") else st.none()
    return NetworkSpec(
        hidden,
        activation=draw(st.sampled_from(ACTIVATIONS)),
        batch_norm=norms[0],
        layer_norm=norms[1],
        num_bn_layers=draw(st.none() | partial),
        skips=tuple(skips),
        skip_norm=draw(st.booleans()),
        bn_epsilon=draw(positives),
        bn_alpha=draw(fractions),
        bn_start=draw(st.sampled_from(BN_STARTS)),
        dtype=draw(st.sampled_from(DTYPES)),
    )


inits = st.sampled_from([InitSpec("he"), InitSpec("xavier")]) | st.floats(*SIGMAS).map(lambda x: InitSpec("normal", x))
schedules = st.tuples(positives, positives, sizes, sizes).map(
    lambda x: ScheduleSpec(eta_min=min(x[:2]), eta_max=max(x[:2]), step_size=x[2], cycles=x[3])
)
optimizers = st.builds(OptimizerSpec, st.sampled_from(OPTIMIZERS), fractions)
trials = st.builds(
    TrialSpec,
    datasets,
    networks(),
    inits,
    schedules,
    optimizers,
    batch_size=st.integers(1, 500),
    lambda_=st.just(0.0) | positives,
    l2_factor=st.sampled_from(L2_FACTORS),
    keep=st.just(1.0) | fractions.map(lambda x: 1 - x),
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
    '{"augment":{"brightness":0.0,"contrast":0.0,"mirror":false,"rotation":0.0,"shift":0,"zoom":0.0},'
    '"batch_size":100,"data":{"classes":10,"digest":"d1","inputs":64,"n_test":0,"n_train":1000,"n_val":100,'
    '"name":"digits","shape":[1,8,8]},"evaluation":{"augment":{"brightness":0.0,"contrast":0.0,"mirror":false,'
    '"rotation":0.0,"shift":0,"zoom":0.0},"per_epoch":1,"rows":10000,"shifts":[],"statistics":"ema"},'
    '"init":{"scheme":"he","sigma":null},"init_seed":0,"keep":1.0,"l2_factor":1.0,"lambda":0.005,'
    '"network":{"activation":"relu","batch_norm":"before","bn_alpha":0.9,"bn_epsilon":2.220446049250313e-16,'
    '"bn_start":"first_batch","dtype":"float32","hidden":[50,50],"layer_norm":"none","num_bn_layers":null,'
    '"skip_norm":false,"skips":[]},"optimizer":{"beta1":0.9,"beta2":0.999,"decay_rate":0.99,"epsilon":1e-08,'
    '"momentum":0.9,"name":"sgd"},"order_seed":0,"schedule":{"cycles":2,"decay":null,"decay_every":null,'
    '"eta_max":0.1,"eta_min":1e-05,"kind":"triangular","step_size":5,"warm_up":0}}'
)


def test_the_canonical_json_and_the_key_of_the_default_trial_are_pinned():
    assert canonical_json(TRIAL) == PINNED
    assert TRIAL.key == "714d8b1457c54ee2"


def test_floats_are_written_so_that_they_read_back_exactly():
    for value in (0.1 + 0.2, 1e-5, 5e-324, 1 / 3):
        assert from_json(canonical_json(replace(TRIAL, lambda_=value)), TrialSpec).lambda_ == value


def test_a_key_is_sixteen_hex_digits_and_changes_with_every_parameter():
    trials = {trial for name in PARAMETERS for trial in pair(name)}
    assert all(one != other for one, other in map(pair, PARAMETERS))
    assert len({trial.key for trial in trials}) == len(trials)
    assert all(len(trial.key) == 16 and int(trial.key, 16) >= 0 for trial in trials)


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

PARTIAL = "num bn layers must lie in 1..2, the hidden layers (for none of them: batch norm none)"
SKIP = "skips must lead from one of the hidden layers 1..3 to a later one"

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
        lambda: NetworkSpec(batch_norm="none", layer_norm="befor"),
        "layer norm must be one of none, before, after, got 'befor'; did you mean 'before'?",
    ),
    (
        lambda: NetworkSpec(layer_norm="after"),
        "batch norm and layer norm must not normalise the same layers, got ('before', 'after')",
    ),
    (
        lambda: NetworkSpec(bn_start="zero"),
        "bn start must be one of first_batch, zeros, standard, got 'zero'; did you mean 'zeros'?",
    ),
    *((lambda n=n: NetworkSpec(num_bn_layers=n), f"{PARTIAL}, got {n}") for n in (0, 3, -1, 1.5)),
    (
        lambda: NetworkSpec((50,), batch_norm="none", num_bn_layers=1),
        "num bn layers must come with batch norm or layer norm, got 1",
    ),
    *(
        (lambda skip=skip: NetworkSpec((4, 4, 4), skips=((1, 3), skip)), f"{SKIP}, got {skip}")
        for skip in ((0, 2), (2, 4), (3, 1), (2, 2))
    ),
    (
        lambda: NetworkSpec((5, 4, 3), skips=((1, 3),)),
        "skip 1-3 must join layers of equal width, got (5, 3)",
    ),
    (lambda: NetworkSpec((4, 4, 4), skips=((1, 3), (1, 3))), "skips must be different, got ((1, 3), (1, 3))"),
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
    (
        lambda: ScheduleSpec(kind="trianglar"),
        "schedule must be one of triangular, constant, step, exponential, cosine, got 'trianglar'; "
        "did you mean 'triangular'?",
    ),
    (lambda: ScheduleSpec(eta_min=0.0), f"eta min {NUMBERS}, got 0.0"),
    (lambda: ScheduleSpec(eta_max=math.nan), f"eta max {NUMBERS}, got nan"),
    (lambda: ScheduleSpec(eta_min=0.2, eta_max=0.1), "eta min must not exceed eta max, got (0.2, 0.1)"),
    (lambda: ScheduleSpec(step_size=0), f"step size (epochs) {INTEGERS}, got 0"),
    (lambda: ScheduleSpec(step_size=0.5), f"step size (epochs) {INTEGERS}, got 0.5"),
    (lambda: ScheduleSpec(cycles=-1), f"cycles {INTEGERS}, got -1"),
    (
        lambda: OptimizerSpec("momentun"),
        "optimizer must be one of sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw, got 'momentun'; "
        "did you mean 'momentum'?",
    ),
    (lambda: OptimizerSpec(momentum=1.0), "momentum must lie in [0, 1), got 1.0"),
    (lambda: replace(DATA, n_train=0), f"training rows {INTEGERS}, got 0"),
    (lambda: replace(DATA, n_val=0), f"validation rows {INTEGERS}, got 0"),
    (lambda: TrialSpec(DATA, batch_size=0), f"batch size {INTEGERS}, got 0"),
    (lambda: TrialSpec(DATA, batch_size=1001), "batch size must not exceed the 1000 training rows, got 1001"),
    (lambda: TrialSpec(DATA, lambda_=-0.1), "lambda must be a number >= 0, got -0.1"),
    (lambda: TrialSpec(DATA, lambda_=math.nan), "lambda must be a number >= 0, got nan"),
    (lambda: TrialSpec(DATA, lambda_=math.inf), "lambda must be a number >= 0, got inf"),
    *(
        (lambda keep=keep: TrialSpec(DATA, keep=keep), f"keep must be a probability in (0, 1], got {keep}")
        for keep in (0.0, -0.5, 1.1, math.nan)
    ),
    (
        lambda: TrialSpec(DATA, l2_factor=2.0),
        "l2 factor must be 1 (lambda * sum W^2, DD2424) or 0.5 (CS231n), got 2.0",
    ),
    (
        lambda: TrialSpec(replace(DATA, shape=()), augment=AugmentSpec(mirror=True)),
        "augmentation must be of images, got 'the data set digits'",
    ),
    (
        lambda: TrialSpec(DATA, NetworkSpec(batch_norm="none"), evaluation=EvaluationSpec("precise")),
        "statistics must be ema without batch norm, which has none, got 'precise'",
    ),
    (lambda: Pack(()), "a pack must hold at least one trial, got 0"),
]


@pytest.mark.parametrize(("build", "message"), INVALID, ids=[message for _, message in INVALID])
def test_an_invalid_value_is_refused_in_one_line(build, message):
    with pytest.raises(ConfigError) as refusal:
        build()
    assert str(refusal.value) == message


def test_the_limits_themselves_are_valid():
    assert TrialSpec(DATA, NetworkSpec(hidden=(), bn_alpha=0.0), batch_size=1000, lambda_=0.0, keep=1.0)
    assert TrialSpec(DATA, NetworkSpec((4, 4), num_bn_layers=2, skips=((1, 2),)), keep=1e-9, l2_factor=0.5)
    assert ScheduleSpec(eta_min=0.1, eta_max=0.1, step_size=1, cycles=1).epochs == 2


@pytest.mark.parametrize(
    ("how", "norms", "biases"),
    [
        ({}, "bbbbb", "-----+"),
        ({"batch_norm": "after"}, "aaaaa", "++++++"),
        ({"batch_norm": "none"}, "nnnnn", "++++++"),
        ({"batch_norm": "none", "layer_norm": "before"}, "bbbbb", "++++++"),
        ({"num_bn_layers": 2}, "bbnnn", "--++++"),
        ({"skips": ((1, 3), (3, 5))}, "bnbnb", "-----+"),  # equation (40) has neither a norm nor a bias inside
        ({"skips": ((1, 3), (3, 5)), "batch_norm": "none"}, "nnnnn", "+-+-++"),
        ({"skips": ((1, 3), (3, 5)), "batch_norm": "none", "layer_norm": "after"}, "anana", "+-+-++"),
        ({"skips": ((1, 3), (3, 5)), "skip_norm": True}, "bbbbb", "-----+"),
        ({"skips": ((1, 5),), "num_bn_layers": 1}, "bnnnn", "----++"),
        ({"skips": ((1, 2), (2, 3))}, "bbbbb", "-----+"),  # nothing lies between
    ],
)
def test_which_layers_are_normalised_and_which_have_a_bias(how, norms, biases):
    network = NetworkSpec((4,) * 5, **how)
    assert "".join(network.norm_of(layer)[0] for layer in range(1, 6)) == norms
    assert "".join("-+"[network.has_bias(layer)] for layer in range(1, 7)) == biases


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


def test_every_parameter_either_may_differ_in_a_pack_or_is_shared():
    assert SHARED.keys() | OWN.keys() == PARAMETERS.keys()
    assert SHARED.keys().isdisjoint(OWN)


@pytest.mark.parametrize("name", SHARED)
def test_a_pack_refuses_members_that_differ_in_what_it_shares(name):
    trial, other = pair(name)
    with pytest.raises(ConfigError) as refusal:
        Pack((trial, trial, other))
    part = PARAMETERS[name][0]
    assert str(refusal.value) == f"the trials of a pack must share {part}, got {trial.key} and {other.key}"


@pytest.mark.parametrize("name", OWN)
def test_a_pack_accepts_members_that_differ_in_what_is_their_own(name):
    trial, other = pair(name)
    assert Pack((trial, other)).trials == (trial, other)
    assert other.common == trial.common == TRIAL.common


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
