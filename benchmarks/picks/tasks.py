"""The tasks that picks are measured on, in two halves: one to tune the strategy, one kept for the measurement only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from sklearn import datasets
from torch import Tensor, nn
from torch.nn import functional as F

Split = tuple[Tensor, Tensor]
_Arrays = tuple[np.ndarray, np.ndarray]


def mlp(*widths: int, activation: type[nn.Module] = nn.ReLU) -> nn.Module:
    """A perceptron over flat inputs."""
    layers = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), activation())]
    return nn.Sequential(*layers[:-1])


def cnn() -> nn.Module:
    """Two small convolutions over 8 x 8 pixels."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 6, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(6, 12, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(48, 10),
    )


class Attention(nn.Module):
    """One pre-norm transformer block of one head over the 8 rows of an image, then their mean."""

    def __init__(self, width: int = 16):
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.place = nn.Parameter(torch.randn(8, width) * 0.02)
        self.first, self.second, self.last = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide = mlp(width, 2 * width, width, activation=nn.GELU)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x.unflatten(1, (8, 8))) + self.place
        query, key, value = self.mix(self.first(x)).chunk(3, dim=-1)
        weights = torch.softmax(query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5, dim=-1)
        x = x + self.out(weights @ value)
        x = x + self.wide(self.second(x))
        return self.head(self.last(x).mean(1))


@dataclass(frozen=True, slots=True, kw_only=True)
class PickTask:
    """A small task: its arrays are split 3 to 1, its inputs (and a regression's targets) standardized."""

    arrays: Callable[[], _Arrays]
    model: Callable[[], nn.Module]
    half: Literal["tune", "kept"]
    epochs: int = 20
    batch_size: int = 32
    regression: bool = False

    def data(self) -> tuple[Split, Split]:
        x, y = self.arrays()
        order = np.random.default_rng(0).permutation(len(x))
        x, y = x[order].astype(np.float64), y[order]
        cut = len(x) * 3 // 4
        # Clipped, since a pixel that was never lit in training has no scale.
        x = np.clip((x - x[:cut].mean(0)) / (x[:cut].std(0) + 1e-6), -5, 5)
        if self.regression:
            y = ((y - y[:cut].mean()) / y[:cut].std())[:, None]
        inputs = torch.tensor(x, dtype=torch.float32)
        targets = torch.tensor(y, dtype=torch.float32 if self.regression else torch.int64)
        return (inputs[:cut], targets[:cut]), (inputs[cut:], targets[cut:])

    def loss(self, model: nn.Module, batch: Split) -> Tensor:
        x, y = batch
        return F.mse_loss(model(x), y) if self.regression else F.cross_entropy(model(x), y)


def _bundled(load: Callable[..., _Arrays], most: int | None = None) -> Callable[[], _Arrays]:
    """A data set that comes with scikit-learn, the first `most` examples of it in an order of their own."""

    def arrays() -> _Arrays:
        x, y = load(return_X_y=True)
        chosen = np.random.default_rng(1).permutation(len(x))[:most]
        return x[chosen], y[chosen]

    return arrays


def _teacher() -> _Arrays:
    """A small random network's answers to normal inputs, with noise: 400 of 8 features."""
    draw = np.random.default_rng(3)
    x, first, second = draw.normal(size=(400, 8)), draw.normal(size=(8, 6)), draw.normal(size=6)
    return x, np.tanh(x @ first) @ second + 0.2 * draw.normal(size=400)


def _spirals() -> _Arrays:
    """Two arms of one and a half turns, with noise: 400 points."""
    draw = np.random.default_rng(4)
    y = np.arange(400) % 2
    turn = 3 * np.pi * np.sqrt(draw.uniform(0.02, 1, 400))
    angle = turn + np.pi * y
    return np.stack([turn * np.cos(angle), turn * np.sin(angle)], 1) + 0.3 * draw.normal(size=(400, 2)), y


def _moons() -> _Arrays:
    return datasets.make_moons(400, noise=0.25, random_state=5)


def _clusters() -> _Arrays:
    return datasets.make_classification(
        500, n_features=20, n_informative=6, n_classes=4, flip_y=0.1, class_sep=1.5, random_state=6
    )


def _friedman() -> _Arrays:
    return datasets.make_friedman1(400, noise=1.0, random_state=7)


TASKS: Mapping[str, PickTask] = {
    "digits": PickTask(
        arrays=_bundled(datasets.load_digits, 800), model=lambda: mlp(64, 32, 10), half="tune", batch_size=64
    ),
    "wine": PickTask(arrays=_bundled(datasets.load_wine), model=lambda: mlp(13, 16, 3), half="tune", epochs=30),
    "diabetes": PickTask(
        arrays=_bundled(datasets.load_diabetes), model=lambda: mlp(10, 32, 1), half="tune", regression=True
    ),
    "moons": PickTask(arrays=_moons, model=lambda: mlp(2, 24, 24, 2), half="tune", epochs=25),
    "teacher": PickTask(arrays=_teacher, model=lambda: mlp(8, 24, 24, 1), half="tune", regression=True, epochs=25),
    "clusters": PickTask(arrays=_clusters, model=lambda: mlp(20, 48, 4), half="tune", batch_size=64),
    "digits cnn": PickTask(arrays=_bundled(datasets.load_digits, 600), model=cnn, half="tune", epochs=30),
    "digits deep": PickTask(
        arrays=_bundled(datasets.load_digits, 800), model=lambda: mlp(64, 24, 24, 24, 10), half="kept"
    ),
    "iris": PickTask(arrays=_bundled(datasets.load_iris), model=lambda: mlp(4, 16, 3), half="kept", epochs=30),
    "breast cancer": PickTask(
        arrays=_bundled(datasets.load_breast_cancer), model=lambda: mlp(30, 16, 16, 2), half="kept"
    ),
    "friedman": PickTask(arrays=_friedman, model=lambda: mlp(10, 24, 24, 1), half="kept", regression=True, epochs=25),
    "spirals": PickTask(arrays=_spirals, model=lambda: mlp(2, 32, 32, 2, activation=nn.Tanh), half="kept", epochs=30),
    "digits attention": PickTask(
        arrays=_bundled(datasets.load_digits, 400), model=Attention, half="kept", epochs=30, batch_size=64
    ),
}
