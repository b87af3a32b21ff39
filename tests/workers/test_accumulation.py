"""Accumulated gradients make the step that one large batch would have made."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sweeps.errors import TaskError
from sweeps.objective import Objective
from sweeps.records import Budget, Job
from workers.cohort import Cohort
from workers.lane import Lane
from workers.prepared import PreparedTask
from workers.probe import probe

CPU = torch.device("cpu")


class Small:
    """A perceptron over 50 made examples: in batches of 8, the last step of an epoch has fewer."""

    def __init__(self, batch_size: int, accumulation: Any = 1, *, stream: bool = False):
        self.batch_size, self.accumulation, self._stream = batch_size, accumulation, stream

    def model(self) -> nn.Module:
        return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3)).double()

    def data(self) -> tuple[Any, Any]:
        generator = torch.Generator().manual_seed(1)
        x = torch.randn(50, 5, generator=generator, dtype=torch.float64)
        y = torch.randint(3, (50,), generator=generator)
        ready = list(zip(x.split(self.batch_size), y.split(self.batch_size), strict=True))
        return ready if self._stream else (x, y), (x, y)

    def loss(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(model(batch[0]), batch[1])


def job(optimizer: str = "SGD", **params: Any) -> Job:
    return Job(
        key="trial 0",
        optimizer=optimizer,
        optimizer_params=params,
        scheduler="CosineAnnealingLR",
        initial_lr=0.05,
        budget=Budget(epochs=3),
        objective=Objective(),
    )


def trained(task: Small, job: Job) -> tuple[list[float], list[float]]:
    """The loss of every step, and the weights after the last."""
    lane = Lane(PreparedTask.of(task, CPU), job)
    losses = [loss for _ in range(3) for loss in lane.train_epoch().losses]
    return losses, torch.cat([each.detach().reshape(-1) for each in lane.model.parameters()]).tolist()


@pytest.mark.parametrize("stream", [False, True], ids=["in memory", "ready batches"])
@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "RMSprop"])
def test_a_step_is_that_of_the_large_batch(optimizer: str, stream: bool) -> None:
    one = trained(Small(16, stream=stream), job(optimizer))
    two = trained(Small(8, 2, stream=stream), job(optimizer))
    assert two[0] == pytest.approx(one[0], rel=1e-9)
    assert two[1] == pytest.approx(one[1], rel=1e-7)


def test_a_closure_sees_the_large_batch() -> None:
    one, two = (trained(task, job("LBFGS")) for task in (Small(16), Small(8, 2)))
    # Without a line search rounding grows from step to step.
    assert two[0][:4] == pytest.approx(one[0][:4], rel=1e-9)


def test_full_batches_are_put_together_of_ready_ones() -> None:
    losses, weights = trained(Small(8, 2, stream=True), job("Rprop"))
    whole, expected = trained(Small(50), job("Rprop"))
    assert losses == pytest.approx(whole, rel=1e-9)
    assert weights == pytest.approx(expected, rel=1e-7)


def test_the_last_step_of_an_epoch_takes_what_is_left() -> None:
    prepared = PreparedTask.of(Small(8, 3), CPU)
    assert [len(step.batches) for step in prepared.train.shuffled(0, 0)] == [3, 3, 1]
    info = probe(prepared)
    assert (info.steps_per_epoch, info.batch_size, info.accumulation) == (3, 8, 3)


def test_such_lanes_take_turns() -> None:
    prepared = PreparedTask.of(Small(8, 2), CPU)
    cohort = Cohort(prepared, fused=True, most=2)
    cohort.join([job(), replace(job(), key="trial 1")])
    said = [*cohort.admit(), *cohort.train_epoch()]
    assert "accumulates" in next(each.text for each in said if hasattr(each, "text"))
    assert [each.step for each in said if hasattr(each, "step_losses")] == [4, 4]


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "2"])
def test_an_accumulation_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(TaskError, match=r"accumulation is .*; give a whole number from 1"):
        PreparedTask.of(Small(8, wrong), CPU)
