"""Lanes that cannot be stepped with others, and parameters that do not always train: all end as they would alone."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sweeps.records import Job, Stop
from tests.workers.fused.company import Precise, hear_all
from tests.workers.fused.told import numbers, tell
from tests.workers.fused.zoo import WIDTH, Task
from tests.workers.small import a_job, prepared
from workers import checkpoint
from workers.fused.slices import StackedSlice, StockSlice, slice_of
from workers.fused.template import Layout
from workers.lane import Lane


def lanes(folder: Path) -> list[Job]:
    return [
        a_job(key=str(seed), seed=seed, optimizer="Adam", initial_lr=0.01, checkpoint=str(folder / f"{seed}.pt"))
        for seed in range(3)
    ]


def test_a_checkpoint_that_cannot_be_stacked_goes_on_by_itself(tmp_path: Path) -> None:
    ready, said = prepared(Precise()), []
    for fused in (True, False):
        jobs = lanes(tmp_path)
        hear_all(ready, jobs, word=lambda report: Stop.INTERRUPTED)
        state: Any = checkpoint.load(tmp_path / "1.pt", torch.device("cpu"))
        state["lane"]["optimizer"]["state"][0]["step"] += 2
        checkpoint.save(tmp_path / "1.pt", state)
        said.append(tell(ready, jobs, fused=fused))
    stacked, alone = said
    assert stacked.notices == []
    for key, heard in stacked.jobs.items():
        assert [report.epoch for report in heard.reports] == [2, 3]
        for what, values in numbers(heard).items():
            assert values == pytest.approx(numbers(alone.jobs[key])[what], rel=1e-8)


def test_a_lane_that_climbs_does_so_by_its_stock_optimizer() -> None:
    ready = prepared(Precise())
    job = a_job(optimizer_params={"momentum": 0.9})
    lane = Lane(ready, job)
    lane.train_step(next(lane.data.shuffled(0, 0)))
    layout = Layout.of(lane.model)
    assert isinstance(slice_of(Lane(ready, job), layout)[1], StackedSlice)
    lane.optimizer.param_groups[0]["maximize"] = True
    assert isinstance(slice_of(lane, layout)[1], StockSlice)


class Late(nn.Linear):
    """Has a second part that sees small batches alone, the last of each epoch."""

    def __init__(self) -> None:
        super().__init__(WIDTH, 2)
        self.late = nn.Linear(WIDTH, 2)

    def forward(self, x: Tensor) -> Tensor:
        out = super().forward(x)
        return out if len(x) == Task.batch_size else out + self.late(x)


class Early(Late):
    """The second part sees large batches alone."""

    def forward(self, x: Tensor) -> Tensor:
        out = super(Late, self).forward(x)
        return out + self.late(x) if len(x) == Task.batch_size else out


@pytest.mark.parametrize("model", [Late, Early])
def test_parameters_that_train_on_some_batches_alone_do_so(model: type[nn.Module]) -> None:
    ready = prepared(Task(model))
    jobs = [
        a_job(key=str(seed), seed=seed, optimizer_params={"momentum": 0.9, "weight_decay": 0.1}) for seed in range(3)
    ]
    stacked, alone = tell(ready, jobs), tell(ready, jobs, fused=False)
    assert stacked.notices == [
        "lanes take turns from here on: some of its parameters have a gradient on some batches only"
    ]
    assert {key: heard.said for key, heard in stacked.jobs.items()} == {
        key: heard.said for key, heard in alone.jobs.items()
    }
