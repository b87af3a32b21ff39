"""The training loop: a generator that yields a report each epoch and is sent the coordinator's word."""

import math
import time
from collections.abc import Generator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sweeps.errors import TaskError, unknown
from sweeps.objective import Objective
from sweeps.records import Ended, Job, Outcome, Report, Started, Stop, TaskInfo
from workers import checkpoint
from workers.lane import EpochCurve, Lane, PreparedTask
from workers.seeding import seed_model

Training = Generator[Started | Report, Stop | None, Ended]
"""Yields events, takes the reason to stop (None: go on), returns how it ended."""

_SAVE_EVERY = 5.0
"""Seconds of training that a lost worker may cost; saving more often would slow small models."""

STOPPED_AS = {
    Stop.PRUNED: Outcome.PRUNED,
    Stop.CANCELLED: Outcome.CANCELLED,
    Stop.INTERRUPTED: Outcome.CANCELLED,
}


def probe(prepared: PreparedTask) -> TaskInfo:
    """Tries the model, one training batch and one validation batch. Raises TaskError for a loss that is no loss."""
    seed_model(0)
    model = prepared.task.model().to(prepared.device)
    loss = prepared.task.loss(model, next(prepared.train.shuffled(0, 0)))
    if getattr(loss, "shape", None) != () or not loss.requires_grad:
        raise TaskError(f"the task's loss(model, batch) must give a scalar tensor with gradient, got {loss!r}")
    if not math.isfinite(loss.item()):
        raise TaskError(_first_loss_message(loss.item()))
    names: tuple[str, ...] = ()
    if prepared.val is not None:
        model.eval()
        names = tuple(prepared.metrics(model, next(prepared.val.in_order())))
    return TaskInfo(
        steps_per_epoch=prepared.train.per_epoch,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        metrics=("train/loss", *names),
        device=str(prepared.device),
    )


def train(prepared: PreparedTask, job: Job) -> Training:
    """Trains one lane to the end of its budget, or until it diverges, stops improving, or is told to stop."""
    progress = _Progress(job)
    file = Path(job.checkpoint) if job.checkpoint else None
    lane = (_resumed(prepared, job, file, progress) if file else None) or Lane(prepared, job)
    yield Started(key=job.key, epoch=lane.epoch)
    saved = time.monotonic()
    while not lane.done:
        first_step = lane.step == 0
        curve = lane.train_epoch()
        if first_step and not math.isfinite(curve.losses[0]):
            raise TaskError(_first_loss_message(curve.losses[0]))
        metrics = {"train/loss": curve.mean_loss}
        if curve.finite and job.ramp is None:
            metrics |= lane.evaluate()
        stop = yield progress.report(lane, curve, metrics)
        if has_diverged(metrics, job.objective):
            return progress.end(Outcome.DIVERGED, file)
        progress.objectives.append(metrics[job.objective.metric] if job.ramp is None else metrics["train/loss"])
        # What has come to its end is complete, whatever is wanted of it by now.
        if lane.done or (job.early_stopping and job.early_stopping.is_over(progress.objectives, job.objective)):
            break
        lane.schedule.epoch_done(progress.objectives[-1])
        if file and (stop is Stop.INTERRUPTED or time.monotonic() - saved > _SAVE_EVERY):
            _save(file, {"lane": lane.state_dict(), "objectives": progress.objectives})
            saved = time.monotonic()
        if stop is Stop.INTERRUPTED:
            return Ended(key=job.key, outcome=Outcome.CANCELLED, interrupted=True)
        if stop in (Stop.PRUNED, Stop.CANCELLED):
            return progress.end(STOPPED_AS[stop], file)
    return progress.end(Outcome.COMPLETE, file)


def has_diverged(metrics: Mapping[str, float], objective: Objective) -> bool:
    """True if a loss or the objective is NaN or infinite; the user's other metrics may be undefined for an epoch."""
    watched = {"train/loss", "val/loss", objective.metric} & metrics.keys()
    return not all(math.isfinite(metrics[name]) for name in watched)


class _Progress:
    """What the loop remembers of one job between epochs."""

    def __init__(self, job: Job):
        self._job = job
        self._began = time.monotonic()
        self.objectives: list[float] = []

    def report(self, lane: Lane, curve: EpochCurve, metrics: dict[str, float]) -> Report:
        job = self._job
        if job.ramp is None and curve.finite and job.objective.metric not in metrics:
            raise TaskError(unknown("metric", job.objective.metric, metrics))
        return Report(
            key=job.key,
            epoch=lane.epoch,
            step=lane.step,
            metrics=metrics,
            lrs=curve.lrs,
            step_losses=curve.losses,
            step_lrs=curve.step_lrs,
            seconds=time.monotonic() - self._began,
        )

    def end(self, outcome: Outcome, file: Path | None) -> Ended:
        if file:
            checkpoint.remove(file)
        return Ended(key=self._job.key, outcome=outcome)


def _resumed(prepared: PreparedTask, job: Job, file: Path, progress: _Progress) -> Lane | None:
    """The lane as a checkpoint left it; None without one, or with one that cannot be used."""
    try:
        if (state := checkpoint.load(file, prepared.device)) is None:
            return None
        lane = Lane(prepared, job)
        lane.load_state_dict(state["lane"])
        progress.objectives = list(state["objectives"])
    except Exception:
        # A damaged file raises almost anything, and one of another model too. A checkpoint only saves time.
        return None
    return lane


def _save(file: Path, state: dict[str, Any]) -> None:
    # A checkpoint only saves time: without it the trial goes on from an older one, or from its start.
    with suppress(OSError):
        checkpoint.save(file, state)


def _first_loss_message(loss: float) -> str:
    return (
        f"the loss is {loss} at the first step, before any update of the weights, so no learning rate can help; "
        "look at the data (NaN, infinite or unscaled values) and at the loss"
    )
