"""How many lanes a worker may train at once, and how fast: memory and a few steps of the real task tell."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from sweeps.records import Job, LaneProbe
from workers.fused.check import check_stacking
from workers.fused.engine import FusedEngine
from workers.fused.refusals import why_not
from workers.fused.slices import can_fuse
from workers.lane import Lane, PreparedTask

_SHARE = 0.4
"""Of the memory that is free, what lanes may take: the estimate knows nothing of fragments and of other programs."""
_SIZES = (4, 16, 32)
"""Numbers of lanes that are timed."""
_STEPS = 5
"""Steps that are timed, after one that is not."""
_COPIES = 7
"""Tensors as large as its parameters that a lane may need: model, stack, gradient and its parts, optimizer state."""
_LIMIT = 256
"""More lanes than this gain nothing anywhere."""


def measure_lanes(prepared: PreparedTask, candidates: Sequence[Job], workers: int = 1) -> LaneProbe:
    """Tries lanes on the task: seconds that a step of one lane takes, alone and stacked, and how many memory holds.

    `workers` share the memory.
    """
    jobs = [job for job in candidates if can_fuse(job.optimizer)]
    if not jobs:
        return LaneProbe(refused="none of the optimizers takes gradients that are computed for many lanes at once")
    try:
        check_stacking(prepared, prepared.train)
        most = _fitting(prepared, jobs, workers)
        alone = median(_seconds(prepared.device, _alone(prepared, job)) for job in jobs[:3])
        stacked = {
            lanes: _seconds(prepared.device, _stacked(prepared, jobs, lanes)) / lanes
            for lanes in _SIZES
            if lanes <= max(most, 2)
        }
    except Exception as error:
        return LaneProbe(refused=why_not(error))
    return LaneProbe(most=most, alone=alone, stacked=stacked)


def _alone(prepared: PreparedTask, job: Job) -> Callable[[], object]:
    lane = Lane(prepared, job)
    lane.begin_epoch()
    [batch] = islice(lane.data.shuffled(0, 0), 1)
    return lambda: lane.train_step(batch)


def _stacked(prepared: PreparedTask, jobs: Sequence[Job], lanes: int) -> Callable[[], object]:
    """A step of so many lanes: places of their own in data that can be indexed, as lanes have that join one by one."""
    own = [replace(job, key=str(number), seed=number) for number, job in enumerate(islice(cycle(jobs), lanes))]
    engine = FusedEngine(prepared, prepared.train)
    engine.join([Lane(prepared, job) for job in own])
    return engine.rehearsal()


def _seconds(device: torch.device, step: Callable[[], object]) -> float:
    """The median time of a step."""
    times = []
    for _ in range(_STEPS + 1):
        began = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - began)
    return median(times[1:])


def _fitting(prepared: PreparedTask, jobs: Sequence[Job], workers: int) -> int:
    """How many lanes fit into a safe share of the memory: what two and four of them keep, extrapolated."""
    two, four = (_kept(prepared, jobs, lanes) for lanes in (2, 4))
    each = max(1, (four - two) // 2)
    return max(1, min(_LIMIT, int(_free_bytes(prepared.device) * _SHARE / workers / each)))


def _kept(prepared: PreparedTask, jobs: Sequence[Job], lanes: int) -> int:
    """Bytes of parameters, of optimizer state, and of what a step's forward pass keeps for its backward pass."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    step = _stacked(prepared, jobs, lanes)
    with saved_tensors_hooks(pack, lambda tensor: tensor):
        step()
    parameters = sum(each.nbytes for each in prepared.task.model().parameters())
    return sum(kept.values()) + _COPIES * lanes * parameters


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free)
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
