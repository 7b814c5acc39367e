"""Frozen, validated values that say what a trial is; their canonical JSON and their keys.

A spec knows no default that depends on the machine: two machines that hold the same spec mean the same run.
"""

from pipeline.spec.canonical import canonical_json, digest, from_json, plain
from pipeline.spec.conventions import CONVENTIONS, Convention
from pipeline.spec.factors import CellName, Design, Factor, Level, levels
from pipeline.spec.images import SHIFTS, STATISTICS, AugmentSpec, EvaluationSpec
from pipeline.spec.network import (
    ACTIVATIONS,
    BATCH_NORM,
    BN_STARTS,
    DTYPES,
    INITS,
    LAYER_NORM,
    MATLAB_EPS,
    SIGMAS,
    InitSpec,
    NetworkSpec,
)
from pipeline.spec.parameters import PARAMETERS, Setting, parameter, with_setting
from pipeline.spec.rules import positive, positive_integer, validation_fraction
from pipeline.spec.training import OPTIMIZERS, SCHEDULES, OptimizerSpec, ScheduleSpec
from pipeline.spec.trial import L2_FACTORS, DataSpec, Pack, TrialSpec, batches

__all__ = [
    "ACTIVATIONS",
    "BATCH_NORM",
    "BN_STARTS",
    "CONVENTIONS",
    "DTYPES",
    "INITS",
    "L2_FACTORS",
    "LAYER_NORM",
    "MATLAB_EPS",
    "OPTIMIZERS",
    "PARAMETERS",
    "SCHEDULES",
    "SHIFTS",
    "SIGMAS",
    "STATISTICS",
    "AugmentSpec",
    "CellName",
    "Convention",
    "DataSpec",
    "Design",
    "EvaluationSpec",
    "Factor",
    "InitSpec",
    "Level",
    "NetworkSpec",
    "OptimizerSpec",
    "Pack",
    "ScheduleSpec",
    "Setting",
    "TrialSpec",
    "batches",
    "canonical_json",
    "digest",
    "from_json",
    "levels",
    "parameter",
    "plain",
    "positive",
    "positive_integer",
    "validation_fraction",
    "with_setting",
]
