"""Tasks that train in milliseconds, jobs for them, and a loop that hears a job out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from sweeps.objective import Objective
from sweeps.records import Budget, Ended, Job, Report, Started, Stop
from workers.cohort import Cohort
from workers.driver import Training
from workers.prepared import PreparedTask

CPU = torch.device("cpu")
EXAMPLES, VALIDATION = 22, 9


class Examples(TensorDataset):
    """A map-style Dataset of which nobody but itself knows what it holds."""


class Regression:
    """A small net with two outputs; the last of its three batches an epoch holds 6 of 22 examples."""

    batch_size = 8

    def __init__(self, *, dropout: float = 0.0, norm: bool = False):
        self.dropout, self.norm = dropout, norm

    def model(self) -> nn.Module:
        norm = [nn.BatchNorm1d(6)] if self.norm else []
        return nn.Sequential(nn.Linear(4, 6), *norm, nn.Tanh(), nn.Dropout(self.dropout), nn.Linear(6, 2))

    def data(self) -> Any:
        generator = torch.Generator().manual_seed(5)
        x = torch.randn(EXAMPLES + VALIDATION, 4, generator=generator)
        y = torch.stack([x.sum(dim=1).sin(), x[:, 0] * x[:, 1]], dim=1)
        return (x[:EXAMPLES], y[:EXAMPLES]), (x[EXAMPLES:], y[EXAMPLES:])

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        x, y = batch
        return F.mse_loss(model(x), y)

    def metrics(self, model: nn.Module, batch: Any) -> dict[str, Tensor]:
        x, y = batch
        return {"mae": (model(x) - y).abs().mean()}


class SparseBag(Regression):
    """Every gradient is sparse."""

    def model(self) -> nn.Module:
        return nn.EmbeddingBag(10, 2, mode="sum", sparse=True)

    def data(self) -> Any:
        generator = torch.Generator().manual_seed(5)
        x = torch.randint(10, (EXAMPLES + VALIDATION, 3), generator=generator)
        y = torch.randn(EXAMPLES + VALIDATION, 2, generator=generator)
        return (x[:EXAMPLES], y[:EXAMPLES]), (x[EXAMPLES:], y[EXAMPLES:])


def prepared(task: Any = None) -> PreparedTask:
    """A task with its data ready."""
    return PreparedTask.of(task or Regression(), CPU)


def a_job(**given: Any) -> Job:
    """Three epochs of SGD at 0.1, but for what is given."""
    defaults: Mapping[str, Any] = {
        "key": "trial 0",
        "optimizer": "SGD",
        "scheduler": "none",
        "initial_lr": 0.1,
        "seed": 3,
        "budget": Budget(epochs=3),
        "objective": Objective(),
    }
    return Job(**{**defaults, **given})


@dataclass(slots=True)
class Heard:
    """All that a job said."""

    started: list[Started] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    ended: Ended | None = None

    @property
    def steps(self) -> list[float]:
        """The training loss of every step."""
        return [loss for report in self.reports for loss in report.step_losses]

    @property
    def said(self) -> list[tuple[Any, ...]]:
        """All that must be the same in two runs of the same job; the clock's time is not."""
        return [
            (each.epoch, each.step, dict(each.metrics), each.lrs, each.step_losses, each.step_lrs, dict(each.step_more))
            for each in self.reports
        ]


def train(prepared: PreparedTask, job: Job, *, fused: bool = False) -> Training:
    """Trains one job as the only lane of a cohort."""
    cohort = Cohort(prepared, fused=fused)
    cohort.join([job])
    [said] = cohort.admit()
    while not isinstance(said, Ended):
        if isinstance(said, Started):
            yield said
            [said] = cohort.train_epoch()
            continue
        assert isinstance(said, Report)
        [said] = cohort.hear({job.key: (yield said)}) or cohort.train_epoch()
    return said


def hear(training: Training, word: Callable[[Report], Stop | None] = lambda report: None) -> Heard:
    """Trains to the end; `word` answers each report."""
    heard, stop = Heard(), None
    try:
        event = next(training)
        while True:
            if isinstance(event, Report):
                heard.reports.append(event)
                stop = word(event)
            else:
                heard.started.append(event)
            event = training.send(stop)
    except StopIteration as over:
        heard.ended = over.value
    return heard


def stop_at(epoch: int, stop: Stop) -> Callable[[Report], Stop | None]:
    """Tells a job to stop after an epoch."""
    return lambda report: stop if report.epoch == epoch else None
