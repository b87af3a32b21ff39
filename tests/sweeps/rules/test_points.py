"""The rules that read a curve say what their plain definition says."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.rules import smoothed, valley

losses = st.floats(-1e3, 1e3)


@given(curve=st.lists(losses, min_size=1, max_size=40), beta=st.sampled_from([0.0, 0.5, 0.9, 0.98]))
def test_smoothing_weighs_each_loss_by_how_far_back_it_lies(curve: list[float], beta: float) -> None:
    weighted = [
        np.average(curve[: step + 1], weights=[beta ** (step - past) for past in range(step + 1)])
        for step in range(len(curve))
    ]
    assert smoothed(curve, beta) == pytest.approx(weighted, rel=1e-9, abs=1e-9)


@given(loss=losses, steps=st.integers(1, 200))
def test_a_constant_curve_is_smooth_already(loss: float, steps: int) -> None:
    assert smoothed([loss] * steps) == pytest.approx([loss] * steps)


def test_smoothing_begins_at_the_first_loss_and_follows_a_jump_slowly() -> None:
    curve = smoothed([1.0] * 50 + [2.0] * 50)
    assert curve[:50] == pytest.approx([1.0] * 50)
    # With all weights of 100 steps, those of the last 50 sum to (1 - b^50) / (1 - b^100).
    assert curve[-1] == pytest.approx(1 + (1 - 0.98**50) / (1 - 0.98**100))


def longest_fall(curve: list[float]) -> tuple[int, int]:
    """Length and end of the longest strictly decreasing subsequence that ends first, by trying all."""
    for length in range(len(curve), 0, -1):
        ends = [
            chosen[-1]
            for chosen in combinations(range(len(curve)), length)
            if all(curve[a] > curve[b] for a, b in pairwise(chosen))
        ]
        if ends:
            return length, min(ends)
    raise AssertionError("every single loss is a subsequence")


@given(curve=st.lists(st.integers(0, 12).map(float), min_size=1, max_size=9))
@settings(max_examples=200)
def test_the_valley_is_half_way_into_the_longest_fall(curve: list[float]) -> None:
    length, end = longest_fall(curve)
    start = end - length
    third = (end - start) / 3
    lrs = [10.0**step for step in range(len(curve))]
    assert valley(lrs, curve) == lrs[max(0, start + int(third) + int(third / 2))]


@pytest.mark.parametrize(
    ("curve", "index"),
    [
        # A fall over all 13 steps: d = 13, e = 12, s = -1, third = 4.33, so -1 + 4 + 2.
        ([13.0 - step for step in range(13)], 5),
        # The same after ten flat steps, of which the first begins the fall: d = 13, e = 21, s = 8, so 8 + 4 + 2.
        ([13.0] * 10 + [12.0 - step for step in range(12)], 14),
        # One upward spike does not end a fall.
        ([13.0, 12.0, 11.0, 99.0, 10.0, 9.0, 8.0, 7.0, 6.0], 3),
        # No fall at all: the first LR.
        ([1.0] * 8, 0),
        ([float(step) for step in range(8)], 0),
        ([1.0], 0),
    ],
)
def test_valleys_worked_out_by_hand(curve: list[float], index: int) -> None:
    lrs = [1e-7 * 1.5**step for step in range(len(curve))]
    assert valley(lrs, curve) == lrs[index]
