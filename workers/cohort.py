"""The one training loop: the lanes of a worker, trained epoch by epoch, stacked where they can be."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sweeps.records import Ended, Event, Job, Notice, Outcome, Started, Stop
from workers import checkpoint
from workers.driver import failed
from workers.fused.engine import FusedEngine
from workers.fused.refusals import first_line, why_not
from workers.fused.slices import can_fuse
from workers.fused.stacking import Stacking
from workers.inmemory import Indexed
from workers.lane import EpochCurve, Lane
from workers.member import Member
from workers.memory import is_short_of_memory
from workers.prepared import PreparedTask

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stack:
    """What lanes have in common that are stacked: their batches an epoch, and where they read data without index."""

    per_epoch: int
    place: tuple[int, int] | None


class Cohort:
    """The lanes that a worker trains together. They join, and leave, between epochs; none notices another.

    `most` lanes train at once, others wait for a place. `fused` stacks the lanes whose optimizers allow it, once
    stacked and single losses have been compared. Should training fail, lanes begin again from their checkpoints:
    fewer of them where memory was short; without those that have exploded, which train on by themselves; else one by
    one, where the error shows whose it is. A Notice says so.
    """

    def __init__(self, prepared: PreparedTask, *, fused: bool = False, most: int = 1, stacking: Stacking | None = None):
        self._prepared, self.fused, self.most = prepared, fused, most
        self._stacking = stacking or Stacking(prepared)
        self._waiting: list[Job] = []
        self._members: dict[str, Member] = {}
        self._engines: dict[_Stack, FusedEngine] = {}
        self._apart: set[str] = set()
        """The keys of lanes that are not stacked with others any more."""
        self._notices: list[Notice] = []
        self._epochs = 0
        self._saved, self._unsaved = time.monotonic(), False

    def __len__(self) -> int:
        return len(self._members) + len(self._waiting)

    def join(self, jobs: Sequence[Job]) -> None:
        """Takes jobs in; they begin with the next epoch, as far as there is room."""
        self._waiting += jobs

    def admit(self) -> list[Event]:
        """Begins what waits and has room: each Started, or Ended if it cannot begin; and a Notice if lanes retreat."""
        events: list[Event] = []
        # Lanes that cannot be stacked wait once more.
        while self._begin_waiting(events):
            pass
        return self._with_notices(events)

    def train_epoch(self) -> list[Event]:
        """Trains every lane one epoch: a Report each, or Ended where the user's code failed; Notices as in `admit`."""
        trained = self._stacked() | self._in_turns()
        if news := self._stacking.news():
            self._notices.append(Notice(text=f"lanes train without the compiler: {news}"))
        events: list[Event] = []
        for key, member in self._members.items():
            epoch = trained[key]
            said = epoch if isinstance(epoch, Exception) else _tried(member.report, *epoch)
            events.append(failed(member.job, said) if isinstance(said, Exception) else said)
        self._epochs += 1
        self._drop([event for event in events if isinstance(event, Ended)])
        return self._with_notices(events)

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
        if save or interrupted:
            self._save(member)
        return None if stop is None else Ended(key=key, outcome=STOPPED_AS[stop], interrupted=interrupted)

    def _save(self, member: Member) -> None:
        if (error := member.save()) is not None and not self._unsaved:
            self._unsaved = True
            text = f"no checkpoint can be written ({error}): what is interrupted begins again from its last one"
            self._notices.append(Notice(text=text))

    def _begin_waiting(self, events: list[Event]) -> bool:
        """Begins what waits, as far as there is room; False if there was none."""
        arrived: list[Member] = []
        while self._waiting and len(self._members) < self.most:
            job = self._waiting.pop(0)
            try:
                self._members[job.key] = Member.begin(self._prepared, job)
                arrived.append(self._members[job.key])
            except Exception as error:
                if is_short_of_memory(error) and self._members:
                    self._waiting.insert(0, job)
                    self._shrink(len(self._members))
                else:
                    events.append(failed(job, error))
        self._stack(arrived)
        staying = [member for member in arrived if self._members.get(member.job.key) is member]
        events += [Started(key=member.job.key, epoch=member.lane.epoch) for member in staying]
        return bool(arrived)

    def _stack(self, arrived: Sequence[Member]) -> None:
        """Stacks the lanes that can be, with those that are there."""
        stacks: dict[_Stack, list[Member]] = {}
        for member in arrived:
            if can_fuse(member.lane) and member.job.key not in self._apart:
                stacks.setdefault(self._stack_of(member.lane), []).append(member)
        for stack, members in stacks.items():
            # Who reads data alone would only pay for being stacked: nobody else can join it in the middle.
            if not self.fused or (stack not in self._engines and len(members) == 1 and stack.place):
                continue
            try:
                engine = self._engine(stack, members[0].lane)
                for member in members:
                    member.engine = engine
                engine.join([member.lane for member in members])
            except Exception as error:
                self._retreat(members, error, self._engines.get(stack))

    def _stack_of(self, lane: Lane) -> _Stack:
        """Data that cannot be indexed are read together, by lanes at the same place."""
        place = None if isinstance(lane.data, Indexed) else (lane.job.seed, self._epochs - lane.epoch)
        return _Stack(per_epoch=lane.data.per_epoch, place=place)

    def _engine(self, stack: _Stack, lane: Lane) -> FusedEngine:
        if stack not in self._engines:
            self._engines[stack] = FusedEngine(self._stacking, lane.data)
        return self._engines[stack]

    def _stacked(self) -> dict[str, _Epoch | Exception]:
        """What an epoch of the stacked lanes left, by their keys."""
        self._engines = {stack: engine for stack, engine in self._engines.items() if engine.lanes}
        trained: dict[str, _Epoch | Exception] = {}
        for engine in list(self._engines.values()):
            try:
                evaluating = any(lane.job.ramp is None for lane in engine.lanes)
                curves = engine.train_epoch()
                metrics = dict(engine.evaluate()) if evaluating else {}
            except Exception as error:
                self._retreat([], error, engine)
                continue
            for lane, curve in curves:
                if isinstance(curve, Exception):
                    trained[lane.job.key] = curve
                else:
                    own = metrics.get(lane)
                    trained[lane.job.key] = _tried(_evaluated, lane, curve) if own is None else (curve, own)
        return trained

    def _in_turns(self) -> dict[str, _Epoch | Exception]:
        """What an epoch of the other lanes left, one after another."""
        trained: dict[str, _Epoch | Exception] = {}
        for key in [key for key, member in self._members.items() if member.engine is None]:
            epoch = _tried(_train_alone, self._members[key].lane)
            if isinstance(epoch, Exception) and is_short_of_memory(epoch) and len(self._members) > 1:
                self._retreat([self._members[key]], epoch)
                # Its traceback holds the lane, and the memory that the next one needs.
                del epoch
            else:
                trained[key] = epoch
        return trained

    def _retreat(self, members: Sequence[Member], error: Exception, engine: FusedEngine | None = None) -> None:
        """Begins lanes again, and all those of an engine, in a way that fits the error."""
        lost = [each for each in self._members.values() if each in members or (engine and each.engine is engine)]
        if is_short_of_memory(error) and len(self._members) > 1:
            # More than may be there are leaving already.
            if len(self._members) <= self.most:
                self._shrink(len(self._members) // 2)
        elif exploded := [lane for lane in engine.lanes if lane.exploded] if engine else []:
            self._apart |= {lane.job.key for lane in exploded}
            keys = ", ".join(lane.job.key for lane in exploded)
            said = f"not stacked from here on, with weights that are no longer finite: {keys} ({first_line(error)})"
            self._notices.append(Notice(text=said))
        else:
            self.fused = False
            self._notices.append(Notice(text=f"lanes take turns from here on: {why_not(error)}"))
        self._engines = {stack: each for stack, each in self._engines.items() if each is not engine}
        for member in lost:
            del self._members[member.job.key]
        # What they have said by now arrives before whatever they say next.
        self._waiting = [replace(member.job, known=None) for member in lost] + self._waiting

    def _shrink(self, most: int) -> None:
        """Trains fewer lanes at once, for want of memory."""
        if most < self.most:
            self._notices.append(Notice(text=f"memory is short: {most} at once from here on instead of {self.most}"))
            self.most = most
            # The compiled step would go on with as many rows.
            self._stacking.compiled = None

    def _with_notices(self, events: list[Event]) -> list[Event]:
        notices, self._notices = self._notices, []
        return [*dict.fromkeys(notices), *events]

    def _drop(self, over: Sequence[Ended]) -> None:
        """Lets lanes go that have ended."""
        gone = [(self._members.pop(ended.key), ended) for ended in over]
        for engine in self._engines.values():
            if leaving := [member.lane for member, _ in gone if member.lane in engine.lanes]:
                engine.leave(leaving)
        for member, ended in gone:
            if member.file and not ended.interrupted:
                checkpoint.remove(member.file)


def _tried(what: Callable[..., _Done], *args: Any) -> _Done | Exception:
    """What a call returns, or raises."""
    try:
        return what(*args)
    except Exception as error:
        return error


def _train_alone(lane: Lane) -> _Epoch:
    return _evaluated(lane, lane.train_epoch())


def _evaluated(lane: Lane, curve: EpochCurve) -> _Epoch:
    return curve, lane.evaluate() if curve.finite and lane.job.ramp is None else {}
