"""Gradients of several batches for one optimizer step, as a task's `accumulation` asks for."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from sweeps.errors import TaskError
from workers.data import Batches
from workers.structures import example_count
from workers.task import Batch, Task


@dataclass(frozen=True, slots=True)
class Parts:
    """The batches of one optimizer step."""

    batches: tuple[Batch, ...]

    @property
    def count(self) -> int:
        """Examples in all of them."""
        return sum(map(example_count, self.batches))


def parts_of(batch: Batch | Parts) -> tuple[Batch, ...]:
    """The batches whose gradients a step takes: itself, if it is no more than one."""
    return batch.batches if isinstance(batch, Parts) else (batch,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accumulated:
    """Batches by `many`, each lot for one optimizer step; the last one of an epoch has what is left."""

    single: Batches
    many: int

    @property
    def per_epoch(self) -> int:
        return -(-self.single.per_epoch // self.many)

    def shuffled(self, seed: int, epoch: int) -> Iterator[Parts]:
        batches = self.single.shuffled(seed, epoch)
        while lot := tuple(islice(batches, self.many)):
            yield Parts(lot)

    def in_order(self) -> Iterator[Batch]:
        return self.single.in_order()


def accumulated(batches: Batches, task: Task) -> Batches:
    """Training batches as the optimizer takes them. Raises TaskError for an `accumulation` that is no whole number."""
    many = accumulation_of(task)
    return batches if many == 1 else Accumulated(single=batches, many=many)


def accumulation_of(task: Task) -> int:
    """Batches for each optimizer step. Raises TaskError if the task's `accumulation` is no whole number from 1."""
    many = getattr(task, "accumulation", 1)
    if isinstance(many, bool) or not isinstance(many, int) or many < 1:
        raise TaskError(f"the task's accumulation is {many!r}; give a whole number from 1")
    return many
