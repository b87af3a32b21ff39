"""Vmap over lanes without its checks: for the whole step, where `alllanes` is for single operations within it."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch._C._functorch import (
    _add_batch_dim,
    _remove_batch_dim,
    _vmap_decrement_nesting,
    _vmap_increment_nesting,
)
from torch._functorch.predispatch import lazy_load_decompositions

from workers.structures import map_tensors


def lanewise(function: Callable[[Sequence[Tensor]], Any], tensors: Sequence[Tensor], *, randomness: str) -> Any:
    """What `function` gives for one lane's tensors, [...] each, for all lanes: of tensors [K, ...], with lanes first.

    It is torch.func.vmap (torch 2.13) for tensors that all have their lanes first: that takes the structure of its
    arguments apart, looks each of them over and puts them together again, for as long as a small layer computes.

    >>> import torch
    >>> lanewise(lambda own: {"sum": own[0].sum()}, [torch.ones(2, 3)], randomness="error")
    {'sum': tensor([3., 3.])}
    """
    lazy_load_decompositions()
    lanes = len(tensors[0])
    level = _vmap_increment_nesting(lanes, randomness)
    try:
        result = function([_add_batch_dim(each, 0, level) for each in tensors])
        return map_tensors(lambda each: _remove_batch_dim(each, level, lanes, 0), result)
    finally:
        _vmap_decrement_nesting()
