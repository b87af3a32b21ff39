"""The tasks that picks are measured on: to tune the strategy on, kept back once and seen since, and kept back.

What was kept once and has been looked at is never kept again.
"""

from collections.abc import Mapping

import numpy as np
import torch
from sklearn import datasets
from torch import Tensor, nn

from benchmarks.picks.kept import KEPT
from benchmarks.picks.picktask import Arrays, PickTask, bundled, mlp


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


class Autoencoder(nn.Module):
    """A small convolution over 8 x 8 pixels, a bottleneck of 8, and the pixels again."""

    def __init__(self):
        super().__init__()
        self.see = nn.Sequential(nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 6, 3, stride=2, padding=1), nn.ReLU())
        self.code = mlp(96, 8, 48, 64, activation=nn.Tanh)

    def forward(self, x: Tensor) -> Tensor:
        return self.code(self.see(x).flatten(1))


class Tokens(nn.Module):
    """Embedded tokens, a convolution over neighbours and the mean over places."""

    def __init__(self, vocabulary: int, width: int, classes: int):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.mix = nn.Linear(2 * width, 2 * width)
        self.head = nn.Linear(2 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        pairs = torch.cat([x[:, :-1], x[:, 1:]], dim=-1)
        return self.head(torch.relu(self.mix(pairs)).mean(1))


def _teacher() -> Arrays:
    """A small random network's answers to normal inputs, with noise: 400 of 8 features."""
    draw = np.random.default_rng(3)
    x, first, second = draw.normal(size=(400, 8)), draw.normal(size=(8, 6)), draw.normal(size=6)
    return x, np.tanh(x @ first) @ second + 0.2 * draw.normal(size=400)


def _spirals() -> Arrays:
    """Two arms of one and a half turns, with noise: 400 points."""
    draw = np.random.default_rng(4)
    y = np.arange(400) % 2
    turn = 3 * np.pi * np.sqrt(draw.uniform(0.02, 1, 400))
    angle = turn + np.pi * y
    return np.stack([turn * np.cos(angle), turn * np.sin(angle)], 1) + 0.3 * draw.normal(size=(400, 2)), y


def _moons() -> Arrays:
    return datasets.make_moons(400, noise=0.25, random_state=5)


def _clusters() -> Arrays:
    return datasets.make_classification(
        500, n_features=20, n_informative=6, n_classes=4, flip_y=0.1, class_sep=1.5, random_state=6
    )


def _friedman() -> Arrays:
    return datasets.make_friedman1(400, noise=1.0, random_state=7)


def _parity() -> Arrays:
    """Whether an odd number of three signs is negative, beside three features that say nothing: 400 points."""
    draw = np.random.default_rng(8)
    x = draw.normal(size=(400, 6))
    return x, (np.prod(np.sign(x[:, :3]), 1) < 0).astype(np.int64)


def _mislabelled() -> Arrays:
    """700 digits, one label in five drawn anew."""
    x, y = bundled(datasets.load_digits, 700)()
    draw = np.random.default_rng(11)
    return x, np.where(draw.random(len(y)) < 0.2, draw.integers(0, 10, len(y)), y)


def _checkerboard() -> Arrays:
    """Four by four fields: 600 points."""
    x = np.random.default_rng(12).uniform(0, 4, size=(600, 2))
    return x, np.floor(x).sum(1).astype(np.int64) % 2


def _circles() -> Arrays:
    return datasets.make_circles(400, noise=0.12, factor=0.6, random_state=13)


def _housing() -> Arrays:
    """Skewed features with ratios between them, and a skewed price: 600 rows."""
    draw = np.random.default_rng(14)
    rooms, people, income = draw.lognormal(1.5, 0.4, 600), draw.lognormal(1, 0.5, 600), draw.lognormal(1.2, 0.5, 600)
    place = draw.uniform(-1, 1, size=(600, 2))
    coast = np.exp(-4 * (place[:, 0] - 0.3 * np.sin(3 * place[:, 1])) ** 2)
    price = income * (0.4 + coast) + 0.8 * np.log(rooms / people) + draw.lognormal(-1, 0.6, 600)
    return np.column_stack([rooms, people, income, place, draw.lognormal(3, 1, 600)]), np.minimum(price, 12)


def _tokens() -> Arrays:
    """Sentences of 12 tokens; the class is which of three pairs stands in it, in 480 of 600 of them."""
    draw = np.random.default_rng(15)
    x, y = draw.integers(0, 16, size=(600, 12)), draw.integers(0, 3, 600)
    at = draw.integers(0, 11, 600)
    for row in range(480):
        x[row, at[row] : at[row] + 2] = [(2, 7), (7, 2), (5, 11)][y[row]]
    return x, y


def _pixels() -> Arrays:
    x, _ = bundled(datasets.load_digits, 500)()
    return x, x


def _arms() -> Arrays:
    """Three arms of four fifths of a turn, with noise: 450 points."""
    draw = np.random.default_rng(17)
    y = np.arange(450) % 3
    radius = draw.uniform(0.1, 1, 450)
    angle = 1.6 * np.pi * radius + 2 * np.pi * y / 3 + draw.normal(0, 0.2, 450)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1), y


def _waves() -> Arrays:
    """A product of two waves with noise: 500 points of the plane."""
    draw = np.random.default_rng(18)
    x = draw.uniform(-1, 1, size=(500, 2))
    return x, np.sin(5 * x[:, 0]) * np.cos(4 * x[:, 1]) + 0.1 * draw.normal(size=500)


TASKS: Mapping[str, PickTask] = {
    "digits": PickTask(
        arrays=bundled(datasets.load_digits, 800), model=lambda: mlp(64, 32, 10), part="tune", batch_size=64
    ),
    "wine": PickTask(arrays=bundled(datasets.load_wine), model=lambda: mlp(13, 16, 3), part="tune", epochs=30),
    "diabetes": PickTask(
        arrays=bundled(datasets.load_diabetes), model=lambda: mlp(10, 32, 1), part="tune", targets="values"
    ),
    "moons": PickTask(arrays=_moons, model=lambda: mlp(2, 24, 24, 2), part="tune", epochs=25),
    "teacher": PickTask(arrays=_teacher, model=lambda: mlp(8, 24, 24, 1), part="tune", targets="values", epochs=25),
    "clusters": PickTask(arrays=_clusters, model=lambda: mlp(20, 48, 4), part="tune", batch_size=64),
    "digits cnn": PickTask(arrays=bundled(datasets.load_digits, 600), model=cnn, part="tune", epochs=30),
    "digits deep": PickTask(
        arrays=bundled(datasets.load_digits, 800), model=lambda: mlp(64, 24, 24, 24, 10), part="tune"
    ),
    "iris": PickTask(arrays=bundled(datasets.load_iris), model=lambda: mlp(4, 16, 3), part="tune", epochs=30),
    "breast cancer": PickTask(
        arrays=bundled(datasets.load_breast_cancer), model=lambda: mlp(30, 16, 16, 2), part="tune"
    ),
    "friedman": PickTask(arrays=_friedman, model=lambda: mlp(10, 24, 24, 1), part="tune", targets="values", epochs=25),
    "spirals": PickTask(arrays=_spirals, model=lambda: mlp(2, 32, 32, 2, activation=nn.Tanh), part="tune", epochs=30),
    "digits attention": PickTask(
        arrays=bundled(datasets.load_digits, 400), model=Attention, part="tune", epochs=30, batch_size=64
    ),
    "parity": PickTask(arrays=_parity, model=lambda: mlp(6, 32, 2, activation=nn.Tanh), part="tune", epochs=30),
    "mislabelled digits": PickTask(
        arrays=_mislabelled, model=lambda: mlp(64, 40, 10), part="seen", epochs=25, batch_size=64
    ),
    "checkerboard": PickTask(arrays=_checkerboard, model=lambda: mlp(2, 48, 48, 2), part="seen", epochs=40),
    "circles": PickTask(
        arrays=_circles, model=lambda: mlp(2, 16, 16, 16, 2, activation=nn.Tanh), part="seen", epochs=25
    ),
    "housing": PickTask(arrays=_housing, model=lambda: mlp(6, 32, 32, 1), part="seen", targets="values"),
    "tokens": PickTask(
        arrays=_tokens, model=lambda: Tokens(16, 8, 3), part="seen", epochs=25, batch_size=50, tokens=True
    ),
    "autoencoder": PickTask(arrays=_pixels, model=Autoencoder, part="seen", epochs=25, batch_size=50, targets="values"),
    "three arms": PickTask(arrays=_arms, model=lambda: mlp(2, 32, 32, 3), part="seen", epochs=40),
    "waves": PickTask(
        arrays=_waves, model=lambda: mlp(2, 32, 32, 1, activation=nn.Tanh), part="seen", epochs=30, targets="values"
    ),
    **KEPT,
}
