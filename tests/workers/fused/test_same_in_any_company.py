"""A lane of a cohort says the same, bit for bit, whoever trains beside it, wherever it stands, whenever it comes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sweeps.domains import Value
from sweeps.records import Budget, Job, Stop
from tests.workers.fused.company import Precise, hear_all
from tests.workers.small import a_job, prepared
from workers.prepared import PreparedTask
from workers.structures import map_tensors
from workers.tasks.digits import DigitsCNN, DigitsMLP

EPOCHS = 2


def few(task: Any) -> PreparedTask:
    """A task of which there are 150 examples to train on, the last batch a small one, and 70 to validate."""
    train, val = task.data()
    task.data = lambda: (map_tensors(lambda each: each[:150], train), map_tensors(lambda each: each[:70], val))
    return prepared(task)


class Normed(DigitsMLP):
    """Normalizes batches."""

    def model(self) -> nn.Module:
        return nn.Sequential(nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 10))


TASKS = {"perceptron": few(DigitsMLP()), "convolutions": few(DigitsCNN()), "batch norm": few(Normed())}
WATCHED: dict[str, dict[str, Any]] = {
    "SGD": {"optimizer": "SGD", "optimizer_params": {"momentum": 0.9}, "scheduler": "OneCycleLR"},
    "Adam": {"optimizer": "Adam", "initial_lr": 3e-3, "scheduler": "StepLR", "scheduler_params": {"step_size": 1}},
    "Muon": {"optimizer": "Muon", "initial_lr": 3e-3},
}
OTHERS: Sequence[tuple[str, dict[str, Value]]] = (
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("RMSprop", {}),
    ("Adam", {}),
    ("AdamW", {"amsgrad": True}),
    ("Adafactor", {}),
    ("Adagrad", {}),
    ("Adam", {"weight_decay": 0.1}),
)


def others(count: int, *, seed: int | None = None) -> list[Job]:
    """Lanes of all kinds, the first as long as what is watched, every third one shorter than an epoch."""
    return [
        a_job(
            key=f"other {number}",
            optimizer=OTHERS[number % len(OTHERS)][0],
            optimizer_params=OTHERS[number % len(OTHERS)][1],
            initial_lr=0.01,
            seed=number if seed is None else seed,
            budget=Budget(steps=2) if number % 3 == 1 else Budget(epochs=EPOCHS + 1),
        )
        for number in range(count)
    ]


def watched(name: str) -> Job:
    return a_job(**{"key": name, "budget": Budget(epochs=EPOCHS), **WATCHED[name]})


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", WATCHED)
def test_a_lane_says_the_same_in_any_company(task: str, name: str) -> None:
    ready, lane = TASKS[task], watched(name)
    alone = hear_all(ready, [lane])[name]
    assert len(alone.reports) == EPOCHS
    two, sixteen = others(2), others(16)
    companies = {
        "first of 3": [lane, *two],
        "amid 3": [two[0], lane, two[1]],
        "last of 3": [*two, lane],
        "first of 17": [lane, *sixteen],
        "amid 17": [*sixteen[:9], lane, *sixteen[9:]],
        "last of 17": [*sixteen, lane],
        "all on its data": [*others(4, seed=lane.seed), lane],
        "one on its data": [replace(lane, key="twin"), lane],
    }
    for company, jobs in companies.items():
        assert hear_all(ready, jobs)[name].said == alone.said, company


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", WATCHED)
def test_a_lane_that_comes_later_says_the_same(task: str, name: str) -> None:
    ready, lane = TASKS[task], watched(name)
    alone = hear_all(ready, [lane])[name]
    for comes in (1, 2):
        assert hear_all(ready, [*others(4), lane], joins={name: comes})[name].said == alone.said
        assert hear_all(ready, [*others(4, seed=lane.seed), lane], joins={name: comes})[name].said == alone.said


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", WATCHED)
def test_a_lane_from_which_others_are_pruned_says_the_same(task: str, name: str) -> None:
    ready, lane = TASKS[task], watched(name)
    alone = hear_all(ready, [lane])[name]
    # All of them after its first epoch: it goes on alone.
    heard = hear_all(
        ready, [*others(4), lane], word=lambda report: Stop.PRUNED if report.key.startswith("other") else None
    )
    assert heard[name].said == alone.said
    assert {len(each.reports) for key, each in heard.items() if key != name} == {1}


def test_lanes_with_wide_products_say_the_same_in_any_company(wide_products: list[int]) -> None:
    ready, lane = TASKS["perceptron"], watched("Adam")
    alone = hear_all(ready, [lane], planned=32)["Adam"]
    # The double that it has.
    assert set(wide_products) == {2}
    for count in (1, 4, 16):
        wide_products.clear()
        heard = hear_all(ready, [*others(count, seed=0), lane], joins={"Adam": count % 2}, planned=32)["Adam"]
        assert heard.said == alone.said
        assert set(wide_products) >= {count + 1}
    plain = hear_all(ready, [lane])["Adam"]
    assert torch.tensor(alone.steps) == pytest.approx(torch.tensor(plain.steps), rel=1e-4)


@pytest.mark.parametrize("task", TASKS)
def test_more_lanes_than_places_wait_and_say_the_same(task: str) -> None:
    ready, jobs = TASKS[task], [*others(6), watched("Adam")]
    whole, by_two = hear_all(ready, jobs), hear_all(ready, jobs, most=2)
    for job in jobs:
        assert by_two[job.key].said == whole[job.key].said
        assert by_two[job.key].ended == whole[job.key].ended


def test_lanes_alone_in_a_cohort_train_as_looped_ones_up_to_rounding() -> None:
    for ready in TASKS.values():
        lane = watched("SGD")
        fused, looped = (hear_all(ready, [lane], fused=each)[lane.key] for each in (True, False))
        assert torch.tensor(fused.steps) == pytest.approx(torch.tensor(looped.steps), rel=1e-4)


def test_a_budget_that_ends_amid_an_epoch_is_validated_with_random_numbers_of_its_own() -> None:
    class Drawing(Precise):
        def model(self) -> nn.Module:
            return nn.Sequential(super().model(), nn.Dropout(0.3))

        def metrics(self, model: nn.Module, batch: Any) -> dict[str, Tensor]:
            x, y = batch
            return {"loss": (model(x + torch.randn_like(x)) - y).square().mean()}

    ready, own = prepared(Drawing()), a_job(key="own", budget=Budget(steps=13))
    others = [a_job(key="longer", seed=8), a_job(key="shorter", seed=9, budget=Budget(steps=11))]
    alone = hear_all(ready, [own])["own"]
    assert hear_all(ready, [*others, own])["own"].said == alone.said
    looped = hear_all(ready, [own], fused=False)["own"]
    assert alone.reports[-1].metrics == pytest.approx(looped.reports[-1].metrics, rel=1e-8)
