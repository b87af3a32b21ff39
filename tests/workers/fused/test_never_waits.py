"""Steps never wait for a GPU: shown on torch's meta device, whose tensors have no numbers to ask for."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from sweeps.records import Report
from tests.workers.fused.lanetable import PARAMS, Params
from tests.workers.fused.zoo import STACKED as STACKED_MODELS
from tests.workers.small import CPU, Regression, a_job
from workers.cohort import Cohort
from workers.fused.engine import FusedEngine
from workers.fused.stacking import Stacking
from workers.fused.streams import RandomStreams
from workers.fused.template import Template
from workers.lane import LOOK_EVERY, Lane
from workers.prepared import PreparedTask
from workers.stacked.rules import RULES

Shape = tuple[int, ...]

STACKED = [(name, params) for name in sorted(RULES.keys() - {"Rprop"}) for params in PARAMS[name]]
"""Those of mini-batches, with all their flags; Rprop takes all data at once."""


class Long(Regression):
    """More steps an epoch than losses are fetched of at once."""

    batch_size = 1

    def data(self) -> Any:
        x = torch.zeros(LOOK_EVERY + 10, 4)
        return (x, x[:, :2]), (x[:3], x[:3, :2])


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[Shape]:
    """The shapes of all that was fetched from the device, in order; it comes as ones."""
    shapes: list[Shape] = []

    def fetching(name: str) -> Callable[[torch.Tensor], Any]:
        usual = getattr(torch.Tensor, name)

        def fetch(tensor: torch.Tensor) -> Any:
            if not tensor.is_meta:
                return usual(tensor)
            shapes.append(tuple(tensor.shape))
            return torch.ones(tensor.shape).numpy().tolist()

        return fetch

    for name in ("tolist", "item", "__float__"):
        monkeypatch.setattr(torch.Tensor, name, fetching(name))
    # What they compare are numbers.
    monkeypatch.setattr("workers.fused.stacking.check_stacking", lambda prepared, data: None)
    monkeypatch.setattr("workers.fused.template._same", lambda again, loss: True)
    return shapes


@pytest.mark.parametrize(
    ("fused", "optimizers", "lanes"),
    [
        (True, STACKED, (len(STACKED),)),
        (True, [("SGD", {}), ("Muon", {})], (2,)),
        (False, [("Adam", {})], ()),
        (False, [("Muon", {})], ()),
    ],
    ids=["stacked", "stacked beside one by its own optimizer", "alone", "alone, two optimizers"],
)
@pytest.mark.parametrize("scheduler", ["none", "OneCycleLR"])
def test_losses_are_fetched_once_a_chunk_and_nothing_else_before_validation(
    fused: bool, optimizers: Sequence[tuple[str, Params]], lanes: tuple[int, ...], scheduler: str, fetched: list[Shape]
) -> None:
    ready = PreparedTask.of(Long(), torch.device("meta"))
    cohort = Cohort(ready, fused=fused, most=len(optimizers), stacking=Stacking(ready))
    jobs = [
        a_job(key=f"{place}", optimizer=name, optimizer_params=params, scheduler=scheduler)
        for place, (name, params) in enumerate(optimizers)
    ]
    cohort.join(jobs)
    cohort.admit()
    said = cohort.train_epoch()
    assert [type(event) for event in said] == [Report] * len(optimizers), said
    assert fetched == [(*lanes, LOOK_EVERY), (*lanes, 10), lanes, lanes]


@pytest.mark.parametrize("name", STACKED_MODELS)
def test_a_step_and_a_validation_of_any_model_stay_on_its_device(
    name: str, fetched: list[Shape], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_cpu = PreparedTask.of(STACKED_MODELS[name], CPU)
    draws = Template(on_cpu, next(on_cpu.train.shuffled(0, 0))).draws
    # The meta device has no stream that would tell.
    monkeypatch.setattr(RandomStreams, "moved", lambda self, since: draws)
    ready = PreparedTask.of(STACKED_MODELS[name], torch.device("meta"))
    engine = FusedEngine(Stacking(ready), ready.train)
    engine.join([Lane(ready, a_job(optimizer=optimizer)) for optimizer in ("SGD", "Adam")])
    assert engine.rehearsal()().is_meta
    assert fetched == []
    metrics = engine.evaluate()
    assert fetched == [(2,)] * len(metrics[0][1])
