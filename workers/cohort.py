"""The one training loop: the lanes of a worker, trained epoch by epoch, stacked where they can be."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch

from sweeps.errors import TaskError, unknown
from sweeps.objective import Objective
from sweeps.records import Ended, Event, Job, Outcome, Report, Started, Stop
from workers import checkpoint
from workers.data import InMemory
from workers.driver import failed
from workers.fused.engine import FusedEngine
from workers.fused.slices import can_fuse
from workers.lane import EpochCurve, Lane, PreparedTask

_SAVE_EVERY = 5.0
"""Seconds of training that a lost worker may cost; saving more often would slow small models."""

_Epoch = tuple[EpochCurve, dict[str, float]]
"""What a lane's epoch left, and its validation metrics."""
_Done = TypeVar("_Done")

STOPPED_AS = {
    Stop.PRUNED: Outcome.PRUNED,
    Stop.CANCELLED: Outcome.CANCELLED,
    Stop.INTERRUPTED: Outcome.CANCELLED,
}


@dataclass(slots=True, kw_only=True)
class _Member:
    """A lane in the cohort, the engine that it is stacked in (None: it trains by itself), and what it has reported."""

    lane: Lane
    engine: FusedEngine | None
    objectives: list[float]
    began: float = field(default_factory=time.monotonic)
    over: Outcome | None = None

    @property
    def job(self) -> Job:
        return self.lane.job

    @property
    def file(self) -> Path | None:
        return Path(self.job.checkpoint) if self.job.checkpoint else None


class Cohort:
    """The lanes that a worker trains together. They join, and leave, between epochs; none notices another.

    `most` lanes train at once, others wait for a place. `fused` stacks the lanes whose optimizers allow it; should
    stacked training fail, its lanes begin again from their checkpoints: fewer of them if memory was short, else
    one by one, where the error shows whose it is.
    """

    def __init__(self, prepared: PreparedTask, *, fused: bool = False, most: int = 1):
        self._prepared, self.fused, self.most = prepared, fused, most
        self._waiting: list[Job] = []
        self._members: dict[str, _Member] = {}
        self._engines: dict[object, FusedEngine] = {}
        self._epochs = 0
        self._saved = time.monotonic()

    def __len__(self) -> int:
        return len(self._members) + len(self._waiting)

    def join(self, jobs: Sequence[Job]) -> None:
        """Takes jobs in; they begin with the next epoch, as far as there is room."""
        self._waiting += jobs

    def admit(self) -> list[Event]:
        """Begins what waits and has room: each Started, or Ended if it cannot begin."""
        events: list[Event] = []
        arrived: list[_Member] = []
        while self._waiting and len(self._members) < self.most:
            job = self._waiting.pop(0)
            try:
                member = self._begin(job)
            except Exception as error:
                events.append(failed(job, error))
                continue
            self._members[job.key] = member
            events.append(Started(key=job.key, epoch=member.lane.epoch))
            arrived.append(member)
        for engine in self._engines.values():
            if own := [member.lane for member in arrived if member.engine is engine]:
                engine.join(own)
        return events

    def train_epoch(self) -> list[Event]:
        """Trains every lane one epoch: a Report each, or Ended where the user's code failed."""
        trained: dict[str, _Epoch | Exception] = {member.job.key: epoch for member, epoch in self._stacked()}
        for member in self._members.values():
            if member.engine is None:
                trained[member.job.key] = _tried(_train_alone, member.lane)
        events: list[Event] = []
        for key, member in self._members.items():
            epoch = trained[key]
            said = epoch if isinstance(epoch, Exception) else _tried(_report, member, *epoch)
            events.append(failed(member.job, said) if isinstance(said, Exception) else said)
        self._epochs += 1
        self._drop([event for event in events if isinstance(event, Ended)])
        return events

    def hear(self, words: Mapping[str, Stop | None]) -> list[Event]:
        """Takes the coordinator's word for the lanes that have reported: Ended for each that is over."""
        save = time.monotonic() - self._saved > _SAVE_EVERY
        over = [ended for key, stop in words.items() if (ended := self._heard(key, stop, save=save))]
        if save:
            self._saved = time.monotonic()
        self._drop(over)
        return list(over)

    def _heard(self, key: str, stop: Stop | None, *, save: bool) -> Ended | None:
        if (member := self._members.get(key)) is None:
            return None
        # What has come to its end is complete, whatever is wanted of it by now.
        if member.over is not None:
            return Ended(key=key, outcome=member.over)
        member.lane.schedule.epoch_done(member.objectives[-1])
        interrupted = stop is Stop.INTERRUPTED
        if member.file and (save or interrupted):
            self._save(member)
        return None if stop is None else Ended(key=key, outcome=STOPPED_AS[stop], interrupted=interrupted)

    def _begin(self, job: Job) -> _Member:
        lane, objectives = _resumed(self._prepared, job) or (Lane(self._prepared, job), [])
        return _Member(lane=lane, engine=self._engine(lane), objectives=objectives)

    def _engine(self, lane: Lane) -> FusedEngine | None:
        """The engine for a lane: data that cannot be indexed are read together, by lanes at the same place."""
        if not (self.fused and can_fuse(lane.job.optimizer)):
            return None
        place = None if isinstance(lane.data, InMemory) else (lane.job.seed, self._epochs - lane.epoch)
        key = (lane.data.per_epoch, place)
        if key not in self._engines:
            self._engines[key] = FusedEngine(self._prepared, lane.data)
        return self._engines[key]

    def _stacked(self) -> Iterator[tuple[_Member, _Epoch]]:
        for key, engine in list(self._engines.items()):
            if not engine.lanes:
                del self._engines[key]
                continue
            try:
                curves = engine.train_epoch()
                metrics = dict(engine.evaluate())
            except Exception as error:
                self._retreat(engine, error)
                continue
            for lane, curve in curves:
                yield self._members[lane.job.key], (curve, metrics.get(lane) or _evaluated(lane, curve))

    def _retreat(self, engine: FusedEngine, error: Exception) -> None:
        """Begins the lanes of an engine again, in a way that fits the error."""
        lost = [member for member in self._members.values() if member.engine is engine]
        if isinstance(error, torch.OutOfMemoryError) and len(lost) > 1:
            self.most = max(1, len(self._members) // 2)
        else:
            self.fused = False
        self._engines = {key: each for key, each in self._engines.items() if each is not engine}
        for member in lost:
            del self._members[member.job.key]
        self._waiting = [member.job for member in lost] + self._waiting

    def _save(self, member: _Member) -> None:
        assert member.file is not None
        if member.engine is not None:
            member.engine.settle(member.lane)
        # A checkpoint only saves time: without it the trial goes on from an older one, or from its start.
        with suppress(OSError):
            checkpoint.save(member.file, {"lane": member.lane.state_dict(), "objectives": member.objectives})

    def _drop(self, over: Sequence[Ended]) -> None:
        """Lets lanes go that have ended."""
        gone = [(self._members.pop(ended.key), ended) for ended in over]
        for engine in self._engines.values():
            if leaving := [member.lane for member, _ in gone if member.lane in engine.lanes]:
                engine.leave(leaving)
        for member, ended in gone:
            if member.file and not ended.interrupted:
                checkpoint.remove(member.file)


def has_diverged(metrics: Mapping[str, float], objective: Objective) -> bool:
    """True if a loss or the objective is NaN or infinite; the user's other metrics may be undefined for an epoch."""
    watched = {"train/loss", "val/loss", objective.metric} & metrics.keys()
    return not all(math.isfinite(metrics[name]) for name in watched)


def first_loss_message(loss: float) -> str:
    """What to say of a loss that is not finite before anything was trained."""
    return (
        f"the loss is {loss} at the first step, before any update of the weights, so no learning rate can help; "
        "look at the data (NaN, infinite or unscaled values) and at the loss"
    )


def _tried(what: Callable[..., _Done], *args: Any) -> _Done | Exception:
    """What a call returns, or raises."""
    try:
        return what(*args)
    except Exception as error:
        return error


def _train_alone(lane: Lane) -> _Epoch:
    curve = lane.train_epoch()
    return curve, _evaluated(lane, curve)


def _evaluated(lane: Lane, curve: EpochCurve) -> dict[str, float]:
    return lane.evaluate() if curve.finite and lane.job.ramp is None else {}


def _report(member: _Member, curve: EpochCurve, evaluated: Mapping[str, float]) -> Report:
    """A lane's epoch; says in `member.over` whether it was the last. Raises TaskError if it cannot be judged."""
    lane, job = member.lane, member.job
    if lane.epoch == 1 and not math.isfinite(curve.losses[0]):
        raise TaskError(first_loss_message(curve.losses[0]))
    metrics = {"train/loss": curve.mean_loss, **(evaluated if job.ramp is None else {})}
    watched = job.objective.metric if job.ramp is None else "train/loss"
    if curve.finite and watched not in metrics:
        raise TaskError(unknown("metric", watched, metrics))
    if has_diverged(metrics, job.objective):
        member.over = Outcome.DIVERGED
    else:
        member.objectives.append(metrics[watched])
        stopping = job.early_stopping
        if lane.done or (stopping is not None and stopping.is_over(member.objectives, job.objective)):
            member.over = Outcome.COMPLETE
    return Report(
        key=job.key,
        epoch=lane.epoch,
        step=lane.step,
        metrics=metrics,
        lrs=curve.lrs.lrs,
        step_losses=curve.losses,
        step_lrs=curve.lrs.step_lrs,
        step_more=curve.lrs.more,
        seconds=time.monotonic() - member.began,
    )


def _resumed(prepared: PreparedTask, job: Job) -> tuple[Lane, list[float]] | None:
    """The lane as its checkpoint left it, and its objectives; None without one, or with one that cannot be used."""
    if job.checkpoint is None:
        return None
    try:
        state: dict[str, Any] | None = checkpoint.load(Path(job.checkpoint), prepared.device)
        if state is None:
            return None
        lane = Lane(prepared, job)
        lane.load_state_dict(state["lane"])
        return lane, list(state["objectives"])
    except Exception:
        # A damaged file raises almost anything, and one of another model too. A checkpoint only saves time.
        return None
