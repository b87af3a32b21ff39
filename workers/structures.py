"""Batches of any structure: tensors nested in tuples, lists, named tuples and dicts."""

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor


def map_tensors(function: Callable[[Tensor], Tensor], structure: Any) -> Any:
    """The same structure with every tensor replaced; what is no tensor stays as it is.

    >>> import torch
    >>> map_tensors(lambda x: x + 1, {"x": torch.tensor(1), "ids": ["a", torch.tensor(2)]})
    {'x': tensor(2), 'ids': ['a', tensor(3)]}
    """
    match structure:
        case Tensor():
            return function(structure)
        case dict():
            return {key: map_tensors(function, value) for key, value in structure.items()}
        case tuple() if hasattr(structure, "_fields"):
            return type(structure)(*(map_tensors(function, value) for value in structure))
        case tuple() | list():
            return type(structure)(map_tensors(function, value) for value in structure)
        case _:
            return structure


def tensors_in(structure: Any) -> Iterator[Tensor]:
    """All tensors of a structure, depth first."""
    match structure:
        case Tensor():
            yield structure
        case dict():
            for value in structure.values():
                yield from tensors_in(value)
        case tuple() | list():
            for value in structure:
                yield from tensors_in(value)


def example_count(batch: Any) -> int:
    """Examples in a batch: the first axis of its last tensor that has one, the labels as a rule; 1 where none has.

    >>> import torch
    >>> tokens, starts, labels = torch.arange(12), torch.tensor([0, 5, 9]), torch.tensor([1, 0, 1])
    >>> example_count((tokens, starts, labels))
    3
    """
    return next((tensor.shape[0] for tensor in reversed(list(tensors_in(batch))) if tensor.dim()), 1)
