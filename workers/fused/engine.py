"""The fused engine: forward and backward once for all lanes, then each slice's step."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import cycle, islice

import torch
from torch import Tensor

from workers.data import Batches
from workers.fused.batches import LaneBatches, spread
from workers.fused.draws import LaneDraws
from workers.fused.slices import Slice, SliceKey, StackedSlice, slice_of
from workers.fused.stacking import Stacking
from workers.fused.streams import RandomStreams
from workers.inmemory import Indexed
from workers.lane import LOOK_EVERY, EpochCurve, Lane
from workers.means import Means
from workers.structures import example_count
from workers.task import Batch


class FusedEngine:
    """Trains lanes epoch by epoch, side by side. Lanes join and leave between epochs, and stay what they are.

    While a lane is here its parameters and buffers are views of the stacked ones. Lanes whose budget ends amid an
    epoch, or whose loss turns non-finite, leave by themselves. Raises CannotFuse for a model that cannot be stacked.
    """

    def __init__(self, stacking: Stacking, data: Batches):
        self._prepared, self._data = stacking.prepared, data
        self._model = stacking.model(data)
        self._draws: LaneDraws | None = None
        self._slices: list[Slice] = []
        self._stacked: dict[SliceKey, StackedSlice] = {}
        self._early: dict[Lane, dict[str, float]] = {}
        """What validation said of lanes that were done amid the epoch."""

    @property
    def lanes(self) -> list[Lane]:
        """The lanes that are here, by their rows."""
        return [lane for each in self._slices for lane in each.lanes]

    def join(self, lanes: Sequence[Lane]) -> None:
        """Takes lanes in."""
        arrived: dict[SliceKey, list[StackedSlice]] = {}
        for lane in lanes:
            key, own = slice_of(lane, self._model.layout)
            if isinstance(own, StackedSlice):
                arrived.setdefault(key, []).append(own)
            else:
                self._slices.append(own)
        for key, (first, *others) in arrived.items():
            if key in self._stacked:
                self._stacked[key].append(first, *others)
                continue
            first.append(*others)
            self._stacked[key] = first
            self._slices.append(first)
        self._model.adopt([lane.model for lane in self.lanes])

    def leave(self, lanes: Sequence[Lane]) -> None:
        """Lets lanes go: parameters, buffers and optimizer are a lane's own again, as the last step left them."""
        for each in self._slices:
            for row, lane in enumerate(each.lanes):
                if lane in lanes:
                    each.settle(row)
                    self._model.release(lane.model)
        staying = [(each, [row for row, lane in enumerate(each.lanes) if lane not in lanes]) for each in self._slices]
        for each, rows in staying:
            if 0 < len(rows) < len(each.lanes):
                each.select(rows)
        self._slices = [each for each, rows in staying if rows]
        self._stacked = {key: each for key, each in self._stacked.items() if each in self._slices}
        self._model.adopt([lane.model for lane in self.lanes])

    def settle(self, lane: Lane) -> None:
        """Brings a lane's own optimizer up to date, so that its state_dict() can be kept."""
        each = next(each for each in self._slices if lane in each.lanes)
        each.settle(each.lanes.index(lane))

    def train_epoch(self) -> list[tuple[Lane, EpochCurve | Exception]]:
        """Trains every lane one epoch, or what its budget leaves of it; or what its own optimizer raised."""
        self._early = {}
        for lane in self.lanes:
            lane.begin_epoch()
        places = [(lane.job.seed, lane.epoch) for lane in self._rows(self.lanes)]
        # Also where the model draws nothing: reading the data may.
        draws = LaneDraws(RandomStreams(self._prepared.device), places)
        self._draws = draws if self._model.draws else None
        batches = LaneBatches(self._data, places, draws)
        left = self._data.per_epoch
        curves: list[tuple[Lane, EpochCurve | Exception]] = []
        while left and (lanes := self.lanes):
            steps = min(LOOK_EVERY, left, *(lane.until_look for lane in lanes))
            losses, examples = self._train_chunk(batches, steps)
            left -= steps
            for lane, own in zip(lanes, losses, strict=True):
                lane.take(own, examples)
            if looking := [lane for lane in lanes if lane.wants_look]:
                with draws.undisturbed():
                    self._look(looking)
            if left and (done := [lane for lane in lanes if lane.done and lane.finite and lane.job.ramp is None]):
                # Here, where their random streams are at hand.
                with draws.undisturbed():
                    self._evaluate_early(done)
            errors = {each.lanes[0]: each.error for each in self._slices if each.error is not None}
            gone = [lane for lane in lanes if lane in errors or not lane.finite or (left and lane.done)]
            if gone:
                self.leave(gone)
                rows = [lanes.index(lane) for lane in self._rows(self.lanes)]
                batches.keep(rows)
                draws.keep(rows)
                curves += [(lane, errors.get(lane) or lane.end_epoch()) for lane in gone]
        return curves + [(lane, lane.end_epoch()) for lane in self.lanes]

    def _look(self, lanes: Sequence[Lane]) -> None:
        """Validates lanes amid an epoch."""
        for lane in lanes:
            lane.begin_look()
        seen = {stride: dict(self.evaluate(stride)) for stride in {lane.looks.stride for lane in lanes}}
        for lane in lanes:
            lane.end_look(seen[lane.looks.stride][lane])

    def _evaluate_early(self, lanes: Sequence[Lane]) -> None:
        """Validates lanes that are about to leave amid an epoch."""
        for lane in lanes:
            lane.begin_look()
        seen = dict(self.evaluate())
        self._early |= {lane: seen[lane] for lane in lanes}

    def _train_chunk(self, batches: LaneBatches, steps: int) -> tuple[list[list[float]], list[int]]:
        """Makes steps and looks at the losses once: [K][steps], and examples [steps]."""
        for each in self._slices:
            each.prepare(steps)
        losses: list[Tensor] = []
        examples: list[int] = []
        for batch, count in islice(batches, steps):
            examples.append(count)
            losses.append(self._step(batch)[: len(self.lanes)])
        fetched: list[list[float]] = torch.stack(losses, dim=1).tolist()
        return fetched, examples

    def _step(self, batch: Batch) -> Tensor:
        """One prepared step on a batch [K, B, ...]: the losses before it, [K]."""
        losses, grad = self._model.step(batch, self._draws or nullcontext())
        flat, start = self._model.flat, 0
        for each in self._slices:
            rows = slice(start, start + len(each.lanes))
            each.step(flat[rows], grad[rows])
            start = rows.stop
        flat[start:] = flat[: len(flat) - start]
        return losses

    def rehearsal(self) -> Callable[[], object]:
        """A step that may be made over and over, to be timed, data and all; the lanes are of no use afterwards."""
        lanes = self.lanes
        for lane in lanes:
            lane.begin_epoch()
        places = [(lane.job.seed, lane.epoch) for lane in self._rows(lanes)]
        # Data that cannot be indexed are read by lanes at one place alone.
        places = places if isinstance(self._data, Indexed) else places[:1] * len(places)
        draws = LaneDraws(RandomStreams(self._prepared.device), places)
        self._draws = draws if self._model.draws else None
        chunk = min(LOOK_EVERY, *(lane.total_steps for lane in lanes))

        def losses() -> Iterator[Tensor]:
            done = 0
            while True:
                for batch, _ in LaneBatches(self._data, places, draws):
                    for each in self._slices if done % chunk == 0 else ():
                        each.prepare(chunk)
                    done += 1
                    yield self._step(batch)

        return partial(next, losses())

    def _rows(self, lanes: list[Lane]) -> list[Lane]:
        """The lane of each row: a lonely one has a double, and a compiled step may have many."""
        return list(islice(cycle(lanes), len(self._model.flat)))

    def evaluate(self, stride: int = 1) -> list[tuple[Lane, dict[str, float]]]:
        """The validation metrics of every lane, each the mean over all examples that have it; empty without such data.

        Those of lanes that left early are from when they did. Only every `stride`-th batch is looked at.
        """
        lanes, early = self.lanes, list(self._early.items())
        if self._prepared.val is None or not lanes:
            return early + [(lane, {}) for lane in lanes]
        means = Means()
        for batch in islice(self._prepared.val.in_order(), 0, None, stride):
            with self._draws or nullcontext():
                means.add(self._model.metrics(spread(batch, len(self._model.flat))), example_count(batch))
        by_name = means.of_lanes()
        return early + [(lane, {key: values[row] for key, values in by_name.items()}) for row, lane in enumerate(lanes)]
