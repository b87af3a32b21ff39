"""Tries a task before the sweep: one batch, then one step of every optimizer and schedule that it will meet."""

import math
from collections.abc import Iterable, Iterator
from itertools import groupby

from torch import Tensor, nn

from sweeps.errors import TaskError, UserError
from sweeps.records import Job, TaskInfo
from workers.accumulation import accumulation_of, parts_of
from workers.lane import Lane
from workers.member import first_loss_message
from workers.prepared import PreparedTask
from workers.seeding import seed_model
from workers.structures import example_count


def probe(prepared: PreparedTask, candidates: Iterable[Job] = ()) -> TaskInfo:
    """Tries the model, one training batch and one validation batch, then a training step of every candidate.

    Raises TaskError for a loss that is no loss, UserError for a candidate that asks for what there is not; one that
    cannot train this model on these data is refused in what it returns.
    """
    prepared = prepared.own()
    seed_model(0)
    model = prepared.model()
    _check_model(model, prepared.model())
    batch, *_ = parts_of(next(prepared.train.shuffled(0, 0)))
    loss = prepared.loss(model, batch)
    if getattr(loss, "shape", None) != () or not loss.requires_grad:
        raise TaskError(f"the task's loss(model, batch) must give a scalar tensor with gradient, got {_shown(loss)}")
    if not math.isfinite(loss.item()):
        raise TaskError(first_loss_message(loss.item()))
    names: tuple[str, ...] = ()
    if prepared.val is not None:
        model.eval()
        names = tuple(prepared.metrics(model, next(prepared.val.in_order())))
    return TaskInfo(
        steps_per_epoch=prepared.train.per_epoch,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        metrics=("train/loss", *names),
        device=str(prepared.device),
        batch_size=example_count(batch),
        accumulation=accumulation_of(prepared.task),
        refused=dict(_refused(prepared, candidates)),
    )


def _check_model(model: nn.Module, another: nn.Module) -> None:
    """Raises TaskError for a model that cannot train, or that trials would share."""
    if not any(each.requires_grad for each in model.parameters()):
        raise TaskError("the task's model() has no parameters to train: none at all, or all are frozen")
    if {id(each) for each in model.parameters()} & {id(each) for each in another.parameters()}:
        raise TaskError(
            "the task's model() gave the same parameters twice, which trials would train one after another: make a new "
            "model in it each time"
        )


def _shown(loss: object) -> str:
    if not isinstance(loss, Tensor):
        return repr(loss)
    if loss.dim():
        return f"one of shape {list(loss.shape)}: take its mean"
    return "one without a gradient: it does not depend on a parameter that trains"


def _refused(prepared: PreparedTask, candidates: Iterable[Job]) -> Iterator[tuple[str, str]]:
    """The candidates that cannot train, by key, and why. A step is made once per optimizer: it takes a new model."""
    for _, jobs in groupby(candidates, key=lambda job: (job.optimizer, job.optimizer_params)):
        lane: Lane | None = None
        for job in jobs:
            try:
                if lane is None:
                    rehearsed = Lane(prepared, job)
                    rehearsed.rehearse()
                    lane = rehearsed
                else:
                    lane.reschedule(job)
            except UserError:
                raise
            except TaskError as error:
                yield job.key, error.summary
            except Exception as error:
                first_line = str(error).strip().partition("\n")[0]
                yield job.key, f"{type(error).__name__}: {first_line}"
