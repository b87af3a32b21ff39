"""Each rule of the table says what its own tool would say, and nothing where the tool says nothing."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.rules import RULES
from sweeps.rules.points import gradient
from tests.sweeps.rules.curves import CURVES, LINEAR_LRS, LRS, STEPS, drawn, typical
from tests.sweeps.rules.plaintools import PLAIN

SMITH = ("max", "max/3", "max/10")


def test_every_rule_but_smiths_is_held_against_its_tool() -> None:
    assert RULES.keys() == {*PLAIN, *SMITH}
    assert all(rule.name == name and rule.meaning and rule.tool for name, rule in RULES.items())


def same(ours: float | None, theirs: float | None) -> bool:
    """True if both say the same LR, or both say nothing."""
    return ours is theirs or (ours is not None and theirs is not None and math.isclose(ours, theirs))


@pytest.mark.parametrize("lrs", [LRS, LINEAR_LRS], ids=["exponential", "linear"])
@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("name", PLAIN)
def test_a_rule_reads_a_curve_as_its_tool_does(name: str, curve: str, lrs: list[float]) -> None:
    assert same(RULES[name].read(lrs, CURVES[curve]), PLAIN[name](lrs, CURVES[curve]))


@given(curve=drawn, steps=st.integers(0, STEPS))
@settings(max_examples=150)
def test_a_rule_reads_any_curve_as_its_tool_does(curve: list[float], steps: int) -> None:
    for name, plain in PLAIN.items():
        assert same(RULES[name].read(LRS, curve[:steps]), plain(LRS, curve[:steps])), name


# Losses that count down, so that each rule's place can be worked out: the smoothed curve falls at every step of 40.
COUNTDOWN = [40.0 - step for step in range(40)]
TEN_FOLD = [10.0 ** (step / 10 - 4) for step in range(40)]


@pytest.mark.parametrize(
    ("name", "lr"),
    [
        # fastai leaves steps 4 to 34: 31 points that all fall, d = 31, e = 30, s = -1, so -1 + 10 + 5 = 14, step 18.
        ("valley", TEN_FOLD[18]),
        # The lowest of them is the last, step 34.
        ("minimum", TEN_FOLD[34] / 10),
        # Ignite trims nothing. Its average falls by ever more, up to one step before the end.
        ("ignite", TEN_FOLD[38]),
        # Steps 10 to 34 are left; one-sided at the end, the last fall is the largest.
        ("lr-finder", TEN_FOLD[34]),
        # Lightning's average falls by about as much at each step; over LRs that grow, the first is the steepest.
        ("lightning", TEN_FOLD[10]),
        # The whole curve falls to its last step.
        ("max", TEN_FOLD[39]),
        ("max/3", TEN_FOLD[39] / 3),
        ("max/10", TEN_FOLD[39] / 10),
    ],
)
def test_rules_worked_out_by_hand(name: str, lr: float) -> None:
    assert RULES[name].read(TEN_FOLD, COUNTDOWN) == pytest.approx(lr)


@pytest.mark.parametrize(("factor", "same"), [(1e-3, {"slide"}), (1e3, {"slide"})])
@given(curve=drawn)
@settings(max_examples=30)
def test_the_scale_of_the_loss_matters_to_slide_alone(curve: list[float], factor: float, same: set[str]) -> None:
    for name in RULES.keys() - same:
        read = RULES[name].read
        assert read(LRS, [loss * factor for loss in curve]) == read(LRS, curve), name


@given(curve=drawn, factor=st.floats(1e-3, 1e3))
@settings(max_examples=50)
def test_another_scale_of_lrs_scales_what_is_read(curve: list[float], factor: float) -> None:
    for name, rule in RULES.items():
        one, other = rule.read(LRS, curve), rule.read([lr * factor for lr in LRS], curve)
        assert (one is None) == (other is None)
        if one is not None:
            assert other == pytest.approx(one * factor, rel=1e-9), name


@given(curve=drawn)
@settings(max_examples=50)
def test_what_is_read_lies_on_the_ramp(curve: list[float]) -> None:
    for rule in RULES.values():
        lr = rule.read(LRS, curve)
        assert lr is None or LRS[0] / 10 <= lr <= LRS[-1]


@pytest.mark.parametrize(
    ("accuracies", "index"),
    [
        ([0.1, 0.1, 0.5, 0.9, 0.4], 3),
        ([0.1, 0.9, 0.9, 0.1], 1),
        ([0.1, 0.2, 0.3], 2),
        ([0.3, 0.2, 0.1], None),
        ([0.3, 0.3], None),
        ([], None),
    ],
)
def test_smiths_maximum_is_where_accuracy_is_highest_first(accuracies: list[float], index: int | None) -> None:
    lrs = [0.01, 0.1, 1.0, 10.0, 100.0]
    for name, divisor in (("max", 1), ("max/3", 3), ("max/10", 10)):
        read = RULES[name].from_accuracy
        assert read is not None
        assert read(lrs, accuracies) == (None if index is None else pytest.approx(lrs[index] / divisor))


def test_without_accuracy_smiths_maximum_is_where_the_loss_turns_up() -> None:
    curve = typical(blows=0.8)
    lr = RULES["max"].read(LRS, curve)
    assert lr is not None
    # The average lags behind the loss, and finds the turn a little late.
    assert LRS[79] <= lr <= LRS[95]
    assert RULES["max"].read(LRS, CURVES["rising"]) is None


@given(
    values=st.lists(st.floats(-10, 10), min_size=2, max_size=30),
    seed=st.integers(0, 1000),
)
def test_the_gradient_is_numpys(values: list[float], seed: int) -> None:
    places = np.cumsum(0.1 + np.random.default_rng(seed).random(len(values)))
    assert gradient(values) == pytest.approx(np.gradient(values), abs=1e-9)
    assert gradient(values, [float(place) for place in places]) == pytest.approx(np.gradient(values, places), abs=1e-6)
    assert all(map(math.isfinite, gradient(values)))
