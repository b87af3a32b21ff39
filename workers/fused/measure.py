"""How fast lanes train the task: a few steps of it, alone and stacked in turn, and compiled where that may pay."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import cycle, islice
from statistics import fmean, median

import torch
from torch import Tensor

from sweeps.lanerecords import LaneProbe, Rehearsal
from sweeps.lanes import pays_to_compile, quickest, worth_it
from sweeps.records import Job
from workers.fused.engine import FusedEngine
from workers.fused.fitting import fitting
from workers.fused.refusals import why_not
from workers.fused.slices import can_fuse
from workers.fused.stacking import Stacking
from workers.lane import Lane
from workers.prepared import PreparedTask

_SECONDS, _SHARE = 0.3, 0.02
"""What timing may take: so long, and this share of the work to come."""
_ROUNDS = range(3, 41)
"""How often everything is timed, after once that is not."""
_IN_A_ROW = 3
"""Steps that are timed at a time, after one that is not: in training many follow each other, their data at hand."""
_STEPS = (_ROUNDS[0] + 1) * (_IN_A_ROW + 1)
"""Steps that are made at least where something is timed."""
_OPTIMIZERS = 6
"""How many of them are timed alone."""
_FEWEST = 4
"""Fewer lanes than this are not timed where more are planned."""
_FEWER = 4
"""Where as many lanes as are planned gain nothing, one in so many of them is tried: they may fit into the caches."""

_Step = Callable[[], object]


def clock_of(device: torch.device) -> Callable[[], float]:
    """A clock for this device: where one thread does all the work its own, which other programs do not disturb."""
    return time.thread_time if device.type == "cpu" and torch.get_num_threads() == 1 else time.perf_counter


def measure_lanes(stacking: Stacking, candidates: Sequence[Job], wanted: Rehearsal) -> LaneProbe:
    """Tries lanes on the task: how many memory holds, and seconds that a step of one lane takes, alone and stacked.

    As many are timed as are wanted and fit, or as many as can be timed in the time that measuring may take; where they
    gain nothing, fewer as well. A compiled step stays in `stacking`.
    """
    able = {job.optimizer for job in _one_of_each_optimizer(candidates) if can_fuse(Lane(stacking.prepared, job))}
    jobs = [job for job in candidates if job.optimizer in able]
    if not jobs:
        return LaneProbe(refused="none of the optimizers takes gradients that are computed for many lanes at once")
    device = stacking.prepared.device
    stacked = partial(_stacked, stacking, jobs)
    stacking.planned = wanted.lanes
    try:
        most = fitting(stacking.prepared, stacked, wanted.workers)
        stacking.planned = fits = min(wanted.lanes, most)
        single = [_alone(stacking.prepared, job) for job in _one_of_each_optimizer(jobs)[-_OPTIMIZERS:]]
        # Twice, since the first step makes the optimizer's state.
        _, step = (fmean([_timed(device, each) for each in single]) for _ in range(2))
        limit = min(_SECONDS, _SHARE * step * wanted.steps) if wanted.steps else _SECONDS
        lanes = max(2, min(fits, max(_FEWEST, int(limit / (_ROUNDS[0] * step)), int(_SHARE * wanted.steps / _STEPS))))
        *alone, eager = _medians(device, [*single, stacked(lanes)], limit)
        by_count, fewer = {lanes: eager / lanes}, lanes // _FEWER
        if fewer >= _FEWEST and not wanted.exact and not worth_it(by_count[lanes], fmean(alone)):
            stacking.planned = fewer
            *again, few = _medians(device, [*single, stacked(fewer)], limit)
            by_count[fewer] = few / fewer * fmean(alone) / fmean(again)
            stacking.planned = fits = quickest(by_count, fits)
    except Exception as error:
        return LaneProbe(refused=why_not(error))
    probe = LaneProbe(most=most, alone=fmean(alone), stacked=by_count)
    return _compiled(stacking, jobs, wanted, probe, fits) if fits > 1 else probe


def _compiled(stacking: Stacking, jobs: Sequence[Job], wanted: Rehearsal, probe: LaneProbe, lanes: int) -> LaneProbe:
    """The same with the compiled step of so many lanes, if that may pay or is asked for."""
    eager = min(probe.stacked.values())
    parameters = len(stacking.model(stacking.prepared.train).layout.names)
    if not pays_to_compile(wanted, parameters=parameters, alone=probe.alone, stacked=eager):
        return probe
    stacking.compile(lanes)
    compiled = stacking.compiled
    assert compiled is not None
    try:
        step = _stacked(stacking, jobs, lanes)
        step()
        [seconds] = _medians(stacking.prepared.device, [step], _SECONDS)
    except Exception as error:
        compiled.refused = why_not(error)
    if compiled.refused is not None:
        return replace(probe, uncompiled=compiled.refused)
    return replace(probe, compiled=seconds / lanes, compile_seconds=compiled.seconds)


def _one_of_each_optimizer(jobs: Sequence[Job]) -> list[Job]:
    return list({job.optimizer: job for job in reversed(jobs)}.values())


def _alone(prepared: PreparedTask, job: Job) -> _Step:
    lane = Lane(prepared, job)
    lane.begin_epoch()

    def losses() -> Iterator[Tensor]:
        while True:
            for batch in lane.data.shuffled(0, 0):
                lane.schedule.set(epoch=0, step=0)
                yield lane.train_step(batch)

    return partial(next, losses())


def _stacked(stacking: Stacking, jobs: Sequence[Job], lanes: int) -> _Step:
    """A step of so many lanes: places of their own in data that can be indexed, as lanes have that join one by one."""
    own = [replace(job, key=str(number), seed=number) for number, job in enumerate(islice(cycle(jobs), lanes))]
    engine = FusedEngine(stacking, stacking.prepared.train)
    engine.join([Lane(stacking.prepared, job) for job in own])
    return engine.rehearsal()


def _medians(device: torch.device, steps: Sequence[_Step], limit: float) -> list[float]:
    """The median seconds of each kind of step; in turns, so that a busy moment hits all."""
    times: list[list[float]] = []
    began = time.perf_counter()
    while len(times) <= _ROUNDS[0] or (len(times) <= _ROUNDS[-1] and time.perf_counter() - began < limit):
        times.append([_timed(device, step) for step in steps])
    return [median(each) for each in zip(*times[1:], strict=True)]


def _timed(device: torch.device, step: _Step) -> float:
    """Seconds of one step, the mean of a few."""
    clock = clock_of(device)
    step()
    _wait_for(device)
    began = clock()
    for _ in range(_IN_A_ROW):
        step()
    _wait_for(device)
    return (clock() - began) / _IN_A_ROW


def _wait_for(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
