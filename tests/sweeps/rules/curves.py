"""Curves of range tests: a table by name, and noisy ones drawn at random."""

from collections.abc import Mapping

import numpy as np
from hypothesis import strategies as st

STEPS = 100
LRS = [float(lr) for lr in np.geomspace(1e-6, 10, STEPS)]
LINEAR_LRS = [float(lr) for lr in np.linspace(1e-3, 1, STEPS)]


def typical(seed: int | None = None, noise: float = 0.02, blows: float = 0.8, fall: float = 2.0) -> list[float]:
    """Flat, then falling, then blowing up after a share of the ramp; with noise where a seed is given."""
    t = np.linspace(0, 1, STEPS)
    curve = 2.5 - fall / (1 + np.exp(-12 * (t - 0.55))) + np.where(t > blows, np.exp(25 * (t - blows)) - 1, 0)
    if seed is not None:
        curve = curve + noise * np.random.default_rng(seed).normal(size=STEPS)
    return [float(loss) for loss in curve]


CURVES: Mapping[str, list[float]] = {
    "clean": typical(),
    "noisy": typical(1),
    "very noisy": typical(2, noise=0.2),
    "blows up early": typical(3, blows=0.3),
    "never blows up": typical(4, blows=2.0),
    "cut short": typical(5)[:60],
    "cut to a few": typical(6)[:18],
    "nearly flat": typical(7, noise=1e-6, blows=2.0, fall=0.0),
    "rising": [2.3 + 0.01 * step for step in range(STEPS)],
    "falling": [2.3 - 0.01 * step for step in range(STEPS)],
    "one": [2.3],
    "two": [2.3, 2.2],
    "empty": [],
}

drawn = st.builds(
    typical,
    seed=st.integers(0, 10_000),
    noise=st.floats(0, 0.3),
    blows=st.floats(0.2, 1.2),
    fall=st.floats(0.1, 2.2),
)
