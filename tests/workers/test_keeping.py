"""What a task or a model keeps from batch to batch is each trial's own, and goes on with it."""

import copy
from dataclasses import field, make_dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._C._functorch import is_batchedtensor

from sweeps.lanerecords import Rehearsal
from sweeps.records import Job, Stop
from tests.workers.fused.told import tell
from tests.workers.small import Regression, a_job, hear, prepared, stop_at, train
from workers.fused.measure import measure_lanes
from workers.fused.stacking import Stacking
from workers.probe import probe
from workers.seeding import seed_epoch


class Annealed(Regression):
    """Counts its batches."""

    seen = 0

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        self.seen += model.training
        return super().loss(model, batch) * (1 + 0.001 * self.seen)


class Averaged(Regression):
    """Keeps a running mean of its loss."""

    mean: float | Tensor = 0.0

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        loss = super().loss(model, batch)
        if model.training:
            self.mean = 0.9 * self.mean + 0.1 * loss.detach()
            return loss * self.mean
        return loss


class Taught(Regression):
    """Keeps a slow copy of the model that it made last."""

    def model(self) -> nn.Module:
        model = super().model()
        self.teacher = copy.deepcopy(model).requires_grad_(False)
        return model

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        for slow, quick in zip(self.teacher.parameters(), model.parameters(), strict=True):
            slow.data = 0.9 * slow.data + 0.1 * quick.data
        return super().loss(model, batch) + (model(batch[0]) - self.teacher(batch[0])).square().mean()


class CountingLayer(nn.Linear):
    """Counts its calls."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += self.training
        return super().forward(x) / (1 + 0.1 * self.calls)


class Counting(Regression):
    """Has a model that keeps a number."""

    def model(self) -> nn.Module:
        return CountingLayer(4, 2)


TASKS = (Annealed, Averaged, Taught, Counting)
REASONS = {
    Annealed: "moves the task's seen",
    Averaged: "depends on what it keeps",
    Taught: "under vmap",
    Counting: "moves calls",
}
every_task = pytest.mark.parametrize("kind", TASKS)


def jobs(count: int = 3) -> list[Job]:
    return [a_job(key=f"trial {number}", seed=number // 2, initial_lr=0.1 / (1 + number)) for number in range(count)]


def plain_losses(task: Regression, job: Job) -> list[float]:
    """What a script says that trains one model with torch alone."""
    batches = prepared(task).train
    torch.manual_seed(job.seed)
    model = task.model()
    optimizer = torch.optim.SGD(model.parameters(), lr=job.initial_lr)
    losses = []
    for epoch in range(3):
        seed_epoch(job.seed, epoch)
        for batch in batches.shuffled(job.seed, epoch):
            optimizer.zero_grad()
            loss = task.loss(model.train(), batch)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.item())
        if not isinstance(task, Taught):
            continue
        for batch in prepared(task).val.in_order():  # type: ignore[union-attr]
            task.loss(model.eval(), batch)
    return losses


@every_task
@pytest.mark.parametrize("fused", [False, True])
def test_trials_of_one_worker_are_plain_torch_loops(kind: type[Regression], fused: bool) -> None:
    ready = prepared(kind())
    probe(ready, jobs())
    if fused:
        assert REASONS[kind] in str(measure_lanes(Stacking(ready), jobs(), Rehearsal(lanes=3, compile="off")).refused)
    told = tell(ready, jobs(), fused=fused)
    assert len(told.notices) == fused
    for job in jobs():
        assert told.jobs[job.key].steps == pytest.approx(plain_losses(kind(), job), rel=1e-6)


@every_task
def test_interrupted_it_goes_on_bit_for_bit(kind: type[Regression], tmp_path: Path) -> None:
    ready = prepared(kind())
    job = a_job(checkpoint=str(tmp_path / "trial.pt"))
    whole = hear(train(ready, a_job()))
    first = hear(train(ready, job), stop_at(2, Stop.INTERRUPTED))
    rest = hear(train(prepared(kind()), job))
    assert [started.epoch for started in rest.started] == [2]
    assert first.said + rest.said == whole.said


class Caching(Regression):
    """Keeps a tensor for each size of batch; the last one of an epoch is first met by stacked lanes."""

    def __init__(self) -> None:
        super().__init__()
        self.ones: dict[int, Tensor] = {}

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        x, y = batch
        if len(x) not in self.ones:
            self.ones[len(x)] = torch.ones_like(x)
        return super().loss(model, (x * self.ones[len(x)], y))


def test_a_cache_of_the_tasks_gets_no_tensor_of_stacked_lanes() -> None:
    task = Caching()
    ready = prepared(task)
    stacked = tell(ready, jobs())
    assert stacked.notices == []
    assert not any(map(is_batchedtensor, task.ones.values()))
    for key, alone in tell(ready, jobs(), fused=False).jobs.items():
        assert stacked.jobs[key].steps == pytest.approx(alone.steps, rel=1e-5)
    # Trials that take turns share what it holds.
    assert task.ones.keys() == {8, 6, 1}


@pytest.mark.parametrize("slots", [False, True])
def test_a_frozen_task_is_stacked(slots: bool) -> None:
    """Nothing can be assigned to it, and with slots it has no dictionary."""
    made = make_dataclass("Made", [("sizes", list, field(default_factory=list))], frozen=True, slots=slots)
    methods = {name: getattr(Regression, name) for name in ("data", "loss", "metrics")}
    frozen = type("Frozen", (made,), {"model": lambda self: nn.Linear(4, 2), "__slots__": (), **methods})
    assert tell(prepared(frozen()), jobs()).notices == []


def test_a_task_that_cannot_be_copied_trains_all_the_same() -> None:
    class Single(Regression):
        def __copy__(self) -> "Single":
            raise TypeError("there is one of me")

    told, expected = tell(prepared(Single()), jobs()), tell(prepared(Regression()), jobs())
    assert {key: heard.said for key, heard in told.jobs.items()} == {
        key: heard.said for key, heard in expected.jobs.items()
    }
