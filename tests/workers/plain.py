"""What a person writes in a plain torch script, optimizer by optimizer: the oracle of every test of training."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


def stock_optimizers(name: str, model: nn.Module, lr: float, params: Any) -> list[Optimizer]:
    """Torch's own class over the model; Muon has AdamW beside it for what is not 2-D."""
    if name != "Muon":
        return [getattr(torch.optim, name)(model.parameters(), lr=lr, **params)]
    return [
        torch.optim.Muon([p for p in model.parameters() if p.ndim == 2], lr=lr, **params),
        torch.optim.AdamW([p for p in model.parameters() if p.ndim != 2], lr=lr),
    ]


def stock_step(optimizers: list[Optimizer], loss: Callable[[], Tensor]) -> float:
    """One step of training; the loss before it."""

    def closure() -> Tensor:
        for optimizer in optimizers:
            optimizer.zero_grad()
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    if isinstance(optimizers[0], torch.optim.LBFGS):
        return optimizers[0].step(closure).item()  # type: ignore[no-any-return, no-untyped-call]
    value = closure()
    for optimizer in optimizers:
        optimizer.step()
    return value.item()


def stock_batch_size(optimizer: str, task: Any, examples: int) -> int:
    """Rprop takes all examples at once."""
    return examples if optimizer == "Rprop" else int(task.batch_size)
