"""One recurrent layer of all lanes in one direction, step by step."""

from collections.abc import Callable

import torch
from torch import Tensor

Cell = Callable[[Tensor, Tensor, Tensor], Tensor]
"""The next output [..., B, H]: of the gates [..., B, G] as the input and as the last output have them, and of that."""


def gru(given: Tensor, kept: Tensor, last: Tensor) -> Tensor:
    """Cho's cell as torch has it: the reset gate works on what comes of the last output, not on that output."""
    (reset, keep, new), (own_reset, own_keep, own_new) = given.chunk(3, -1), kept.chunk(3, -1)
    new = (new + (reset + own_reset).sigmoid() * own_new).tanh()
    return new + (keep + own_keep).sigmoid() * (last - new)


def tanh(given: Tensor, kept: Tensor, last: Tensor) -> Tensor:
    """Elman's cell."""
    return (given + kept).tanh()


def relu(given: Tensor, kept: Tensor, last: Tensor) -> Tensor:
    """Elman's cell with a rectifier."""
    return (given + kept).relu()


def recur(cell: Cell, given: Tensor, weight: Tensor, bias: Tensor | None, first: Tensor) -> Tensor:
    """All outputs [K, T, B, H].

    Of the input's gates [K, T, B, G], weights [K, G, H] and biases [K, G] for the last output, and the first [K, B, H].
    """
    outputs = [first]
    for gates in given.unbind(1):
        outputs.append(cell(gates, _product(outputs[-1], weight.mT, bias), outputs[-1]))
    return torch.stack(outputs[1:], 1)


def _product(values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.bmm(values, weight) if bias is None else torch.baddbmm(bias.unsqueeze(1), values, weight)
