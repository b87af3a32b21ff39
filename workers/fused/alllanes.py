"""Operations of a vmapped model that are made at once, on the tensors of all lanes as they lie in memory.

Vmap has a rule for every operation of torch's; for some that make up most of a step, one call does better. torch 2.13
offers autograd.Function for that, which costs 0.15 ms a call: as much as the operation itself for a small model.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._C import _DisableTorchDispatch
from torch._C._functorch import (
    _add_batch_dim,
    get_dynamic_layer_stack_depth,
    get_unwrapped,
    is_batchedtensor,
    maybe_current_level,
    maybe_get_bdim,
    maybe_get_level,
)
from torch._functorch.pyfunctorch import temporarily_pop_interpreter_stack

from workers.structures import map_tensors

_AUTOCAST = ("cpu", "cuda")


def for_all_lanes(operation: Callable[..., Any], *tensors: Tensor | None, anywhere: bool = False) -> Any:
    """What an operation on tensors [K, ...] gives for one lane's tensors [...] inside of a vmap, for all lanes at once.

    The result, a tensor or several, has the lanes first as well. None, and nothing done, where more than a vmap is at
    work: the compiler, autocast, another transform within the user's loss; on a GPU, but for what pays `anywhere`; and
    if a tensor is of no lane.
    """
    # First of all: the compiler does not follow what comes after.
    if torch.compiler.is_compiling() or get_dynamic_layer_stack_depth() != 1:
        return None
    level = maybe_current_level()
    assert level is not None
    given = [each for each in tensors if each is not None]
    if any(map(torch.is_autocast_enabled, _AUTOCAST)) or not all(_is_a_lanes(each, level) for each in given):
        return None
    if not (anywhere or all(each.is_cpu for each in given)):
        return None
    lanes = [None if each is None else _with_lanes_first(each) for each in tensors]
    # What is handed in here draws nothing, and need not be watched for it.
    with temporarily_pop_interpreter_stack(), _DisableTorchDispatch():
        result = operation(*lanes)
    return map_tensors(lambda each: _add_batch_dim(each, 0, level), result)


def _is_a_lanes(tensor: Tensor, level: int) -> bool:
    return is_batchedtensor(tensor) and maybe_get_level(tensor) == level


def _with_lanes_first(tensor: Tensor) -> Tensor:
    whole: Tensor = get_unwrapped(tensor)
    lanes_at = maybe_get_bdim(tensor)
    return whole.movedim(lanes_at, 0) if lanes_at else whole
