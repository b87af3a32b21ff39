"""A ramp is validated on its way, and trains as if nobody had looked."""

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from sweeps.rangetest import ramp_lrs, watch_steps
from sweeps.records import Budget, Job, Outcome, Ramp
from tests.workers.fused.told import tell
from tests.workers.small import Heard, Regression, a_job, hear, prepared, train
from tests.workers.test_function_trial import own_loop, run
from workers.seeding import data_order, undisturbed

STEPS = 40


def a_ramp(steps: int = STEPS, high: float = 0.5, **given: Any) -> Job:
    ramp = Ramp(low=1e-3, high=high, steps=steps)
    return a_job(ramp=ramp, initial_lr=ramp.low, budget=Budget(steps=steps), **given)


def watched(heard: Heard) -> dict[int, dict[str, float]]:
    return {step: dict(metrics) for report in heard.reports for step, metrics in report.watched.items()}


class Unwatched(Regression):
    """Has no validation data."""

    def data(self) -> Any:
        return super().data()[0], None


@pytest.mark.parametrize("steps", [2, 7, 25, 26, 40, 60])
def test_what_is_watched_is_what_the_weights_say_at_that_step(steps: int) -> None:
    task, job = Regression(), a_ramp(steps)
    (x, y), (val_x, val_y) = task.data()
    torch.manual_seed(3)
    model = task.model()
    sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    expected: dict[int, dict[str, float]] = {}
    batches = [rows for epoch in range(steps) for rows in data_order(len(x), 3, epoch).split(8)]
    assert job.ramp is not None
    looks = watch_steps(job.ramp)
    for step, (rows, lr) in enumerate(zip(batches, ramp_lrs(job.ramp), strict=False), start=1):
        sgd.param_groups[0]["lr"] = lr
        sgd.zero_grad()
        F.mse_loss(model(x[rows]), y[rows]).backward()
        sgd.step()
        if step in looks:
            with torch.no_grad():
                off = model(val_x) - val_y
            expected[step] = {"val/loss": float((off**2).mean()), "val/mae": float(off.abs().mean())}
    found = watched(hear(train(prepared(task), job)))
    assert found.keys() == expected.keys()
    for step, metrics in expected.items():
        assert found[step] == pytest.approx(metrics, rel=1e-5)


class Augmented(Dataset[tuple[Tensor, Tensor]]):
    """Draws from all global streams whenever an example is read."""

    def __init__(self, x: Tensor, y: Tensor):
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        noise = 0.1 * (torch.rand(4) + random.random() + np.random.rand())
        return self.x[index] + noise.float(), self.y[index]


class AlsoWhenLooked(nn.Module):
    """Noise in training and in evaluation."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.1 * torch.randn_like(x)


class Drawing(Regression):
    """Draws in its data, in training and in evaluation."""

    def __init__(self, *, watch: bool, data: bool):
        super().__init__(dropout=0.3)
        self.watch, self.augment = watch, data

    def model(self) -> nn.Module:
        return nn.Sequential(AlsoWhenLooked(), *super().model())  # type: ignore[misc]

    def data(self) -> Any:
        train, val = super().data()
        made = (Augmented(*train), Augmented(*val)) if self.augment else (train, val)
        return made[0], made[1] if self.watch else None


@pytest.mark.parametrize("data", [True, False], ids=["augmented", "plain"])
@pytest.mark.parametrize("fused", [False, True], ids=["looped", "fused"])
def test_training_goes_on_as_if_nobody_had_looked(*, data: bool, fused: bool) -> None:
    looked, blind = (
        hear(train(prepared(Drawing(watch=watch, data=data)), a_ramp(optimizer="Adam"), fused=fused))
        for watch in (True, False)
    )
    assert watched(looked)
    assert not watched(blind)
    assert looked.steps == blind.steps


def test_so_do_lanes_of_several_seeds() -> None:
    jobs = [a_ramp(key=str(seed), seed=seed) for seed in range(3)]
    looked, blind = (tell(prepared(Drawing(watch=watch, data=False)), jobs) for watch in (True, False))
    assert looked.notices == blind.notices == []
    assert [heard.steps for heard in looked.jobs.values()] == [heard.steps for heard in blind.jobs.values()]


@pytest.mark.parametrize("norm", [True, False])
def test_stacked_lanes_see_the_same_at_the_same_steps(*, norm: bool) -> None:
    task = Regression(norm=norm, dropout=0.2)
    # A norm hides the bias before it from training; Adam makes steps of the rounding errors in its gradient.
    optimizers = ("SGD", "SGD", "ASGD") if norm else ("SGD", "Adam", "RMSprop")
    jobs = [a_ramp(optimizer=name, key=f"{seed}", seed=seed) for seed, name in enumerate(optimizers)]
    jobs.append(a_ramp(60, key="longer"))
    jobs.append(a_job(key="trial", budget=Budget(epochs=4)))
    fused, looped = tell(prepared(task), jobs), tell(prepared(task), jobs, fused=False)
    assert fused.notices == []
    for job in jobs:
        ours, theirs = watched(fused.jobs[job.key]), watched(looped.jobs[job.key])
        assert list(ours) == list(theirs) == ([] if job.ramp is None else list(watch_steps(job.ramp)))
        for step, metrics in theirs.items():
            assert ours[step] == pytest.approx(metrics, rel=1e-4)


@pytest.mark.parametrize("fused", [False, True])
def test_a_lane_that_has_diverged_is_not_looked_at(*, fused: bool) -> None:
    told = tell(prepared(), [a_ramp(high=1e30, key="wild"), a_ramp(key="calm")], fused=fused)
    wild, calm = told.jobs["wild"], told.jobs["calm"]
    assert wild.ended is not None
    assert wild.ended.outcome is Outcome.DIVERGED
    assert len(wild.steps) < STEPS
    assert max(watched(wild)) < len(wild.steps)
    assert max(watched(calm)) == STEPS


class ManyToValidate(Regression):
    """Eleven validation batches, of eight examples each but the last; counts those that are looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[float] = []

    def data(self) -> Any:
        train, _ = super().data()
        x = torch.arange(85.0)[:, None].expand(85, 4) / 100
        return train, (x, torch.zeros(85, 2))

    def metrics(self, model: nn.Module, batch: Any) -> dict[str, Tensor]:
        self.seen.append(float(batch[0][0, 0]))
        return {"first": batch[0][:, 0].mean()}


@pytest.mark.parametrize(("steps", "stride"), [(25, 6), (50, 3), (75, 2), (100, 2), (150, 1)])
def test_of_many_validation_batches_a_look_takes_every_so_many(steps: int, stride: int) -> None:
    task = ManyToValidate()
    x = torch.arange(85.0) / 100
    batches = x.split(8)[::stride]
    found = watched(hear(train(prepared(task), a_ramp(steps))))
    assert len(found) == 25
    assert task.seen == pytest.approx([float(batch[0]) for batch in batches] * 25)
    assert found[steps]["val/first"] == pytest.approx(float(torch.cat(batches).mean()))


def test_a_training_function_is_watched_where_it_reports() -> None:
    found = watched(run(own_loop, a_ramp(8)))
    assert list(found) == [3, 6]
    assert all(metrics.keys() == {"val/loss"} for metrics in found.values())
    assert watched(run(own_loop, a_job())) == {}


def test_looking_puts_all_global_streams_back() -> None:
    def draws() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    with undisturbed():
        first = draws()
    assert draws() == first
