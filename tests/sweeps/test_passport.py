"""A passport says all that an initial LR depends on, and what scaling rules predict for other batch sizes."""

import math
from dataclasses import asdict, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.passport import FACTORS, passport_of_pick, passport_of_range_test, predictions
from sweeps.records import CodeVersion, Pick, Probed
from sweeps.spec import SweepSpec
from sweeps.specfile import parse_spec
from tests.doubles import a_range_test

CODE = CodeVersion(task="digits", lrsweep="0.1.0", torch="2.13.0")
RAW: dict[str, Any] = {
    "task": "digits",
    "budget": {"epochs": 7},
    "seeds": [3, 5],
    "optimizers": [{"SGD": {"momentum": [0.8, 0.9], "nesterov": False}}],
    "schedulers": [{"StepLR": {"step_size": 2, "gamma": 0.5}}],
    "trials": 4,
}
HEAD = {"head": {"parameters": "2.*", "lr_multiplier": 10}, "bias": {"parameters": "*.bias"}}
PICK = Pick(
    optimizer="SGD",
    scheduler="StepLR",
    initial_lr=0.1,
    value=0.25,
    params={"SGD.momentum": 0.9, "SGD.head.lr_multiplier": 10.0, "StepLR.step_size": 2},
    trials=(4, 5),
    tried=9,
    low=0.05,
    high=0.2,
)


def spec(**more: Any) -> SweepSpec:
    return parse_spec(RAW | more)


def test_a_picks_passport_holds_what_it_was_trained_with() -> None:
    found = passport_of_pick(PICK, spec(groups=HEAD), 64, CODE)
    assert (found.optimizer, found.scheduler, found.initial_lr) == ("SGD", "StepLR", 0.1)
    assert found.optimizer_params == {"momentum": 0.9, "head.lr_multiplier": 10.0}
    assert found.scheduler_params == {"step_size": 2}
    assert found.group_ratios == {"rest": 1.0, "head": 10.0, "bias": 1.0}
    assert (found.batch_size, found.accumulation, found.budget.epochs, found.seeds) == (64, 1, 7, (3, 5))
    assert found.evidence == "the best of 9 trials: 4, 5"
    assert found.code == CODE


def test_a_range_tests_passport_holds_the_hyperparameters_that_its_ramp_had() -> None:
    test = replace(
        a_range_test("SGD", 0.02), scheduler="StepLR", probe=(Probed(lr=0.1, seed=8), Probed(lr=0.2, seed=0))
    )
    found = passport_of_range_test(test, spec(groups=HEAD), None, CODE)
    assert found.optimizer_params["momentum"] == 0.8
    assert found.scheduler_params == {"step_size": 2, "gamma": 0.5}
    assert found.group_ratios == {"rest": 1.0, "head": 10.0, "bias": 1.0}
    assert (found.initial_lr, found.batch_size, found.seeds) == (0.02, None, (0, 8))
    assert found.evidence == "a range test of 2 steps, then a probe of 2 lanes"
    ramp_alone = passport_of_range_test(a_range_test("SGD", 0.02), spec(), None, CODE)
    assert (ramp_alone.scheduler, ramp_alone.scheduler_params, ramp_alone.group_ratios) == ("none", {}, {})


def test_where_one_group_was_tested_the_others_have_the_trials_lr() -> None:
    one_group = spec(groups=HEAD, range_test={"group": "head"}, optimizers=[{"SGD": {"lr": 0.3}}])
    found = passport_of_range_test(a_range_test("SGD", 0.02), one_group, 64, CODE)
    assert (found.initial_lr, found.group, found.trial_lr) == (0.02, "head", 0.3)
    assert found.group_ratios == {"rest": 1.0, "bias": 1.0}


lrs = st.floats(1e-9, 1e3)


@given(lrs, st.integers(1, 4096))
def test_predictions_go_by_the_ratio_of_the_batch_sizes(lr: float, batch_size: int) -> None:
    linear, root = predictions(lr, batch_size)
    for of_linear, of_root in zip(linear.lrs, root.lrs, strict=True):
        assert of_linear.batch_size is not None
        ratio = of_linear.batch_size / batch_size
        assert of_linear.initial_lr == pytest.approx(lr * ratio)
        assert of_root.initial_lr == pytest.approx(lr * math.sqrt(ratio))
        assert of_linear.batch_size == of_root.batch_size >= 1


@given(lrs)
def test_without_a_batch_size_predictions_go_by_factors(lr: float) -> None:
    for rule in predictions(lr, None):
        assert [each.factor for each in rule.lrs] == list(FACTORS)
        assert {each.batch_size for each in rule.lrs} == {None}


def test_all_that_was_not_measured_is_marked_as_a_prediction() -> None:
    document = asdict(passport_of_pick(PICK, spec(), 64, CODE))
    assert [(each["rule"], each["prediction"]) for each in document["carried_over"]] == [
        ("linear", True),
        ("square root", True),
    ]
    assert all("arXiv" in each["source"] for each in document["carried_over"])
