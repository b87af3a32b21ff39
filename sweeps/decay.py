"""Decay families: the eight textbook schedules that give the LR as a function of the global step.

Formulas, names and defaults are those of TensorFlow's `learning_rate_decay_v2`. Steps count from 0; `learning_rate`
is the initial LR. Every function is pure: it may be evaluated at any step, in any order. All raise ValueError for
arguments under which the formula has no value.
"""

import math
import random
from collections.abc import Callable, Mapping


def exponential_decay(
    learning_rate: float, global_step: int, decay_steps: float, decay_rate: float, *, staircase: bool = False
) -> float:
    """The LR is multiplied by `decay_rate` every `decay_steps`: lr * decay_rate ** (t / decay_steps).

    `staircase` floors t / decay_steps, so that the LR falls in steps.

    >>> [exponential_decay(0.1, step, 10, 0.5) for step in (0, 10, 20)]
    [0.1, 0.05, 0.025]
    >>> exponential_decay(0.1, 19, 10, 0.5, staircase=True)
    0.05
    """
    _at_least_zero("decay_rate", decay_rate)
    return learning_rate * float(decay_rate ** _fraction(global_step, decay_steps, staircase))


def natural_exp_decay(
    learning_rate: float, global_step: int, decay_steps: float, decay_rate: float, *, staircase: bool = False
) -> float:
    """The LR falls by the natural exponential: lr * exp(-decay_rate * t / decay_steps).

    >>> [round(natural_exp_decay(0.1, step, 10, 0.5), 6) for step in (0, 10, 20)]
    [0.1, 0.060653, 0.036788]
    """
    return learning_rate * math.exp(-decay_rate * _fraction(global_step, decay_steps, staircase))


def inverse_time_decay(
    learning_rate: float, global_step: int, decay_steps: float, decay_rate: float, *, staircase: bool = False
) -> float:
    """The LR falls with the inverse of time: lr / (1 + decay_rate * t / decay_steps).

    >>> [inverse_time_decay(0.1, step, 10, 1.0) for step in (0, 10, 30)]
    [0.1, 0.05, 0.025]
    """
    _at_least_zero("decay_rate", decay_rate)
    return learning_rate / (1 + decay_rate * _fraction(global_step, decay_steps, staircase))


def polynomial_decay(
    learning_rate: float,
    global_step: int,
    decay_steps: float,
    end_learning_rate: float = 1e-4,
    power: float = 1.0,
    *,
    cycle: bool = False,
) -> float:
    """The LR goes to `end_learning_rate` over `decay_steps`: (lr - end) * (1 - t / decay_steps) ** power + end.

    It stays there, as t is clamped at decay_steps; with `cycle`, decay_steps is stretched instead to its next
    multiple, decay_steps * ceil(t / decay_steps), and the LR leaps back up at the start of every stretch.

    >>> [polynomial_decay(0.5, step, 10, 0.25) for step in (0, 5, 10, 15)]
    [0.5, 0.375, 0.25, 0.25]
    >>> [polynomial_decay(0.5, step, 10, 0.25, cycle=True) for step in (10, 15, 20)]
    [0.25, 0.3125, 0.25]
    """
    _steps("decay_steps", decay_steps)
    _at_least_zero("power", power)
    if cycle:
        length = decay_steps * max(1, math.ceil(global_step / decay_steps))
        left = 1 - global_step / length
    else:
        left = 1 - min(global_step, decay_steps) / decay_steps
    return (learning_rate - end_learning_rate) * float(left**power) + end_learning_rate


def cosine_decay(learning_rate: float, global_step: int, decay_steps: float, alpha: float = 0.0) -> float:
    """The LR falls along half a cosine to alpha * lr: lr * ((1 - alpha) / 2 * (1 + cos(pi t / decay_steps)) + alpha).

    It stays there, as t is clamped at decay_steps. Loshchilov and Hutter, arXiv 1608.03983, without restarts.

    >>> [round(cosine_decay(0.1, step, 10, alpha=0.1), 6) for step in (0, 5, 10, 15)]
    [0.1, 0.055, 0.01, 0.01]
    """
    return learning_rate * ((1 - alpha) * _cosine(_done(global_step, decay_steps)) + alpha)


def cosine_decay_restarts(
    learning_rate: float,
    global_step: int,
    first_decay_steps: float,
    t_mul: float = 2.0,
    m_mul: float = 1.0,
    alpha: float = 0.0,
) -> float:
    """The LR falls along half a cosine and starts anew: lr * ((1 - alpha) / 2 * m_mul^i * (1 + cos(pi f)) + alpha).

    Period i (from 0) is first_decay_steps * t_mul^i steps long, and f is the fraction of it that is done. SGDR:
    Loshchilov and Hutter, arXiv 1608.03983. TensorFlow takes i from a logarithm, which may fall one short exactly
    at a restart; here the periods are counted.

    >>> [round(cosine_decay_restarts(0.1, step, 10, m_mul=0.5), 6) for step in (0, 5, 10, 20, 30)]
    [0.1, 0.05, 0.05, 0.025, 0.025]
    """
    _steps("first_decay_steps", first_decay_steps)
    if t_mul < 1:
        raise ValueError(f"t_mul must be at least 1, got {t_mul:g}")
    restarts, into, length = 0, float(global_step), float(first_decay_steps)
    if t_mul == 1:
        restarts, into = int(into // length), into % length
    while into >= length:
        into -= length
        length *= t_mul
        restarts += 1
    return learning_rate * ((1 - alpha) * float(m_mul**restarts) * _cosine(into / length) + alpha)


def linear_cosine_decay(
    learning_rate: float,
    global_step: int,
    decay_steps: float,
    num_periods: float = 0.5,
    alpha: float = 0.0,
    beta: float = 0.001,
) -> float:
    """The LR falls along a line times a cosine: lr * ((alpha + 1 - f) * (1 + cos(2 pi num_periods f)) / 2 + beta).

    f = t / decay_steps, t clamped at decay_steps. Bello et al., "Neural Optimizer Search", arXiv 1709.07417.

    >>> [round(linear_cosine_decay(0.1, step, 10), 6) for step in (0, 5, 10)]
    [0.1001, 0.0251, 0.0001]
    """
    done = _done(global_step, decay_steps)
    return learning_rate * ((alpha + 1 - done) * _cosine(2 * num_periods * done) + beta)


def noisy_linear_cosine_decay(
    learning_rate: float,
    global_step: int,
    decay_steps: float,
    initial_variance: float = 1.0,
    variance_decay: float = 0.55,
    num_periods: float = 0.5,
    alpha: float = 0.0,
    beta: float = 0.001,
    *,
    seed: int = 0,
) -> float:
    """Linear cosine decay with fading noise: lr * ((alpha + 1 - f + e) * (1 + cos(2 pi num_periods f)) / 2 + beta).

    e is normal with mean 0 and variance initial_variance / (1 + t) ** variance_decay, and t is clamped at
    decay_steps. The noise follows from (seed, global_step), so that any step may be evaluated alone. The formula
    can go below 0, where an LR means nothing: it is clamped there. Bello et al., arXiv 1709.07417.

    >>> [round(noisy_linear_cosine_decay(0.1, step, 10, seed=1), 6) for step in (0, 5, 10)]
    [0.181652, 0.117062, 0.0001]
    """
    _at_least_zero("initial_variance", initial_variance)
    done = _done(global_step, decay_steps)
    deviation = math.sqrt(initial_variance / (1 + min(global_step, decay_steps)) ** variance_decay)
    noise = random.Random(f"{seed}/{global_step}").gauss(0, deviation)
    return learning_rate * max(0.0, (alpha + 1 - done + noise) * _cosine(2 * num_periods * done) + beta)


DECAYS: Mapping[str, Callable[..., float]] = {
    function.__name__: function
    for function in (
        exponential_decay,
        natural_exp_decay,
        inverse_time_decay,
        polynomial_decay,
        cosine_decay,
        cosine_decay_restarts,
        linear_cosine_decay,
        noisy_linear_cosine_decay,
    )
}
"""The families by name; each takes (learning_rate, global_step, ...) and returns the LR in force at that step."""


def _fraction(step: int, decay_steps: float, staircase: bool) -> float:
    _steps("decay_steps", decay_steps)
    return math.floor(step / decay_steps) if staircase else step / decay_steps


def _done(step: int, decay_steps: float) -> float:
    """The fraction of the decay that is done, at most 1."""
    _steps("decay_steps", decay_steps)
    return min(step, decay_steps) / decay_steps


def _cosine(fraction: float) -> float:
    """From 1 at fraction 0 to 0 at 1, and back up at 2."""
    return (1 + math.cos(math.pi * fraction)) / 2


def _steps(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name} must be above 0, got {value:g}")


def _at_least_zero(name: str, value: float) -> None:
    if not value >= 0:
        raise ValueError(f"{name} must be at least 0, got {value:g}")
