"""A range test reads a usable LR off a good curve, and says so where there is none to read."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.catalogue import OPTIMIZERS, optimizer_row
from sweeps.domains import Range
from sweeps.rangetest import ramp_lrs, read_range_test, watch_steps
from sweeps.records import Ramp, RangeTest

SGD = OPTIMIZERS["SGD"]
LRS = ramp_lrs(Ramp(low=SGD.lr.low, high=SGD.lr.high, steps=100))


@given(
    low=st.floats(1e-8, 1e-2),
    factor=st.floats(1.5, 1e6),
    steps=st.integers(2, 300),
)
def test_a_ramp_grows_by_the_same_factor_from_its_low_end_to_its_high_end(
    low: float, factor: float, steps: int
) -> None:
    lrs = ramp_lrs(Ramp(low=low, high=low * factor, steps=steps))
    assert lrs == pytest.approx(np.geomspace(low, low * factor, steps))
    assert (lrs[0], lrs[-1]) == (low, low * factor)


@given(low=st.floats(1e-8, 1e-2), factor=st.floats(1.5, 1e6), steps=st.integers(2, 300))
def test_a_linear_ramp_grows_by_the_same_amount(low: float, factor: float, steps: int) -> None:
    lrs = ramp_lrs(Ramp(low=low, high=low * factor, steps=steps, growth="linear"))
    assert lrs == pytest.approx(np.linspace(low, low * factor, steps))
    assert (lrs[0], lrs[-1]) == (low, low * factor)


@given(steps=st.integers(2, 2000))
def test_a_ramp_is_validated_at_even_steps_and_at_its_end(steps: int) -> None:
    looks = watch_steps(Ramp(low=1e-3, high=1.0, steps=steps))
    assert looks[-1] == steps
    assert min(steps, 13) <= len(looks) <= 25
    assert len(set(np.diff([0, *looks[:-1]]))) <= 1
    assert 0 < looks[-1] - ([0, *looks])[-2] <= looks[0]


def descent(lrs: list[float], mu: float, largest: float) -> list[float]:
    """The losses of gradient descent on 0.5 sum h w^2, curvatures h from mu to `largest`, up to where it overflows."""
    h, w = np.linspace(mu, largest, 20), np.ones(20)
    losses = []
    with np.errstate(over="ignore", invalid="ignore"):
        for lr in lrs:
            losses.append(float(0.5 * (h * w**2).sum()))
            w = w * (1 - lr * h)
    return losses[: next((step for step, loss in enumerate(losses) if not math.isfinite(loss)), len(losses))]


def read(*curves: list[float], lrs: list[float] = LRS, optimizer: str = "SGD") -> RangeTest:
    return read_range_test(optimizer, seeds=range(len(curves)), lrs=lrs, losses=curves)


@pytest.mark.parametrize("largest", [0.5, 1.0, 10.0, 100.0, 1000.0])
@pytest.mark.parametrize("steps", [60, 100, 300])
def test_on_a_quadratic_the_pick_is_stable_and_the_best_lr_lies_in_the_bounds(largest: float, steps: int) -> None:
    lrs = ramp_lrs(Ramp(low=SGD.lr.low, high=SGD.lr.high, steps=steps))
    test = read(descent(lrs, largest / 100, largest), lrs=lrs)
    # Below, the loss blows up so late on the ramp that the average does not show it.
    assert test.trusted is (largest >= 10)
    assert 0 < test.initial_lr < 2 / largest
    assert test.interval is not None
    assert test.interval[0] <= 2 / (largest + largest / 100) <= 4 * test.interval[1]
    assert test.low <= 2 / (largest + largest / 100) <= test.high


@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_the_scale_of_the_loss_changes_nothing(scale: float) -> None:
    curve = descent(LRS, 0.1, 10)
    one, other = read(curve), read([loss * scale for loss in curve])
    assert (other.initial_lr, other.low, other.high) == (one.initial_lr, one.low, one.high)


def test_a_loss_below_zero_is_read_like_any_other() -> None:
    curve = descent(LRS, 0.1, 10)
    below = read([loss - 2 * curve[0] for loss in curve])
    assert below.trusted
    assert 0 < below.initial_lr < 2 / 10
    assert not read([-1.0] * 100).trusted
    assert not read([-1.0 + 0.001 * step for step in range(100)]).trusted


def test_seeds_are_joined_by_their_median() -> None:
    curves = [descent(LRS, largest / 100, largest) for largest in (1.0, 10.0, 100.0)]
    alone = [read(curve).initial_lr for curve in curves]
    assert alone == sorted(alone, reverse=True)
    assert read(*curves).initial_lr == pytest.approx(alone[1])


def test_what_comes_after_the_explosion_is_not_read() -> None:
    curve = descent(LRS, 0.1, 10)
    calm = read(curve)
    # A net that has blown up may die, and its loss then fall lower than it ever was.
    dead = read(curve + [0.0] * (len(LRS) - len(curve)))
    assert (dead.initial_lr, dead.high) == (calm.initial_lr, calm.high)
    early = [1.0 - 0.005 * step for step in range(20)]
    assert read(early).trusted
    spike = read([*early, 60.0, *[0.0] * 79])
    assert (spike.initial_lr, spike.high) == (read(early).initial_lr, read(early).high)


def flat(steps: int = 100) -> list[float]:
    return [2.3] * steps


def rising() -> list[float]:
    return [2.3 + 0.01 * step for step in range(100)]


@pytest.mark.parametrize(
    ("curves", "learned"),
    [
        ([flat()], 0),
        ([rising()], 0),
        ([[]], 0),
        ([[], [], []], 0),
        ([[2.3]], 0),
        ([flat(2)], 0),
        ([flat(), flat(), descent(LRS, 0.1, 10)], 1),
        ([[], descent(LRS, 0.1, 10)], 1),
    ],
)
@pytest.mark.parametrize("optimizer", ["SGD", "AdamW", "Adadelta"])
def test_a_test_in_which_most_seeds_learn_nothing_is_not_trusted_and_gives_the_catalogues_bounds(
    optimizer: str, curves: list[list[float]], learned: int
) -> None:
    row = optimizer_row(optimizer)
    test = read(*curves, optimizer=optimizer)
    assert not test.trusted
    assert test.reasons == (f"only {learned} of {len(curves)} seeds lowered the loss anywhere on the ramp",)
    assert (test.low, test.initial_lr, test.high) == (row.lr.low, row.default_lr, row.lr.high)


def test_a_minority_that_learned_nothing_is_overruled() -> None:
    curve = descent(LRS, 0.1, 10)
    test = read(curve, [], curve)
    assert test.trusted
    assert test.initial_lr == read(curve).initial_lr


def test_curves_and_seeds_are_kept_whole() -> None:
    curves = [descent(LRS, 0.1, 10), flat(), []]
    test = read_range_test("SGD", seeds=(4, 5, 6), lrs=LRS, losses=curves)
    assert test.losses == tuple(map(tuple, curves))
    assert (test.seeds, test.lrs, test.optimizer) == ((4, 5, 6), tuple(LRS), "SGD")


noisy_curves = st.builds(
    lambda start, fall, blows, noise, seed, steps: noisy(start, fall, blows, noise, seed, steps),
    start=st.floats(-10, 10),
    fall=st.floats(0, 20),
    blows=st.floats(0, 1),
    noise=st.floats(0, 5),
    seed=st.integers(0, 10_000),
    steps=st.integers(0, 100),
)
wild_curves = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=100)


def noisy(start: float, fall: float, blows: float, noise: float, seed: int, steps: int) -> list[float]:
    """A curve that falls along the ramp and blows up at a part of it, with noise; cut after so many steps."""
    t = np.linspace(0, 1, 100)
    curve = start - fall * t**2 + np.where(t > blows, np.exp(60 * (t - blows)) - 1, 0)
    return list(map(float, curve + noise * np.random.default_rng(seed).normal(size=100)))[:steps]


@given(
    curves=st.lists(noisy_curves | wild_curves, min_size=1, max_size=4), optimizer=st.sampled_from(sorted(OPTIMIZERS))
)
@settings(max_examples=60)
def test_whatever_the_curves_the_bounds_are_a_range_around_the_pick(curves: list[list[float]], optimizer: str) -> None:
    row = optimizer_row(optimizer)
    lrs = ramp_lrs(Ramp(low=row.lr.low, high=row.lr.high, steps=100))
    test = read_range_test(optimizer, seeds=range(len(curves)), lrs=lrs, losses=curves)
    assert Range(low=test.low, high=test.high, log=True)
    assert test.low <= test.initial_lr <= test.high
    assert test.trusted is (not test.reasons)
    if test.trusted:
        assert lrs[0] * 0.999 <= test.initial_lr <= lrs[-1] * 1.001
        assert test.high <= 3 * lrs[-1] * 1.001
