"""The batches that lanes see side by side, [K, B, ...]: for each lane those that it would see alone."""

from collections.abc import Iterator, Sequence

import torch

from workers.data import Batches
from workers.fused.draws import LaneDraws, Place
from workers.inmemory import Indexed
from workers.structures import example_count, map_tensors
from workers.task import Batch


def spread(batch: Batch, lanes: int) -> Batch:
    """One batch [B, ...] for each of K lanes, [K, B, ...], without a copy."""
    return map_tensors(lambda tensor: tensor.expand(lanes, *tensor.shape), batch)


class LaneBatches:
    """One epoch's batches for rows at these places, and how many examples a lane has of each.

    Only data in memory can be read at several places at once; what a place's order is drawn from is its own stream.
    """

    def __init__(self, data: Batches, places: Sequence[Place], draws: LaneDraws):
        self._data, self._rows = data, len(places)
        self._orders: torch.Tensor | None = None
        if len(set(places)) > 1:
            assert isinstance(data, Indexed)
            orders = draws.of_each_place(data.order)
            self._orders = torch.stack([orders[place] for place in places]).to(data.home)
        self._shared = data.shuffled(*places[0])
        self._start = 0

    def __iter__(self) -> Iterator[tuple[Batch, int]]:
        return self

    def __next__(self) -> tuple[Batch, int]:
        if self._orders is None:
            batch = next(self._shared)
            return spread(batch, self._rows), example_count(batch)
        assert isinstance(self._data, Indexed)
        rows = self._orders[:, self._start : self._start + self._data.batch_size]
        if rows.shape[1] == 0:
            raise StopIteration
        self._start += self._data.batch_size
        return self._data.at(rows), rows.shape[1]

    def keep(self, rows: Sequence[int]) -> None:
        """Goes on for these rows only."""
        self._rows = len(rows)
        if self._orders is not None:
            self._orders = self._orders[list(rows)]
