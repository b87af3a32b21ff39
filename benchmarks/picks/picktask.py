"""What a task is that picks are measured on, and what several of them share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

Split = tuple[Tensor, Tensor]
Arrays = tuple[np.ndarray, np.ndarray]
Criterion = Callable[[Tensor, Tensor], Tensor]

Part = Literal["tune", "seen", "noisy", "kept"]
PARTS: Sequence[Part] = get_args(Part)

_TYPES = {"classes": torch.int64, "values": torch.float32, "numbers": torch.float32}


@dataclass(frozen=True, slots=True, kw_only=True)
class PickTask:
    """A small task: its arrays are split 3 to 1, its inputs standardized, and so are targets that are `values`.

    Inputs that are `tokens` stay as they are.
    """

    arrays: Callable[[], Arrays]
    model: Callable[[], nn.Module]
    part: Part
    epochs: int = 20
    batch_size: int = 32
    targets: Literal["classes", "values", "numbers"] = "classes"
    tokens: bool = False
    criterion: Criterion | None = None
    """Cross-entropy for classes and the squared error for the rest, if left out."""

    def data(self) -> tuple[Split, Split]:
        x, y = self.arrays()
        order = np.random.default_rng(0).permutation(len(x))
        x, y = x[order], y[order]
        cut = len(x) * 3 // 4
        if not self.tokens:
            # Clipped, since a pixel that was never lit in training has no scale.
            x = np.clip((x - x[:cut].mean(0)) / (x[:cut].std(0) + 1e-6), -5, 5)
        if self.targets == "values":
            y = (y - y[:cut].mean(0)) / y[:cut].std()
        if self.targets != "classes":
            y = y.reshape(len(y), -1)
        inputs = torch.tensor(x, dtype=torch.int64 if self.tokens else torch.float32)
        targets = torch.tensor(y, dtype=_TYPES[self.targets])
        return (inputs[:cut], targets[:cut]), (inputs[cut:], targets[cut:])

    def loss(self, model: nn.Module, batch: Split) -> Tensor:
        x, y = batch
        criterion = self.criterion or (F.cross_entropy if self.targets == "classes" else F.mse_loss)
        return criterion(model(x), y)


def mlp(*widths: int, activation: type[nn.Module] = nn.ReLU) -> nn.Module:
    """A perceptron over flat inputs."""
    layers = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), activation())]
    return nn.Sequential(*layers[:-1])


def bundled(load: Callable[..., Arrays], most: int | None = None) -> Callable[[], Arrays]:
    """A data set that comes with scikit-learn, the first `most` examples of it in an order of their own."""

    def arrays() -> Arrays:
        x, y = load(return_X_y=True)
        chosen = np.random.default_rng(1).permutation(len(x))[:most]
        return x[chosen], y[chosen]

    return arrays
