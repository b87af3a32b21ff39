"""Any model: stacked lanes train as they would alone, their random numbers included."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sweeps.lanerecords import Rehearsal
from sweeps.objective import Objective
from sweeps.records import Job, Outcome
from tests.workers.fused.told import Told, numbers, tell
from tests.workers.fused.zoo import STACKED, WIDTH, Task, layers
from tests.workers.small import a_job, prepared
from workers.fused.measure import measure_lanes
from workers.fused.stacking import Stacking
from workers.lane import Lane
from workers.stacked.rules import RULES


def jobs(**given: Any) -> list[Job]:
    """Lanes that differ in optimizer, LR and seed; two of them have one seed."""
    decaying = {"momentum": 0.9, "weight_decay": 0.1}
    return [
        a_job(key="SGD", optimizer_params=decaying, initial_lr=0.05, **given),
        a_job(key="same seed", initial_lr=0.02, **given),
        a_job(key="AdamW", optimizer="AdamW", initial_lr=0.01, **given),
        a_job(key="Adafactor", optimizer="Adafactor", initial_lr=0.01, **given),
        a_job(key="other seed", optimizer_params=decaying, initial_lr=0.05, **{**given, "seed": 4}),
    ]


def same(stacked: Told, looped: Told, rel: float = 1e-8) -> None:
    """Checks that all numbers of all jobs are equal."""
    assert stacked.notices == looped.notices == []
    for key, alone in looped.jobs.items():
        assert alone.ended is not None
        assert alone.ended.outcome is Outcome.COMPLETE
        assert stacked.jobs[key].ended == alone.ended
        expected = numbers(alone)
        assert numbers(stacked.jobs[key]).keys() == expected.keys()
        for what, values in numbers(stacked.jobs[key]).items():
            assert values == pytest.approx(expected[what], rel=rel), (key, *what)


@pytest.mark.parametrize("name", STACKED)
def test_any_model_trains_stacked_as_alone(name: str) -> None:
    ready = prepared(STACKED[name])
    same(tell(ready, jobs()), tell(ready, jobs(), fused=False))


@pytest.mark.parametrize("name", ["Dropout", "Transformer with dropout", "BatchNorm2d"])
def test_single_precision_too(name: str) -> None:
    known = STACKED[name]
    ready = prepared(Task(known.make, known.inputs, torch.float32))
    lanes = [job for job in jobs() if job.key != "Adafactor"]
    same(tell(ready, lanes), tell(ready, lanes, fused=False), rel=1e-4)


@pytest.mark.parametrize("name", ["Dropout", "BatchNorm1d", "Embedding with padding", "unused parameters"])
def test_what_can_be_stacked_is_measured(name: str) -> None:
    probe = measure_lanes(Stacking(prepared(STACKED[name])), jobs(), Rehearsal(lanes=4, compile="off"))
    assert probe.refused is None
    assert set(probe.stacked) == {4}


class Recording(Task):
    """Reports the share of outputs that dropout left, epoch by epoch: its training loss is the draw itself."""

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        x, _ = batch
        drawn = F.dropout(torch.ones(len(x), 50, dtype=x.dtype), 0.5, model.training)
        weights = torch.arange(50, dtype=x.dtype)
        return (drawn * weights).mean() + 0 * model(x).sum()


def test_each_lane_draws_from_the_stream_of_its_own_seed() -> None:
    ready = prepared(Recording(layers()))
    told = tell(ready, [a_job(key="a", seed=1), a_job(key="b", seed=2), a_job(key="c", seed=1)]).jobs
    assert told["a"].steps == told["c"].steps
    assert not set(told["a"].steps) & set(told["b"].steps)
    assert told["b"].steps == tell(ready, [a_job(key="b", seed=2)], fused=False).jobs["b"].steps


def test_random_numbers_do_not_depend_on_the_company() -> None:
    ready = prepared(Task(layers(lambda: nn.Dropout(0.3)), dtype=torch.float32))
    alone = tell(ready, [a_job(key="a", seed=7)]).jobs["a"]
    company = [a_job(key=str(seed), seed=seed) for seed in range(5)]
    for place in (0, 3, 5):
        among = tell(ready, [*company[:place], a_job(key="a", seed=7), *company[place:]]).jobs["a"]
        assert among.said == alone.said


def test_running_statistics_are_those_of_the_lane_alone() -> None:
    ready = prepared(STACKED["BatchNorm1d"])
    lane = Lane(ready, a_job())
    norm: Any = next(each for each in lane.model.modules() if isinstance(each, nn.BatchNorm1d))
    before = norm.running_mean.clone()
    lane.train_epoch()
    assert not torch.equal(norm.running_mean, before)
    evaluated = lane.evaluate()
    [report, *_] = tell(ready, [a_job(), a_job(key="other", seed=9)]).jobs["trial 0"].reports
    assert {name: report.metrics[name] for name in evaluated} == pytest.approx(evaluated, rel=1e-8)


class Pairs(Task):
    """Two inputs in a dict, with entries that are no tensors; the loss calls the model twice."""

    def model(self) -> nn.Module:
        return nn.Bilinear(WIDTH, WIDTH, 2).double()

    def data(self) -> Any:
        (x, y), (val_x, val_y) = super().data()
        return self.split(x, y), self.split(val_x, val_y)

    @staticmethod
    def split(x: Tensor, y: Tensor) -> dict[str, Any]:
        return {"pair": [x, x.flip(0)], "more": {"y": y, "names": ("left", "right")}, "scale": 0.5}

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        left, right = batch["pair"]
        assert batch["more"]["names"] == ("left", "right")
        difference = model(left, right) - model(right, left)
        return F.mse_loss(difference * batch["scale"], batch["more"]["y"])

    def metrics(self, model: nn.Module, batch: Any) -> dict[str, Any]:
        return {"half": self.loss(model, batch) / 2, "constant": 3.0, "one element": torch.ones(1)}


class Waves(nn.Module):
    """A complex layer."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.3 * torch.randn(WIDTH, 2, dtype=torch.complex128))

    def forward(self, x: Tensor) -> Tensor:
        return (x.to(self.weight.dtype) @ self.weight).abs()


class OfBoth(nn.Module):
    """Coarse parameters that do not train come first."""

    def __init__(self) -> None:
        super().__init__()
        self.coarse = nn.Linear(WIDTH, WIDTH).half().requires_grad_(False)
        self.fine = nn.Linear(WIDTH, 2).double()

    def forward(self, x: Tensor) -> Tensor:
        return self.fine(x + self.coarse.weight.double().mean())


class AsMade(Task):
    """A model whose parameters keep their types."""

    def model(self) -> nn.Module:
        return self.make()


@pytest.mark.parametrize("model", [Waves, OfBoth])
def test_parameters_of_any_type_are_stepped_as_stock_steps_them(model: type[nn.Module]) -> None:
    ready = prepared(AsMade(model))
    lanes = [a_job(key=name, optimizer=name, initial_lr=0.01) for name in RULES if name != "Rprop"]
    same(tell(ready, lanes), tell(ready, lanes, fused=False))


class NoValidation(Task):
    metrics = None  # type: ignore[assignment]

    def data(self) -> Any:
        train, _ = super().data()
        return train, None


class NoMetrics(Task):
    metrics = None  # type: ignore[assignment]


@pytest.mark.parametrize("task", [Pairs(layers()), NoMetrics(layers())], ids=["several inputs", "no metrics"])
def test_any_batch_and_any_metrics(task: Task) -> None:
    same(tell(prepared(task), jobs()), tell(prepared(task), jobs(), fused=False))


def test_no_validation_data() -> None:
    ready, objective = prepared(NoValidation(layers())), Objective(metric="train/loss")
    lanes = [a_job(objective=objective), a_job(key="b", seed=1, objective=objective)]
    told = tell(ready, lanes)
    same(told, tell(ready, lanes, fused=False))
    assert told.jobs["b"].reports[0].metrics.keys() == {"train/loss"}


def test_the_mean_over_batches_of_unequal_sizes_counts_examples() -> None:
    told = tell(prepared(Task(layers())), [a_job(key="a"), a_job(key="b")])
    [report, *_] = told.jobs["b"].reports
    sizes = (8, 8, 6)
    mean = sum(loss * size for loss, size in zip(report.step_losses, sizes, strict=True)) / sum(sizes)
    assert report.metrics["train/loss"] == pytest.approx(mean)
