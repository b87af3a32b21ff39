"""The eight decay families are the textbook's: numpy's, the closed forms', and torch's where torch has them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.optim import SGD
from torch.optim import lr_scheduler as stock

from sweeps.decay import (
    DECAYS,
    cosine_decay,
    cosine_decay_restarts,
    exponential_decay,
    inverse_time_decay,
    linear_cosine_decay,
    natural_exp_decay,
    noisy_linear_cosine_decay,
    polynomial_decay,
)

STEPS = np.arange(60)
LR = 0.1


def over_steps(function: Callable[..., float], *args: float, **keywords: Any) -> np.ndarray:
    return np.array([function(LR, int(step), *args, **keywords) for step in STEPS])


def clamped(decay_steps: float) -> np.ndarray:
    return np.minimum(STEPS, decay_steps)


# --- restated with numpy


def _restarts(first: float, t_mul: float, m_mul: float, alpha: float) -> np.ndarray:
    """Period by period, without logarithms: every period is laid out whole, and the first steps are kept."""
    values: list[float] = []
    length, height = first, 1.0
    while len(values) < len(STEPS):
        into = np.arange(int(length))
        values.extend((1 - alpha) * height * 0.5 * (1 + np.cos(np.pi * into / length)) + alpha)
        length, height = length * t_mul, height * m_mul
    return LR * np.array(values[: len(STEPS)])


def _stretched(decay_steps: int) -> np.ndarray:
    """The first multiple of decay_steps that is not before the step."""
    return np.array([next(m for m in range(decay_steps, 1000, decay_steps) if m >= step) for step in STEPS])


RESTATED = {
    "exponential": (over_steps(exponential_decay, 7, 0.6), LR * 0.6 ** (STEPS / 7)),
    "exponential, stairs": (over_steps(exponential_decay, 7, 0.6, staircase=True), LR * 0.6 ** (STEPS // 7)),
    "natural_exp": (over_steps(natural_exp_decay, 7, 0.6), LR * np.exp(-0.6 * STEPS / 7)),
    "natural_exp, stairs": (over_steps(natural_exp_decay, 7, 0.6, staircase=True), LR * np.exp(-0.6 * (STEPS // 7))),
    "inverse_time": (over_steps(inverse_time_decay, 7, 0.6), LR / (1 + 0.6 * STEPS / 7)),
    "inverse_time, stairs": (over_steps(inverse_time_decay, 7, 0.6, staircase=True), LR / (1 + 0.6 * (STEPS // 7))),
    "polynomial": (
        over_steps(polynomial_decay, 25, 0.01, 2.0),
        (LR - 0.01) * (1 - clamped(25) / 25) ** 2 + 0.01,
    ),
    "polynomial, defaults": (over_steps(polynomial_decay, 25), (LR - 1e-4) * (1 - clamped(25) / 25) + 1e-4),
    "polynomial, cycle": (
        over_steps(polynomial_decay, 25, 0.01, 0.5, cycle=True),
        (LR - 0.01) * np.sqrt(1 - STEPS / _stretched(25)) + 0.01,
    ),
    "cosine": (
        over_steps(cosine_decay, 25, 0.2),
        LR * (0.8 * 0.5 * (1 + np.cos(np.pi * clamped(25) / 25)) + 0.2),
    ),
    "restarts": (over_steps(cosine_decay_restarts, 5), _restarts(5, 2, 1, 0)),
    "restarts, lower": (over_steps(cosine_decay_restarts, 4, 3.0, 0.5, 0.1), _restarts(4, 3, 0.5, 0.1)),
    "restarts, same length": (over_steps(cosine_decay_restarts, 9, 1.0, 0.7), _restarts(9, 1, 0.7, 0)),
    "linear cosine": (
        over_steps(linear_cosine_decay, 25, 1.5, 0.1, 0.01),
        LR * ((0.1 + (25 - clamped(25)) / 25) * 0.5 * (1 + np.cos(2 * np.pi * 1.5 * clamped(25) / 25)) + 0.01),
    ),
    "linear cosine, defaults": (
        over_steps(linear_cosine_decay, 25),
        LR * ((25 - clamped(25)) / 25 * 0.5 * (1 + np.cos(np.pi * clamped(25) / 25)) + 0.001),
    ),
    "noisy, without noise": (
        over_steps(noisy_linear_cosine_decay, 25, 0.0),
        over_steps(linear_cosine_decay, 25),
    ),
}


@pytest.mark.parametrize("case", RESTATED)
def test_the_formula(case: str) -> None:
    ours, restated = RESTATED[case]
    np.testing.assert_allclose(ours, restated, rtol=1e-12, atol=1e-15)


def test_all_eight_are_in_the_table() -> None:
    assert list(DECAYS) == [
        "exponential_decay",
        "natural_exp_decay",
        "inverse_time_decay",
        "polynomial_decay",
        "cosine_decay",
        "cosine_decay_restarts",
        "linear_cosine_decay",
        "noisy_linear_cosine_decay",
    ]


# --- where torch has the same


def torch_lrs(make: Callable[[SGD], Any], length: int) -> list[float]:
    optimizer = SGD([torch.nn.Parameter(torch.zeros(()))], lr=LR)
    scheduler = make(optimizer)
    lrs = []
    for _ in range(length):
        lrs.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return lrs


@pytest.mark.parametrize(
    ("make", "ours", "length"),
    [
        (
            lambda o: stock.CosineAnnealingLR(o, T_max=30, eta_min=0.2 * LR),
            lambda t: cosine_decay(LR, t, 30, alpha=0.2),
            31,
        ),
        (lambda o: stock.ExponentialLR(o, gamma=0.9), lambda t: exponential_decay(LR, t, 1, 0.9), 60),
        (lambda o: stock.ExponentialLR(o, gamma=0.9), lambda t: natural_exp_decay(LR, t, 1, -math.log(0.9)), 60),
        (lambda o: stock.StepLR(o, 7, 0.5), lambda t: exponential_decay(LR, t, 7, 0.5, staircase=True), 60),
        (
            lambda o: stock.PolynomialLR(o, total_iters=25, power=2.0),
            lambda t: polynomial_decay(LR, t, 25, 0.0, 2.0),
            60,
        ),
        (
            lambda o: stock.CosineAnnealingWarmRestarts(o, T_0=5, T_mult=2, eta_min=0.1 * LR),
            lambda t: cosine_decay_restarts(LR, t, 5, alpha=0.1),
            120,
        ),
        (
            lambda o: stock.CosineAnnealingWarmRestarts(o, T_0=4, T_mult=3),
            lambda t: cosine_decay_restarts(LR, t, 4, t_mul=3.0),
            170,
        ),
        (
            lambda o: stock.CosineAnnealingWarmRestarts(o, T_0=6),
            lambda t: cosine_decay_restarts(LR, t, 6, t_mul=1.0),
            60,
        ),
    ],
    ids=["cosine", "exponential", "natural_exp", "step", "polynomial", "restarts x2", "restarts x3", "restarts x1"],
)
def test_torch_gives_the_same(make: Callable[[SGD], Any], ours: Callable[[int], float], length: int) -> None:
    np.testing.assert_allclose([ours(step) for step in range(length)], torch_lrs(make, length), rtol=1e-9, atol=1e-12)


def test_every_family_goes_through_lambda_lr() -> None:
    families = {
        "exponential_decay": (10, 0.5),
        "natural_exp_decay": (10, 0.5),
        "inverse_time_decay": (10, 0.5),
        "polynomial_decay": (10,),
        "cosine_decay": (10,),
        "cosine_decay_restarts": (10,),
        "linear_cosine_decay": (10,),
        "noisy_linear_cosine_decay": (10,),
    }
    assert families.keys() == DECAYS.keys()
    for name, args in families.items():
        decay = DECAYS[name]
        lrs = torch_lrs(lambda o, d=decay, a=args: stock.LambdaLR(o, lambda t: d(LR, t, *a) / LR), 30)
        assert lrs == pytest.approx([decay(LR, step, *args) for step in range(30)], rel=1e-12, abs=1e-18), name


# --- what holds for all arguments

lrs = st.floats(1e-6, 10)
lengths = st.integers(1, 500)
steps = st.integers(0, 2000)
alphas = st.floats(0, 1)


@given(lr=lrs, step=steps, length=lengths, rate=st.floats(0.01, 1))
def test_decays_without_an_end_only_fall(lr: float, step: int, length: int, rate: float) -> None:
    for name in ("exponential_decay", "natural_exp_decay", "inverse_time_decay"):
        decay = DECAYS[name]
        for staircase in (False, True):
            assert decay(lr, 0, length, rate, staircase=staircase) == lr
            here, after = (decay(lr, at, length, rate, staircase=staircase) for at in (step, step + 1))
            assert 0 <= after <= here * (1 + 1e-12) <= lr * (1 + 1e-9)
        stairs = decay(lr, step, length, rate, staircase=True)
        assert stairs == pytest.approx(decay(lr, step // length * length, length, rate))


@given(lr=lrs, step=steps, length=lengths, end=st.floats(0, 1), power=st.floats(0.1, 4))
def test_a_polynomial_falls_to_its_end_and_stays(lr: float, step: int, length: int, end: float, power: float) -> None:
    assume(end <= lr)
    here, after = (polynomial_decay(lr, at, length, end, power) for at in (step, step + 1))
    assert end <= after <= here * (1 + 1e-12)
    assert here <= lr * (1 + 1e-12)
    assert polynomial_decay(lr, length + step, length, end, power) == pytest.approx(end)
    assert polynomial_decay(lr, 0, length, end, power) == pytest.approx(lr)
    # At every multiple of its length a cycle has reached the end, and it is within bounds between them.
    assert polynomial_decay(lr, length * (1 + step // length), length, end, power, cycle=True) == pytest.approx(end)
    cycled = polynomial_decay(lr, step, length, end, power, cycle=True)
    assert end - 1e-12 <= cycled <= lr * (1 + 1e-12)


@given(lr=lrs, step=steps, length=lengths, alpha=alphas)
def test_a_cosine_falls_to_its_floor_and_stays(lr: float, step: int, length: int, alpha: float) -> None:
    here, after = (cosine_decay(lr, at, length, alpha) for at in (step, step + 1))
    assert alpha * lr * (1 - 1e-12) <= after <= here * (1 + 1e-12) <= lr * (1 + 1e-9)
    assert cosine_decay(lr, length + step, length, alpha) == pytest.approx(alpha * lr)
    # No step of it is steeper than the cosine's steepest slope, pi / 2 over its length.
    assert here - after <= lr * (1 - alpha) * math.pi / 2 / length * (1 + 1e-9) + 1e-15


@given(first=st.integers(1, 40), t_mul=st.integers(1, 12), m_mul=st.floats(0.1, 1), number=st.integers(0, 4))
def test_a_restart_comes_exactly_when_it_is_due(first: int, t_mul: int, m_mul: float, number: int) -> None:
    start = first * sum(t_mul**period for period in range(number))
    assert cosine_decay_restarts(LR, start, first, t_mul, m_mul) == pytest.approx(LR * m_mul**number)
    middle = start + first * t_mul**number // 2
    inside = cosine_decay_restarts(LR, middle, first, t_mul, m_mul)
    assert 0 <= inside <= LR * m_mul**number * (1 + 1e-12)


@given(lr=lrs, step=steps, length=lengths, periods=st.floats(0.1, 10), alpha=alphas, beta=st.floats(0, 0.1))
def test_a_linear_cosine_lies_under_its_line(
    lr: float, step: int, length: int, periods: float, alpha: float, beta: float
) -> None:
    value = linear_cosine_decay(lr, step, length, periods, alpha, beta)
    line = lr * (alpha + max(0.0, 1 - step / length) + beta)
    assert lr * beta * (1 - 1e-12) <= value <= line * (1 + 1e-9)


@given(step=steps, length=lengths, seed=st.integers(0, 2**40), variance=st.floats(0, 10))
def test_noise_follows_from_seed_and_step_and_never_goes_below_zero(
    step: int, length: int, seed: int, variance: float
) -> None:
    value = noisy_linear_cosine_decay(LR, step, length, variance, seed=seed)
    assert value >= 0
    # Whatever was evaluated in between.
    noisy_linear_cosine_decay(LR, step + 1, length, variance, seed=seed)
    assert value == noisy_linear_cosine_decay(LR, step, length, variance, seed=seed)


def test_the_noise_has_the_variance_that_fades() -> None:
    for step in (0, 3, 50):
        # Far from its end the line is at 1 and the cosine at 1: what is left over is the noise.
        values = [
            noisy_linear_cosine_decay(1.0, step, 10**9, 0.01, 0.55, beta=0.0, seed=seed) - 1 for seed in range(4000)
        ]
        assert np.mean(values) == pytest.approx(0, abs=0.005)
        assert np.var(values) == pytest.approx(0.01 / (1 + step) ** 0.55, rel=0.1)


def test_seeds_and_steps_draw_noise_of_their_own() -> None:
    drawn = {noisy_linear_cosine_decay(1.0, step, 1000, 0.01, seed=seed) for step in range(20) for seed in range(20)}
    assert len(drawn) == 400


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: exponential_decay(0.1, 1, 0, 0.5), "decay_steps must be above 0, got 0"),
        (lambda: cosine_decay(0.1, 1, -3), "decay_steps must be above 0, got -3"),
        (lambda: cosine_decay_restarts(0.1, 1, 0), "first_decay_steps must be above 0"),
        (lambda: cosine_decay_restarts(0.1, 1, 5, t_mul=0.5), "t_mul must be at least 1, got 0.5"),
        (lambda: exponential_decay(0.1, 1, 5, -0.5), "decay_rate must be at least 0, got -0.5"),
        (lambda: inverse_time_decay(0.1, 1, 5, -5.0), "decay_rate must be at least 0, got -5"),
        (lambda: noisy_linear_cosine_decay(0.1, 1, 5, -1.0), "initial_variance must be at least 0, got -1"),
        (lambda: polynomial_decay(0.1, 5, 5, power=-1.0), "power must be at least 0, got -1"),
    ],
)
def test_arguments_without_a_value_are_refused(call: Callable[[], float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
