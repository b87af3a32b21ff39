"""One trial of the common sweep as a plain torch loop: digits, MLP 64-128-128-10, batch 64."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import SGD, Adam, Optimizer, RMSprop
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, StepLR

from workers.tasks.digits import digits

EPOCHS = 10
BATCH = 64
OPTIMIZERS = {"SGD": SGD, "Adam": Adam, "RMSprop": RMSprop}
SCHEDULERS = ("none", "StepLR", "CosineAnnealingLR")
LOW, HIGH = 1e-5, 1.0


def schedule(name: str, optimizer: Optimizer) -> LRScheduler | None:
    """The scheduler of a name, with arguments that fit the budget."""
    if name == "StepLR":
        return StepLR(optimizer, step_size=EPOCHS // 3)
    return CosineAnnealingLR(optimizer, T_max=EPOCHS) if name == "CosineAnnealingLR" else None


def train(config: dict[str, Any], seed: int) -> Iterator[dict[str, float]]:
    """Trains {optimizer, scheduler, lr} from a seed and yields the metrics of every epoch."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    (x, y), (val_x, val_y) = digits()
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = OPTIMIZERS[config["optimizer"]](model.parameters(), lr=config["lr"])
    scheduler = schedule(config["scheduler"], optimizer)
    for _ in range(EPOCHS):
        lr = optimizer.param_groups[0]["lr"]
        total = 0.0
        for rows in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        if scheduler is not None:
            scheduler.step()
        with torch.no_grad():
            logits = model(val_x)
            val_loss = F.cross_entropy(logits, val_y).item()
            accuracy = (logits.argmax(1) == val_y).float().mean().item()
        yield {"val_loss": val_loss, "val_accuracy": accuracy, "train_loss": total / len(x), "lr": lr}
