"""On a GPU: stacked lanes train as single ones, memory bounds them, and what does not fit is halved."""

import pytest
import torch

from sweeps.lanerecords import Rehearsal
from sweeps.records import Report
from tests.workers.fused.zoo import STACKED
from tests.workers.small import a_job
from workers.cohort import Cohort
from workers.fused.measure import measure_lanes
from workers.fused.stacking import Stacking
from workers.memory import free_bytes
from workers.prepared import PreparedTask

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

JOBS = [a_job(key=each, optimizer=each, initial_lr=0.01) for each in ("SGD", "Adam", "RMSprop", "Adafactor")]


def ready(name: str) -> PreparedTask:
    return PreparedTask.of(STACKED[name], torch.device("cuda"))


def losses(prepared: PreparedTask, stacking: Stacking | None) -> tuple[dict[str, list[float]], Cohort]:
    cohort = Cohort(prepared, fused=stacking is not None, most=len(JOBS), stacking=stacking)
    cohort.join(JOBS)
    found: dict[str, list[float]] = {job.key: [] for job in JOBS}
    while len(cohort):
        said = [*cohort.admit(), *cohort.train_epoch()]
        for event in said:
            if isinstance(event, Report):
                found[event.key] += event.step_losses
        cohort.hear({event.key: None for event in said if isinstance(event, Report)})
    return found, cohort


@pytest.mark.parametrize("name", ["LayerNorm", "BatchNorm2d", "Embedding with padding"])
@pytest.mark.parametrize("compiled", [False, True])
def test_stacked_lanes_train_as_single_ones(name: str, compiled: bool) -> None:
    prepared = ready(name)
    stacking = Stacking(prepared)
    stacking.compile(len(JOBS) if compiled else None)
    stacked, cohort = losses(prepared, stacking)
    alone, _ = losses(prepared, None)
    assert cohort.fused
    for key, own in stacked.items():
        assert own == pytest.approx(alone[key], rel=1e-8)


def test_memory_bounds_the_lanes() -> None:
    prepared = ready("LayerNorm")
    device = prepared.device
    assert 0 < free_bytes(device) <= torch.cuda.get_device_properties(device).total_memory
    probe = measure_lanes(Stacking(prepared), JOBS, Rehearsal(lanes=16, compile="off"))
    assert probe.refused is None
    assert probe.alone > 0
    assert 1 < probe.most <= 256
