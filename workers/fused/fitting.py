"""How many lanes fit into memory: what two and four of them keep, extrapolated to a safe share of what is free."""

from collections.abc import Callable

from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from workers.memory import free_bytes
from workers.prepared import PreparedTask

_SHARE = 0.4
"""Of the memory that is free, what lanes may take: the estimate knows nothing of fragments and of other programs."""
_COPIES = 7
"""Tensors as large as its parameters that a lane may need: model, stack, gradient and its parts, optimizer state."""
_LIMIT = 256
"""More lanes than this gain nothing anywhere."""


def fitting(prepared: PreparedTask, stacked: Callable[[int], Callable[[], object]], workers: int) -> int:
    """How many lanes fit, at least 1, where so many workers share the memory; `stacked` makes a step of so many."""
    two, four = (_kept(prepared, lanes, stacked(lanes)) for lanes in (2, 4))
    each = max(1, (four - two) // 2)
    return max(1, min(_LIMIT, int(free_bytes(prepared.device) * _SHARE / workers / each)))


def _kept(prepared: PreparedTask, lanes: int, step: Callable[[], object]) -> int:
    """Bytes of parameters, of optimizer state, and of what a step's forward pass keeps for its backward pass."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        step()
    parameters = sum(each.nbytes for each in prepared.own().model().parameters())
    return sum(kept.values()) + _COPIES * lanes * parameters
