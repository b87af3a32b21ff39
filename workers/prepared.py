"""A task made ready: its data on a device, its loss and metrics as a worker computes them."""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from sweeps.errors import TaskError
from sweeps.spec import Precision
from workers.accumulation import accumulated
from workers.data import Batches, batches_of
from workers.precision import computing
from workers.seeding import seed_model
from workers.task import Task
from workers.tracebacks import user_traceback


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedTask:
    """A task with its data made ready on a device, once for all lanes that a worker trains."""

    task: Task
    train: Batches
    val: Batches | None
    device: torch.device
    precision: Precision = "float32"

    @classmethod
    def of(cls, task: Task, device: torch.device, precision: Precision = "float32") -> "PreparedTask":
        """Loads the task's data. Raises whatever the user's code raises, TaskError for data of no known kind."""
        # A split that is drawn at random must be the same on every worker, or trials could not be compared.
        seed_model(0)
        splits = _of_task("data", task.data)
        if not (isinstance(splits, tuple | list) and len(splits) == 2):
            raise TaskError(f"the task's data() must give (training, validation or None), got {type(splits).__name__}")
        train, val = splits
        return cls(
            task=task,
            train=accumulated(batches_of(train, task, device), task),
            val=None if val is None else batches_of(val, task, device),
            device=device,
            precision=precision,
        )

    def own(self) -> "PreparedTask":
        """The same for one trial: what the task's methods assign to `self` is the trial's own.

        What `self` holds is shared, caches say. A task that cannot be copied is shared itself.
        """
        return replace(self, task=_copied(self.task))

    def apart(self) -> "PreparedTask":
        """The same for stacked lanes, whose tensors are of no use elsewhere: caches of the task get none."""
        task = _copied(self.task)
        if task is not self.task:
            # Not by setattr(), which frozen dataclasses refuse; those with slots have no such dictionary.
            own = getattr(task, "__dict__", {})
            own |= {key: copy(value) for key, value in own.items() if type(value) in (dict, list, set)}
        return replace(self, task=task)

    def model(self) -> nn.Module:
        """A new model of the task's, on the device."""
        made = _of_task("model", self.task.model)
        if not isinstance(made, nn.Module):
            raise TaskError(f"the task's model() must give a torch.nn.Module, got {type(made).__name__}")
        return made.to(self.device)

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        """The task's loss of one batch, in the worker's precision."""
        with computing(self.precision, self.device):
            loss: Tensor = _of_task("loss", self.task.loss, model, batch)
            return loss

    def metrics(self, model: nn.Module, batch: Any) -> dict[str, Tensor]:
        """The validation metrics of one batch by their logged names; the loss is always among them.

        Metrics that have it save a second pass of the batch through the model; but not where a subclass has a loss of
        its own, and metrics of its base's.
        """
        own = getattr(self.task, "metrics", None)
        with computing(self.precision, self.device):
            values = _of_task("metrics", own, model, batch) if own else {}
            if not isinstance(values, Mapping):
                raise TaskError(f"the task's metrics() must give a dict of numbers, got {type(values).__name__}")
            values = {**values}
            if "loss" not in values or _has_a_newer_loss(type(self.task)):
                values.pop("loss", None)
                values = {"loss": _of_task("loss", self.task.loss, model, batch), **values}
        return {f"val/{name}": _scalar(name, value) for name, value in values.items()}


def _copied(task: Task) -> Task:
    try:
        return copy(task)
    except Exception:
        # A class of the user's may raise anything, and may have no attributes of its own.
        return task


def _of_task(name: str, method: Callable[..., Any], *args: Any) -> Any:
    """What a method of the task gives. Raises TaskError if it calls sys.exit(), which would end the sweep's process."""
    try:
        return method(*args)
    except SystemExit as error:
        raise TaskError(f"the task's {name}() left with {error!r}", user_traceback(error)) from error


def _has_a_newer_loss(task: type) -> bool:
    first = next((cls for cls in task.__mro__ if {"loss", "metrics"} & vars(cls).keys()), task)
    return "metrics" not in vars(first)


def _scalar(name: str, given: Any) -> Tensor:
    try:
        value = torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError):
        raise TaskError(f"the task's metric '{name}' must be a number, got {given!r}") from None
    if value.numel() != 1:
        raise TaskError(f"the task's metric '{name}' must be one number a batch, got shape {tuple(value.shape)}")
    return value.reshape(())
