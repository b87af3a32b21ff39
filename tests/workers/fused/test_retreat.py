"""What cannot be stacked trains one by one, and what does not fit waits: every job ends once, as it would alone."""

import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sweeps.lanerecords import Rehearsal
from sweeps.records import Budget, Job, Notice, Outcome, Report, Started
from tests.workers.fused.told import numbers, tell
from tests.workers.fused.zoo import LOOPED, WIDTH, Task, layers
from tests.workers.small import a_job, prepared
from workers import checkpoint
from workers.cohort import Cohort
from workers.fused.measure import measure_lanes
from workers.fused.model import StackedModel
from workers.fused.stacking import Stacking


def jobs(count: int = 3, **given: Any) -> list[Job]:
    """Lanes with seeds of their own."""
    return [a_job(**{"key": f"trial {seed}", "seed": seed, **given}) for seed in range(count)]


@pytest.mark.parametrize("name", LOOPED)
def test_what_cannot_be_stacked_is_refused_with_a_reason(name: str) -> None:
    task, reason = LOOPED[name]
    refused = measure_lanes(Stacking(prepared(task)), jobs(), Rehearsal(lanes=4, compile="off")).refused
    assert refused is not None
    assert reason in refused
    assert "\n" not in refused


@pytest.mark.parametrize("name", LOOPED)
def test_what_cannot_be_stacked_trains_one_by_one(name: str) -> None:
    task, reason = LOOPED[name]
    stacked, looped = tell(prepared(task), jobs()), tell(prepared(task), jobs(), fused=False)
    [notice] = stacked.notices
    assert notice.startswith("lanes take turns from here on: ")
    assert reason in notice
    assert looped.notices == []
    for key, alone in looped.jobs.items():
        assert stacked.jobs[key].said == alone.said
        assert stacked.jobs[key].ended == alone.ended
        assert len(stacked.jobs[key].started) == 1


class Late(Task):
    """Fails as vmap does, in the metrics of one epoch."""

    def __init__(self, epoch: int):
        super().__init__(layers())
        self.left = epoch

    def metrics(self, model: nn.Module, batch: Any) -> dict[str, Tensor]:
        x, y = batch
        mean = (model(x) - y).mean()
        if torch._C._functorch.is_batchedtensor(mean):
            self.left -= 1
            if self.left == 0:
                mean.item()
        return {"mean": mean}


@pytest.mark.parametrize("kept", [True, False], ids=["from checkpoints", "from the start"])
def test_stacking_that_fails_later_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool) -> None:
    monkeypatch.setattr("workers.cohort._SAVE_EVERY", 0.0)
    lanes = jobs(budget=Budget(epochs=6))
    if kept:
        lanes = [
            # Nothing had been said of them when they came, as of every new trial.
            a_job(key=job.key, seed=job.seed, budget=job.budget, checkpoint=str(tmp_path / job.key), known=0)
            for job in lanes
        ]
    # Each epoch has two validation batches.
    told = tell(prepared(Late(2 * 3)), lanes)
    assert len(told.notices) == 1
    alone = tell(prepared(Late(-1)), jobs(budget=Budget(epochs=6)), fused=False)
    for key, heard in told.jobs.items():
        assert [started.epoch for started in heard.started] == [0, 2 if kept else 0]
        assert heard.ended == alone.jobs[key].ended
        for what, values in numbers(heard).items():
            assert values == pytest.approx(numbers(alone.jobs[key])[what], rel=1e-8)
    assert list(tmp_path.iterdir()) == []


def test_a_users_own_error_is_the_jobs_alone() -> None:
    class Broken(Task):
        def metrics(self, model: nn.Module, batch: Any) -> Any:
            raise RuntimeError("the user's mistake")

    told = tell(prepared(Broken(layers())), jobs(2))
    assert told.notices == ["lanes take turns from here on: RuntimeError: the user's mistake"]
    for heard in told.jobs.values():
        assert heard.ended is not None
        assert heard.ended.outcome is Outcome.FAILED
        assert "the user's mistake" in str(heard.ended.error)


def out_of_memory(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Stacked steps of more lanes do not fit."""
    losses = StackedModel.losses

    def bounded(self: StackedModel, *args: Any, **kwargs: Any) -> Tensor:
        if len(self.flat) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return losses(self, *args, **kwargs)

    monkeypatch.setattr(StackedModel, "losses", bounded)


def test_too_many_lanes_are_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    ready, lanes = prepared(Task(layers())), jobs(16)
    alone = tell(ready, lanes, fused=False)
    out_of_memory(monkeypatch, 5)
    told = tell(ready, lanes, most=16)
    assert told.notices == [
        "memory is short: 8 at once from here on instead of 16",
        "memory is short: 4 at once from here on instead of 8",
    ]
    for key, heard in told.jobs.items():
        assert heard.ended == alone.jobs[key].ended
        assert [report.epoch for report in heard.reports] == [1, 2, 3]
        for what, values in numbers(heard).items():
            assert values == pytest.approx(numbers(alone.jobs[key])[what], rel=1e-8)


def test_lanes_that_do_not_fit_wait_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    out_of_memory(monkeypatch, 3)
    cohort = Cohort(prepared(Task(layers())), fused=True, most=4)
    cohort.join(jobs(6))
    began = cohort.admit()
    assert [event.key for event in began] == ["trial 0", "trial 1", "trial 2", "trial 3"]
    assert cohort.train_epoch() == [Notice(text="memory is short: 2 at once from here on instead of 4")]
    assert len(cohort) == 6
    assert cohort.admit() == [Started(key="trial 0"), Started(key="trial 1")]
    assert [event.key for event in cohort.train_epoch()] == ["trial 0", "trial 1"]
    assert cohort.hear({"trial 0": None, "trial 1": None}) == []
    assert cohort.admit() == []


def test_what_does_not_fit_goes_on_from_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.cohort._SAVE_EVERY", 0.0)
    ready = prepared(Task(layers()))
    lanes = [
        a_job(key=str(seed), seed=seed, budget=Budget(epochs=4), checkpoint=str(tmp_path / str(seed)))
        for seed in range(6)
    ]
    alone = tell(ready, [a_job(key=job.key, seed=job.seed, budget=job.budget) for job in lanes], fused=False)
    cohort = Cohort(ready, fused=True, most=6)
    cohort.join(lanes[:2])
    cohort.admit()
    cohort.train_epoch()
    cohort.hear({"0": None, "1": None})
    out_of_memory(monkeypatch, 4)
    cohort.join(lanes[2:])
    cohort.admit()
    assert cohort.train_epoch() == [Notice(text="memory is short: 3 at once from here on instead of 6")]
    assert cohort.admit() == [Started(key="0", epoch=1), Started(key="1", epoch=1), Started(key="2")]
    kept = checkpoint.load(tmp_path / "0", torch.device("cpu"))
    assert kept is not None
    assert kept["objectives"] == [alone.jobs["0"].reports[0].metrics["val/loss"]]
    [report, *_] = cohort.train_epoch()
    assert report.metrics == pytest.approx(alone.jobs["0"].reports[1].metrics, rel=1e-8)  # type: ignore[union-attr]


def test_a_model_that_never_fits_fails_its_jobs() -> None:
    class Enormous(Task):
        def model(self) -> nn.Module:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    told = tell(prepared(Enormous(layers())), jobs(3), fused=False, most=3)
    assert [heard.ended and heard.ended.outcome for heard in told.jobs.values()] == [Outcome.FAILED] * 3


def test_memory_that_is_short_in_a_stock_step_halves_the_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    ready, lanes = prepared(Task(layers())), jobs(4, optimizer="Adafactor")
    step, living = torch.optim.Adafactor.step, [4]

    def bounded(self: Any, closure: Any = None) -> Any:
        if living[0] == 4:
            living[0] = 2
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return step(self, closure)

    monkeypatch.setattr(torch.optim.Adafactor, "step", bounded)
    told = tell(ready, lanes, most=4)
    assert told.notices == ["memory is short: 2 at once from here on instead of 4"]
    assert all(heard.ended and heard.ended.outcome is Outcome.COMPLETE for heard in told.jobs.values())


def test_lanes_wait_for_memory_in_their_order() -> None:
    class Two(Crowded):
        def model(self) -> nn.Module:
            if len(self.models) == 2:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return super().model()

    cohort, began = Cohort(prepared(Two()), most=4), []
    cohort.join(jobs(4, budget=Budget(epochs=1)))
    while len(cohort):
        began += [event.key for event in cohort.admit() if isinstance(event, Started)]
        said = [event for event in cohort.train_epoch() if isinstance(event, Report)]
        cohort.hear({event.key: None for event in said})
    assert began == [f"trial {number}" for number in range(4)]


def test_parameters_of_several_types_take_turns() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(WIDTH, 4), nn.Linear(4, 2, dtype=torch.float64)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.first(x.float()).double())

    class Own(Task):
        def model(self) -> nn.Module:
            return Mixed()

    [notice] = tell(prepared(Own(Mixed)), jobs(2)).notices
    assert "several types" in notice


def test_memory_that_is_short_for_one_lane_alone_fails_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Large(Task):
        def loss(self, model: nn.Module, batch: Any) -> Tensor:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    told = tell(prepared(Large(layers())), jobs(4))
    assert told.notices[-1] == "lanes take turns from here on: OutOfMemoryError: CUDA out of memory."
    for heard in told.jobs.values():
        assert heard.ended is not None
        assert heard.ended.outcome is Outcome.FAILED
        assert "out of memory" in str(heard.ended.error)


class Crowded(Task):
    """Fits two models into memory."""

    def __init__(self) -> None:
        super().__init__(layers())
        self.models: weakref.WeakSet[nn.Module] = weakref.WeakSet()

    def model(self) -> nn.Module:
        model = super().model()
        self.models.add(model)
        return model

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        if len(self.models) > 2:
            torch.empty(2**46, dtype=torch.uint8)
        return super().loss(model, batch)


def test_lanes_in_turns_are_halved_too() -> None:
    told = tell(prepared(Crowded()), jobs(4), fused=False, most=4)
    assert told.notices == ["memory is short: 2 at once from here on instead of 4"]
    alone = tell(prepared(Task(layers())), jobs(4), fused=False)
    assert {key: heard.said for key, heard in told.jobs.items()} == {
        key: heard.said for key, heard in alone.jobs.items()
    }


def test_lanes_that_cannot_even_begin_wait() -> None:
    class Huge(Crowded):
        def model(self) -> nn.Module:
            if len(self.models) == 2:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return super().model()

    told = tell(prepared(Huge()), jobs(4), fused=False, most=4)
    assert told.notices == ["memory is short: 2 at once from here on instead of 4"]
    assert [heard.started for heard in told.jobs.values()] == [[Started(key=f"trial {seed}")] for seed in range(4)]
    for heard in told.jobs.values():
        assert heard.ended is not None
        assert heard.ended.outcome is Outcome.COMPLETE
