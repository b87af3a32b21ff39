"""Data that cannot be indexed: lanes at one place read them together, and each sees what it would see alone."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from sweeps.records import Budget, Ended, Job, Report
from tests.workers.fused.company import hear_all
from tests.workers.fused.told import Told, numbers, tell
from tests.workers.fused.zoo import Task, layers
from tests.workers.small import Examples, a_job, prepared
from workers.cohort import Cohort
from workers.fused.engine import FusedEngine
from workers.fused.stacking import Stacking
from workers.prepared import PreparedTask


class Noisy(Dataset[Any]):
    """Augments its examples while they are read, from torch's global stream."""

    def __init__(self, x: Tensor, y: Tensor):
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> Any:
        return self.x[index] + 0.1 * torch.randn_like(self.x[index]), self.y[index]


class Batches:
    """Ready batches in one order, some with entries that are no tensors."""

    def __init__(self, x: Tensor, y: Tensor):
        self.x, self.y = x, y

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[Any]:
        yield from zip(self.x.split(8), self.y.split(8), strict=True)


SPLITS: dict[str, Any] = {
    "a Dataset": Examples,
    "a Dataset that augments": Noisy,
    "a DataLoader": lambda x, y: DataLoader(Examples(x, y), batch_size=8, shuffle=True),
    "a DataLoader of tensors": lambda x, y: DataLoader(TensorDataset(x, y), batch_size=8, shuffle=True),
    "a DataLoader that augments": lambda x, y: DataLoader(Noisy(x, y), batch_size=8, shuffle=True),
    "a DataLoader with a generator": lambda x, y: DataLoader(
        Examples(x, y), batch_size=8, shuffle=True, generator=torch.Generator()
    ),
    "a DataLoader of tensors with a generator": lambda x, y: DataLoader(
        TensorDataset(x, y), batch_size=8, shuffle=True, generator=torch.Generator()
    ),
    "an iterable": Batches,
}


class Streamed(Task):
    """The regression over one of these, with dropout between data that may draw, too."""

    def __init__(self, split: str):
        super().__init__(layers(lambda: nn.Dropout(0.2)))
        self.split = split

    def data(self) -> Any:
        train, val = super().data()
        return SPLITS[self.split](*train), val


def equal(told: Told, alone: Told) -> None:
    """Checks that all jobs have the same numbers and no lane has retreated."""
    assert told.notices == alone.notices == []
    for key, heard in alone.jobs.items():
        assert told.jobs[key].ended == heard.ended
        assert numbers(told.jobs[key]).keys() == numbers(heard).keys()
        for what, values in numbers(told.jobs[key]).items():
            assert values == pytest.approx(numbers(heard)[what], rel=1e-8), (key, *what)


@pytest.mark.parametrize("split", SPLITS)
def test_lanes_of_any_seeds_see_what_they_would_see_alone(split: str) -> None:
    ready = prepared(Streamed(split))
    jobs = [a_job(key=f"{seed} {lr}", seed=seed, initial_lr=lr) for seed in (1, 2, 3) for lr in (0.1, 0.01)[: 3 - seed]]
    equal(tell(ready, jobs), tell(ready, jobs, fused=False))


def engines(cohort: Cohort) -> list[list[str]]:
    """The keys of the lanes that are stacked together."""
    return [[lane.job.key for lane in engine.lanes] for engine in cohort._engines.values()]


def heard(cohort: Cohort) -> list[Report]:
    """One epoch of a cohort."""
    cohort.admit()
    said = [event for event in cohort.train_epoch() if isinstance(event, Report)]
    cohort.hear({report.key: None for report in said})
    return said


def job(key: str, seed: int, epochs: int = 3) -> Job:
    return a_job(key=key, seed=seed, budget=Budget(epochs=epochs))


def test_lanes_at_one_place_are_stacked_and_others_are_not() -> None:
    cohort = Cohort(prepared(Streamed("a DataLoader")), fused=True, most=8)
    cohort.join([job("a", 1), job("b", 1), job("c", 2)])
    heard(cohort)
    assert engines(cohort) == [["a", "b"]]
    cohort.join([job("d", 1), job("e", 1), job("f", 2)])
    reports = heard(cohort)
    assert engines(cohort) == [["a", "b"], ["d", "e"]]
    assert {report.key: report.epoch for report in reports} == {"a": 2, "b": 2, "c": 2, "d": 1, "e": 1, "f": 1}


OF_TENSORS = ["a DataLoader of tensors", "a DataLoader of tensors with a generator"]


def test_who_comes_to_the_same_place_before_an_epoch_joins_those_that_are_there() -> None:
    cohort = Cohort(prepared(Streamed("an iterable")), fused=True, most=9)
    cohort.join([job("a", 1), job("b", 1)])
    cohort.admit()
    cohort.join([job("c", 1)])
    cohort.admit()
    assert engines(cohort) == [["a", "b", "c"]]


@pytest.mark.parametrize("split", OF_TENSORS)
def test_lanes_come_to_a_loader_of_tensors_at_any_time_and_see_what_they_would_see_alone(split: str) -> None:
    ready = prepared(Streamed(split))
    jobs = [job("a", 1, epochs=4), job("b", 1), job("c", 2), job("d", 1)]
    among = hear_all(ready, jobs, joins={"b": 1, "c": 2, "d": 2})
    for each in jobs:
        alone = hear_all(ready, [each], fused=False)[each.key]
        assert among[each.key].ended == alone.ended
        for what, values in numbers(alone).items():
            assert numbers(among[each.key])[what] == pytest.approx(values, rel=1e-8), (each.key, *what)


@pytest.mark.parametrize("task", [Task(layers()), *map(Streamed, OF_TENSORS)], ids=["tensors", *OF_TENSORS])
def test_data_in_memory_are_read_at_many_places(task: Task) -> None:
    cohort = Cohort(prepared(task), fused=True, most=8)
    cohort.join([job("a", 1)])
    heard(cohort)
    cohort.join([job("b", 1), job("c", 2)])
    heard(cohort)
    assert engines(cohort) == [["a", "b", "c"]]


def test_a_stream_is_read_once_for_all_lanes_at_one_place() -> None:
    class Counted(Batches):
        read = 0

        def __iter__(self) -> Iterator[Any]:
            for batch in super().__iter__():
                type(self).read += 1
                yield batch

    class Reading(Task):
        def data(self) -> Any:
            train, _ = super().data()
            return Counted(*train), None

        metrics = None  # type: ignore[assignment]

    ready = prepared(Reading(layers()))
    engine = FusedEngine(Stacking(ready), ready.train)
    lanes = [lane_of(ready, job(key, 1)) for key in "abcd"]
    engine.join(lanes)
    Counted.read = 0
    engine.train_epoch()
    assert Counted.read == 3


def lane_of(ready: PreparedTask, job: Job) -> Any:
    cohort = Cohort(ready)
    cohort.join([job])
    cohort.admit()
    return cohort._members[job.key].lane


def test_a_stream_that_runs_dry_ends_its_jobs_with_the_reason() -> None:
    class Once(Task):
        def data(self) -> Any:
            train, val = super().data()
            return OneEpoch(*train), val

    class OneEpoch(Batches):
        """Gives one batch, from its third reading on."""

        readings = 0

        def __iter__(self) -> Iterator[Any]:
            self.readings += 1
            yield from list(super().__iter__())[: 3 if self.readings < 3 else 1]

    told = tell(prepared(Once(layers())), [job("a", 1), job("b", 1)])
    for heard in told.jobs.values():
        assert isinstance(heard.ended, Ended)
        assert "the training data gave 1 batches" in str(heard.ended.error)
