"""Data sets and loaders of torch's that hold tensors: read from memory at once instead of example by example."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Subset, TensorDataset, default_collate


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """A DataLoader's batches and whatever it draws for them (torch 2.13), gathered from the tensors that it reads."""

    loader: Any
    tensors: list[Tensor]

    @property
    def generator(self) -> torch.Generator | None:
        """What the loader draws its order from."""
        generator: torch.Generator | None = self.loader.generator
        return generator

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[list[Tensor]]:
        batches = iter(self.loader.batch_sampler)
        # The seed of workers, drawn also where there are none.
        torch.empty((), dtype=torch.int64).random_(generator=self.generator)
        for rows in batches:
            index = torch.as_tensor(rows, device=self.tensors[0].device)
            yield [tensor.index_select(0, index) for tensor in self.tensors]


def gathered(loader: Any, device: torch.device) -> Any:
    """A plain DataLoader over tensors as Gathered, with these on the device; any other iterable as it is."""
    plain = type(loader) is DataLoader and loader.collate_fn is default_collate and loader.num_workers == 0
    if not plain or loader.batch_sampler is None or (held := held_by(loader.dataset)) is None:
        return loader
    return Gathered(loader=loader, tensors=[tensor.to(device) for tensor in held])
