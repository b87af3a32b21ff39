"""Batches without end for a range test, from whatever a notebook has: a DataLoader, a list, an iterable."""

import copy
import itertools
from collections.abc import Generator, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from sweeps.errors import UserError
from workers.seeding import data_order
from workers.structures import map_tensors, tensors_in

_ALLOWED = "give a DataLoader, a list of batches, or an object that can be iterated over again and again"


def check_batches(batches: Any) -> None:
    """Raises UserError, with what to do, for anything that does not give batches anew each time it is asked."""
    kind = type(batches).__name__
    if isinstance(batches, Iterator):
        raise UserError(
            f"batches is a {kind}, which can be read only once, so the test would use up what training needs; "
            f"{_ALLOWED} (list(itertools.islice(batches, 200)) makes a list of some)"
        )
    if isinstance(batches, Dataset) and not isinstance(batches, IterableDataset):
        raise UserError(f"batches is the dataset {kind}; give a DataLoader over it, which makes batches of it")
    if isinstance(batches, tuple) and any(True for _ in tensors_in(batches)):
        raise UserError("batches is a tuple of tensors, one batch as it seems; give a list of batches, [batch] for one")
    if isinstance(batches, Tensor | dict | str) or not isinstance(batches, Iterable):
        raise UserError(f"batches is a {kind}; {_ALLOWED}")


def endless(batches: Any, seed: int, device: torch.device) -> Generator[Any]:
    """The batches over and over, copied to the device: a loss that changes its batch changes nothing else.

    A list is shuffled anew for each pass, by this seed. A DataLoader or an iterable keeps its own order, which
    follows from the random streams and generators as they are when a pass begins. Raises UserError if it gives none.
    """
    for epoch in itertools.count():
        empty = True
        for batch in _one_pass(batches, seed, epoch):
            empty = False
            yield map_tensors(lambda tensor: _copied(tensor, device), batch)
        if empty:
            raise UserError(f"batches gave nothing in pass {epoch + 1} over it; {_ALLOWED}")


def _one_pass(batches: Any, seed: int, epoch: int) -> Iterable[Any]:
    if isinstance(batches, list | tuple):
        return [batches[index] for index in data_order(len(batches), seed, epoch).tolist()]
    if isinstance(batches, DataLoader):
        # Workers that live on belong to an iterator that the caller may be in the middle of.
        batches = copy.copy(batches)
        batches._iterator = None
    return batches  # type: ignore[no-any-return]


def _copied(tensor: Tensor, device: torch.device) -> Tensor:
    return tensor.detach().to(device, copy=True).requires_grad_(tensor.requires_grad)
