"""The tasks kept back for the final measurement: other data, other losses and other models than those tuned on.

Of nine candidates those are `noisy`, and left out, on which three seeds do not tell LRs apart: where the best LR of the
whole grid on three seeds has a 90th percentile regret above 0.03 on three others. That was measured before any probe or
rule ran on them (`--part noisy --repeats 0 --floor`).
"""

from collections.abc import Mapping
from functools import partial

import numpy as np
import torch
from sklearn import datasets
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.picks.picktask import Arrays, PickTask, bundled, mlp


class Residual(nn.Module):
    """Two residual blocks with layer normalization."""

    def __init__(self, inputs: int, width: int, outputs: int):
        super().__init__()
        self.embed, self.head = nn.Linear(inputs, width), nn.Linear(width, outputs)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU()) for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


def _labels() -> Arrays:
    """Six labels, any of which may hold: 2,000 points of 20 features."""
    return datasets.make_multilabel_classification(2000, n_features=20, n_classes=6, n_labels=2, random_state=21)


def _counts() -> Arrays:
    """Counts whose rate bends with two of five features: 2,000."""
    draw = np.random.default_rng(22)
    x = draw.normal(size=(2000, 5))
    return x, draw.poisson(np.exp(0.6 + 0.7 * np.tanh(x[:, 0]) + 0.5 * np.abs(x[:, 1]) - 0.2 * x[:, 2]))


def _arm() -> Arrays:
    """The tip of an arm of three joints, from their angles, with noise: 2,000."""
    draw = np.random.default_rng(23)
    angles = draw.uniform(-1.2, 1.2, size=(2000, 3))
    turned = np.cumsum(angles, 1)
    lengths = np.array([1.0, 0.7, 0.4])
    tip = np.stack([np.cos(turned) @ lengths, np.sin(turned) @ lengths], 1)
    return angles, tip + 0.1 * draw.normal(size=tip.shape)


def _forecast() -> Arrays:
    """The next 4 values after 16 of two waves of random pace and phase, with noise: 2,000 series."""
    draw = np.random.default_rng(24)
    pace, phase = draw.uniform(0.2, 0.9, size=(2, 2000, 1)), draw.uniform(0, 2 * np.pi, size=(2, 2000, 1))
    series = np.sin(pace * np.arange(20) + phase).sum(0) + 0.2 * draw.normal(size=(2000, 20))
    return series[:, :16], series[:, 16:]


def _uneven() -> Arrays:
    """A bent line whose noise grows along it: 2,000 points of 3 features."""
    draw = np.random.default_rng(25)
    x = draw.uniform(-1, 1, size=(2000, 3))
    return x, np.sin(3 * x[:, 0]) + x[:, 1] ** 2 + (0.6 + 0.5 * x[:, 0]) * draw.exponential(size=2000)


def _halves() -> Arrays:
    """The right half of each digit, from the left one."""
    x, _ = datasets.load_digits(return_X_y=True)
    rows = x.reshape(len(x), 8, 8)
    return rows[:, :, :4].reshape(len(x), -1), rows[:, :, 4:].reshape(len(x), -1)


def _shells() -> Arrays:
    """Four shells around one point: 2,000 points of 5 features."""
    return datasets.make_gaussian_quantiles(n_samples=2000, n_features=5, n_classes=4, random_state=26)


def _rare() -> Arrays:
    """One class in ten: 2,400 points of 12 features."""
    return datasets.make_classification(2400, 12, n_informative=6, weights=[0.9, 0.1], flip_y=0.02, random_state=27)


def _pinball(said: Tensor, values: Tensor) -> Tensor:
    """The loss whose best answer is the quantile at 0.8."""
    behind = values - said
    return torch.maximum(0.8 * behind, -0.2 * behind).mean()


_Kept = partial(PickTask, part="kept", batch_size=64, epochs=15)

KEPT: Mapping[str, PickTask] = {
    "linear digits": _Kept(arrays=bundled(datasets.load_digits), model=lambda: nn.Linear(64, 10)),
    "labels": _Kept(
        arrays=_labels,
        model=lambda: mlp(20, 32, 6),
        targets="numbers",
        criterion=F.binary_cross_entropy_with_logits,
    ),
    "counts": _Kept(arrays=_counts, model=lambda: mlp(5, 24, 1), targets="numbers", criterion=F.poisson_nll_loss),
    "arm": _Kept(arrays=_arm, model=lambda: mlp(3, 32, 32, 2, activation=nn.Tanh), targets="values"),
    "forecast": _Kept(part="noisy", arrays=_forecast, model=lambda: mlp(16, 32, 4), targets="values"),
    "quantile": _Kept(arrays=_uneven, model=lambda: mlp(3, 32, 1), targets="values", criterion=_pinball),
    "halves": _Kept(arrays=_halves, model=lambda: mlp(32, 48, 32), targets="values"),
    "shells": _Kept(part="noisy", arrays=_shells, model=lambda: Residual(5, 24, 4)),
    "rare class": _Kept(arrays=_rare, model=lambda: mlp(12, 24, 24, 2)),
}
