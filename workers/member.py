"""A lane in its cohort: where it begins, what it reports, and whether it is over."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweeps.errors import TaskError, unknown
from sweeps.objective import Objective
from sweeps.records import Job, Outcome, Report
from workers import checkpoint
from workers.fused.engine import FusedEngine
from workers.lane import EpochCurve, Lane
from workers.prepared import PreparedTask


@dataclass(slots=True, kw_only=True, eq=False)
class Member:
    """A lane, the engine that it is stacked in (None: it trains by itself), and the objectives that it has reported.

    `over` says how the last epoch ended it, if it did.
    """

    lane: Lane
    objectives: list[float]
    engine: FusedEngine | None = None
    began: float = field(default_factory=time.monotonic)
    over: Outcome | None = None

    @classmethod
    def begin(cls, prepared: PreparedTask, job: Job) -> "Member":
        """A lane as its checkpoint left it, or a new one. Raises what torch and the user's code do."""
        lane, objectives = _resumed(prepared, job) or (Lane(prepared, job), [])
        return cls(lane=lane, objectives=objectives)

    @property
    def job(self) -> Job:
        return self.lane.job

    @property
    def file(self) -> Path | None:
        return Path(self.job.checkpoint) if self.job.checkpoint else None

    def save(self) -> OSError | None:
        """Writes its checkpoint, if it has a file for it; says what kept it from doing so.

        A checkpoint only saves time: without it the trial goes on from an older one, or from its start.
        """
        if self.file is None:
            return None
        if self.engine is not None:
            self.engine.settle(self.lane)
        try:
            checkpoint.save(self.file, {"lane": self.lane.state_dict(), "objectives": self.objectives})
        except OSError as error:
            return error
        return None

    def report(self, curve: EpochCurve, evaluated: Mapping[str, float]) -> Report:
        """Its epoch; says in `over` whether that was the last. Raises TaskError if it cannot be judged."""
        lane, job = self.lane, self.job
        if lane.epoch == 1 and not math.isfinite(curve.losses[0]):
            raise TaskError(first_loss_message(curve.losses[0]))
        metrics = {"train/loss": curve.mean_loss, **(evaluated if job.ramp is None else {})}
        watched = job.objective.metric if job.ramp is None else "train/loss"
        if curve.finite and watched not in metrics:
            raise TaskError(unknown("metric", watched, metrics))
        if has_diverged(metrics, job.objective):
            self.over = Outcome.DIVERGED
        else:
            self.objectives.append(metrics[watched])
            stopping = job.early_stopping
            if lane.done or (stopping is not None and stopping.is_over(self.objectives, job.objective)):
                self.over = Outcome.COMPLETE
        return Report(
            key=job.key,
            epoch=lane.epoch,
            step=lane.step,
            metrics=metrics,
            lrs=curve.lrs.lrs,
            step_losses=curve.losses,
            step_lrs=curve.lrs.step_lrs,
            step_more=curve.lrs.more,
            watched=curve.watched,
            seconds=time.monotonic() - self.began,
        )


def has_diverged(metrics: Mapping[str, float], objective: Objective) -> bool:
    """True if a loss or the objective is NaN or infinite; the user's other metrics may be undefined for an epoch."""
    watched = {"train/loss", "val/loss", objective.metric} & metrics.keys()
    return not all(math.isfinite(metrics[name]) for name in watched)


def first_loss_message(loss: float) -> str:
    """What to say of a loss that is not finite before anything was trained."""
    return (
        f"the loss is {loss} at the first step, before any update of the weights, so no learning rate can help; "
        "look at the data (NaN, infinite or unscaled values) and at the loss"
    )


def _resumed(prepared: PreparedTask, job: Job) -> tuple[Lane, list[float]] | None:
    """The lane as its checkpoint left it, and its objectives; None without one, or with one that cannot be used."""
    if job.checkpoint is None:
        return None
    try:
        state: dict[str, Any] | None = checkpoint.load(Path(job.checkpoint), prepared.device)
        if state is None:
            return None
        lane = Lane(prepared, job)
        lane.load_state_dict(state["lane"])
        beyond = job.known is not None and lane.epoch > job.known
        return None if beyond else (lane, list(state["objectives"]))
    except Exception:
        # A damaged file raises almost anything, and one of another model or other data too. It only saves time.
        return None
