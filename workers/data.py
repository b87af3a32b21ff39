"""Turns a task's training and validation data into batches, epoch by epoch."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

from sweeps.errors import TaskError
from workers.inmemory import InMemory, Loaded, held_by, is_plain
from workers.memory import free_bytes
from workers.seeding import data_order, seed_order
from workers.structures import map_tensors, tensors_in
from workers.task import Batch, Split, Task

DEFAULT_BATCH_SIZE = 64
_SHARE = 0.5
"""Of a GPU's free memory, what data that stay there may take."""
_READ_ONCE = "a generator can be read only once: give an iterable that starts anew, a DataLoader say"


class Batches(Protocol):
    """Batches of one split, on the device that trains."""

    @property
    def per_epoch(self) -> int:
        """Batches in one epoch."""

    def shuffled(self, seed: int, epoch: int) -> Iterator[Batch]:
        """The batches of one training epoch (from 0), in the order that this seed gives it."""

    def in_order(self) -> Iterator[Batch]:
        """Every batch once, unshuffled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A map-style torch Dataset, collated the way a DataLoader does."""

    dataset: Any
    batch_size: int
    device: torch.device

    @property
    def count(self) -> int:
        """Examples in all."""
        return len(self.dataset)

    @property
    def per_epoch(self) -> int:
        return -(-self.count // self.batch_size)

    def shuffled(self, seed: int, epoch: int) -> Iterator[Batch]:
        return self._load(data_order(self.count, seed, epoch).tolist())

    def in_order(self) -> Iterator[Batch]:
        return self._load(range(self.count))

    def _load(self, order: Any) -> Iterator[Batch]:
        for batch in DataLoader(self.dataset, batch_size=self.batch_size, sampler=order):
            yield map_tensors(lambda tensor: tensor.to(self.device), batch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Ready batches from an iterable that knows its own order; read anew every epoch."""

    source: Any
    per_epoch: int
    device: torch.device

    def shuffled(self, seed: int, epoch: int) -> Iterator[Batch]:
        seed_order(getattr(self.source, "generator", None), seed, epoch)
        count = 0
        for count, batch in enumerate(self.in_order(), start=1):
            yield batch
            if count == self.per_epoch:
                return
        raise TaskError(
            f"the training data gave {count} batches in epoch {epoch + 1}, but an epoch has {self.per_epoch}; "
            f"{_READ_ONCE}"
        )

    def in_order(self) -> Iterator[Batch]:
        empty = True
        for batch in self.source:
            empty = False
            yield map_tensors(lambda tensor: tensor.to(self.device), batch)
        if empty:
            raise TaskError(f"the data gave no batches; {_READ_ONCE}")


def batches_of(split: Split, task: Task, device: torch.device) -> Batches:
    """Batches of a split by its kind: tensors in memory, a map-style Dataset, or an iterable of batches.

    A TensorDataset, or a Subset of one, is taken as the tensors that it holds, and so is that of a plain DataLoader.

    Raises TaskError if it is none of them, is empty, or its tensors differ in their first axis.
    """
    batch_size = getattr(task, "batch_size", DEFAULT_BATCH_SIZE)
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise TaskError(f"the task's batch_size is {batch_size!r}; give a whole number from 1")
    if isinstance(split, Dataset) and not isinstance(split, IterableDataset):
        if len(split) == 0:  # type: ignore[arg-type]
            raise TaskError("the task's data() gave a Dataset without examples")
        if (held := held_by(split)) is not None:
            return _in_memory(held, held, batch_size, device)
        return Mapped(dataset=split, batch_size=batch_size, device=device)
    if isinstance(split, torch.Tensor | tuple | dict) and (tensors := list(tensors_in(split))):
        return _in_memory(split, tensors, batch_size, device)
    if hasattr(split, "__iter__") and not isinstance(split, tuple | dict):
        per_epoch = _stream_length(split, task)
        if is_plain(split) and per_epoch == len(split) and (held := held_by(split.dataset)) is not None:
            return Loaded(loader=split, memory=_in_memory(held, held, split.batch_size, device))
        return Stream(source=split, per_epoch=per_epoch, device=device)
    inside = f" of {type(split[0]).__name__}" if split and isinstance(split, tuple) else ""
    raise TaskError(
        f"the task's data() gave a {type(split).__name__}{inside} as a split; give tensors in a tuple or dict, a "
        "Dataset, or an iterable of batches; torch.as_tensor() makes tensors of NumPy's arrays"
    )


def _in_memory(split: Split, tensors: list[torch.Tensor], batch_size: int, device: torch.device) -> InMemory:
    counts = {tensor.shape[0] if tensor.dim() else 0 for tensor in tensors}
    if len(counts) > 1 or 0 in counts:
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors)
        raise TaskError(f"tensors of one split need the same first axis, at least 1 long; got shapes {shapes}")
    home = _home(tensors, device)
    held = map_tensors(lambda tensor: tensor.to(home), split)
    return InMemory(tensors=held, count=counts.pop(), batch_size=batch_size, device=device)


def _home(tensors: list[torch.Tensor], device: torch.device) -> torch.device:
    """Where data in memory stay: on a GPU if they leave it enough for lanes, else where each batch comes from anew."""
    if device.type != "cuda":
        return device
    fit = sum(tensor.nbytes for tensor in tensors) <= _SHARE * free_bytes(device)
    return device if fit else torch.device("cpu")


def _stream_length(split: Any, task: Task) -> int:
    length = getattr(task, "steps_per_epoch", None)
    if length is None and hasattr(split, "__len__"):
        # A DataLoader has a length in name only where its Dataset has none.
        with suppress(TypeError):
            length = len(split)
    if not isinstance(length, int) or length < 1:
        raise TaskError(
            f"an iterable of batches needs a length of at least 1, got {length!r}; "
            "give it __len__ or set steps_per_epoch on the task"
        )
    return length
