"""Data that lie in memory whole, on the device that trains where they fit: each lane reads them by index."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
)

from workers.seeding import data_order, seed_order
from workers.structures import map_tensors, tensors_in
from workers.task import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class InMemory:
    """Tensors whose batches are gathered by index where they lie, and used on `device`."""

    tensors: Any
    count: int
    batch_size: int
    device: torch.device

    @property
    def per_epoch(self) -> int:
        return -(-self.count // self.batch_size)

    @property
    def home(self) -> torch.device:
        """Where they lie, and where indices have to."""
        return next(tensors_in(self.tensors)).device

    def order(self, seed: int, epoch: int) -> Tensor:
        """The examples of one training epoch (from 0) in their order, [count]."""
        return data_order(self.count, seed, epoch)

    def shuffled(self, seed: int, epoch: int) -> Iterator[Batch]:
        return self.in_batches(self.order(seed, epoch))

    def in_batches(self, order: Tensor) -> Iterator[Batch]:
        """The examples of these rows, [N], batch by batch."""
        return map(self.at, torch.split(order.to(self.home), self.batch_size))

    def in_order(self) -> Iterator[Batch]:
        for start in range(0, self.count, self.batch_size):
            yield self._slice(start)

    def _slice(self, start: int) -> Batch:
        # A copy: a loss that writes into its batch shall not change the data.
        return map_tensors(
            lambda tensor: tensor[start : start + self.batch_size].to(self.device, copy=True), self.tensors
        )

    def at(self, rows: Tensor) -> Batch:
        """The examples of these rows, which lie at `home`, on the device: each tensor [*rows.shape, ...]."""
        chosen = rows.flatten()
        return map_tensors(
            # Twice as quick as tensor[rows], or more.
            lambda tensor: tensor.index_select(0, chosen).view(*rows.shape, *tensor.shape[1:]).to(self.device),
            self.tensors,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a plain DataLoader reads from tensors: its own batches, and whatever it draws for them (torch 2.13)."""

    loader: Any
    memory: InMemory

    @property
    def per_epoch(self) -> int:
        return len(self.loader)

    @property
    def batch_size(self) -> int:
        """Examples in a batch, but for the last one."""
        return self.memory.batch_size

    @property
    def home(self) -> torch.device:
        """Where the examples lie, and where indices have to."""
        return self.memory.home

    def order(self, seed: int, epoch: int) -> Tensor:
        """The examples of one training epoch (from 0) in their order, drawn from where the loader draws it."""
        seed_order(self.loader.generator, seed, epoch)
        # A sampler may draw once more at its end, which the last batch does not wait for.
        return _joined(islice(self._rows(), self.per_epoch))

    def _rows(self) -> Iterator[list[int]]:
        batches = iter(self.loader.batch_sampler)
        # The seed of workers, drawn also where there are none.
        torch.empty((), dtype=torch.int64).random_(generator=self.loader.generator)
        yield from batches

    def shuffled(self, seed: int, epoch: int) -> Iterator[Batch]:
        yield from self.memory.in_batches(self.order(seed, epoch))

    def in_order(self) -> Iterator[Batch]:
        yield from self.memory.in_batches(_joined(self._rows()))

    def at(self, rows: Tensor) -> Batch:
        """As of data in memory."""
        return self.memory.at(rows)


def _joined(batches: Iterable[list[int]]) -> Tensor:
    return torch.tensor([row for rows in batches for row in rows])


Indexed = InMemory | Loaded
"""What lanes can read at several places at once."""

_SAMPLERS = (SequentialSampler, RandomSampler, SubsetRandomSampler, WeightedRandomSampler)
"""Those that draw a whole epoch's order when its first index is asked for."""


def is_plain(loader: Any) -> bool:
    """True for a DataLoader without workers that orders, batches and collates as torch does.

    >>> data = TensorDataset(torch.arange(4))
    >>> is_plain(DataLoader(data, shuffle=True)), is_plain(DataLoader(data, num_workers=1)), is_plain(data)
    (True, False, False)
    """
    if type(loader) is not DataLoader or loader.num_workers or loader.collate_fn is not default_collate:
        return False
    if type(loader.batch_sampler) is not BatchSampler or type(loader.sampler) not in _SAMPLERS:
        return False
    return getattr(loader.sampler, "generator", None) in (None, loader.generator)


def held_by(dataset: Any) -> list[Tensor] | None:
    """The tensors of a TensorDataset, or of a Subset of one, as a DataLoader would batch them; None for all else.

    >>> held_by(Subset(TensorDataset(torch.arange(5), torch.arange(5) * 10), [3, 0]))
    [tensor([3, 0]), tensor([30,  0])]
    """
    if type(dataset) is TensorDataset:
        return list(dataset.tensors)
    if type(dataset) is Subset and (whole := held_by(dataset.dataset)) is not None:
        return [tensor[torch.as_tensor(dataset.indices, dtype=torch.long)] for tensor in whole]
    return None
