"""bfloat16 by autocast: stacked lanes train as single ones within its noise, and nothing but the loss is rounded."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sweeps.records import Job, Notice, Report
from sweeps.spec import Precision
from tests.workers.small import CPU, Regression, a_job
from workers.cohort import Cohort
from workers.inline import InlineRunner
from workers.lane import Lane
from workers.precision import set_precision
from workers.prepared import PreparedTask


class Seen(Regression):
    """Notes what type its model's outputs have."""

    def __init__(self) -> None:
        super().__init__(norm=True)
        self.types: set[torch.dtype] = set()

    def loss(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        outputs = model(batch[0])
        self.types.add(outputs.dtype)
        return F.mse_loss(outputs.float(), batch[1])


JOBS = [
    a_job(key=optimizer, seed=seed, optimizer=optimizer, initial_lr=0.01)
    for seed, optimizer in enumerate(("SGD", "Adam", "RMSprop", "Adafactor"))
]


def step_losses(precision: Precision, jobs: list[Job], *, fused: bool) -> dict[str, list[float]]:
    cohort = Cohort(PreparedTask.of(Regression(norm=True), CPU, precision), fused=fused, most=len(jobs))
    cohort.join(jobs)
    losses: dict[str, list[float]] = {job.key: [] for job in jobs}
    while len(cohort):
        said = [*cohort.admit(), *cohort.train_epoch()]
        assert [each.text for each in said if isinstance(each, Notice)] == []
        reports = [each for each in said if isinstance(each, Report)]
        for report in reports:
            losses[report.key] += [*report.step_losses, report.metrics["val/loss"]]
        cohort.hear({report.key: None for report in reports})
    return losses


def test_stacked_lanes_train_as_single_ones_within_its_noise() -> None:
    alone, exact = (step_losses(precision, JOBS, fused=False) for precision in ("bf16", "float32"))
    stacked = step_losses("bf16", JOBS, fused=True)
    for key, losses in stacked.items():
        assert losses == pytest.approx(alone[key], rel=0.05)
        assert losses == pytest.approx(exact[key], rel=0.1)
        assert losses != pytest.approx(exact[key], rel=1e-5), "it was rounded"


def test_losses_and_metrics_are_computed_in_bfloat16_and_nothing_else_is() -> None:
    task = Seen()
    prepared = PreparedTask.of(task, CPU, "bf16")
    lane = Lane(prepared, a_job(optimizer="Adam"))
    lane.train_epoch()
    lane.evaluate()
    assert task.types == {torch.bfloat16}
    state = [each for own in lane.optimizer.state.values() for each in own.values()]
    tensors = [*lane.model.parameters(), *lane.model.buffers(), *state]
    assert {each.dtype for each in tensors if each.is_floating_point()} == {torch.float32}


def test_without_it_nothing_is_rounded() -> None:
    for precision in ("float32", "tf32"):
        task = Seen()
        Lane(PreparedTask.of(task, CPU, precision), a_job()).train_epoch()
        assert task.types == {torch.float32}


def test_a_worker_computes_as_precisely_as_it_is_told() -> None:
    task = Seen()
    runner = InlineRunner(lambda: task, precision="bf16")
    runner.probe()
    runner.close()
    assert task.types == {torch.bfloat16}


def test_tf32_is_for_cuda_alone() -> None:
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    try:
        set_precision("float32")
        assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == before
        set_precision("tf32")
        assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == (True, True)
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
