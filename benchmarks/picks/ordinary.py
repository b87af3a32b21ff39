"""What an ordinary training costs: the loop that a PyTorch text teaches, and a lane of ours that trains by itself."""

import time
from dataclasses import dataclass
from itertools import cycle
from statistics import fmean

import torch
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.picks.tasks import PickTask
from benchmarks.picks.training import OPTIMIZERS, SCHEDULERS, job, seconds
from workers.prepared import PreparedTask

_LR = 1e-3


@dataclass(frozen=True, slots=True)
class Ordinary:
    """CPU seconds of a training, the mean over optimizers: of a text's loop, and of a lane alone."""

    text: float
    lane: float


def ordinary(task: PickTask, prepared: PreparedTask) -> Ordinary:
    """Trains both, over the task's budget, the optimizers under one schedule and the other in turn."""
    pairs = list(zip(OPTIMIZERS, cycle(SCHEDULERS), strict=False))
    return Ordinary(
        text=fmean(_text(task, optimizer, schedule) for optimizer, schedule in pairs),
        lane=fmean(
            seconds(prepared, [job(optimizer, schedule, _LR, 0, task.epochs)], fused=False)
            for optimizer, schedule in pairs
        ),
    )


def _text(task: PickTask, optimizer: str, schedule: str) -> float:
    """A DataLoader, zero_grad, backward, step; a scheduler's step and a validation after each epoch."""
    training, validation = (TensorDataset(*split) for split in task.data())
    began = time.process_time()
    batches = DataLoader(training, batch_size=task.batch_size, shuffle=True)
    unseen = DataLoader(validation, batch_size=task.batch_size)
    model = task.model()
    name, params = OPTIMIZERS[optimizer]
    stepper = getattr(torch.optim, name)(model.parameters(), lr=_LR, **params)
    scheduler = getattr(torch.optim.lr_scheduler, SCHEDULERS[schedule], None)
    schedules = scheduler(stepper, task.epochs) if scheduler else None
    for _ in range(task.epochs):
        model.train()
        for x, y in batches:
            stepper.zero_grad()
            loss = task.loss(model, (x, y))
            loss.backward()
            stepper.step()
        if schedules:
            schedules.step()
        model.eval()
        with torch.no_grad():
            sum(task.loss(model, (x, y)).item() * len(x) for x, y in unseen)
    return time.process_time() - began
