"""Handwritten digits, 1,797 images of 8x8 pixels that come with scikit-learn: nothing to download."""

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from workers.tasks.classification import metrics_of, stratified_split

CLASSES = 10
PIXELS = 64
Labelled = tuple[Tensor, Tensor]


@cache
def digits() -> tuple[Labelled, Labelled]:
    """Training and validation digits (80 % and 20 %, always the same): pixels [N, 64] in 0..1, labels [N]."""
    table = torch.from_numpy(np.loadtxt(_file(), delimiter=","))
    x, y = table[:, :PIXELS].float() / 16, table[:, PIXELS].long()
    train, val = stratified_split(y, val_fraction=0.2, seed=0)
    return (x[train], y[train]), (x[val], y[val])


def _file() -> Path:
    """The table that scikit-learn brings along; importing scikit-learn itself would take seconds."""
    found = find_spec("sklearn")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "datasets" / "data" / "digits.csv.gz"


class DigitsMLP:
    """Digits with a multi-layer perceptron of ReLU layers, 64-128-128-10 unless `hidden` says otherwise."""

    def __init__(self, hidden: Sequence[int] = (128, 128), batch_size: int = 64):
        self.widths = (PIXELS, *hidden, CLASSES)
        self.batch_size = batch_size

    def model(self) -> nn.Module:
        """A fresh perceptron, [B, 64] to [B, 10]."""
        layers = [layer for sizes in pairwise(self.widths) for layer in (nn.Linear(*sizes), nn.ReLU())]
        return nn.Sequential(*layers[:-1])

    def data(self) -> tuple[Labelled, Labelled]:
        """Pixels [N, 64] and labels [N]."""
        return digits()

    def loss(self, model: nn.Module, batch: Labelled) -> Tensor:
        """The mean cross-entropy."""
        x, y = batch
        return F.cross_entropy(model(x), y)

    def metrics(self, model: nn.Module, batch: Labelled) -> dict[str, Tensor]:
        """The loss and the accuracy."""
        x, y = batch
        return metrics_of(model(x), y)


class DigitsCNN(DigitsMLP):
    """Digits with two convolutions and a linear layer, about 6,000 parameters."""

    def __init__(self, batch_size: int = 64):
        super().__init__(batch_size=batch_size)

    def model(self) -> nn.Module:
        """A fresh network, [B, 64] to [B, 10]."""
        return nn.Sequential(
            nn.Unflatten(1, (1, 8, 8)),
            nn.Conv2d(1, 16, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(32 * 2 * 2, CLASSES),
        )
