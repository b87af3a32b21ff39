"""A lane: one trial inside a training process, with its own model, optimizer and schedule."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from sweeps.catalogue import optimizer_row
from sweeps.errors import TaskError
from sweeps.records import Job
from workers.data import Batches, InMemory, batches_of
from workers.optimizers import build_optimizer, group_lrs, needs_closure, set_mode
from workers.schedules import build_schedule
from workers.seeding import seed_epoch, seed_model
from workers.structures import example_count
from workers.task import Task

_CHECK_EVERY = 50
"""Steps between two looks at whether the loss is still finite: a look makes a GPU wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedTask:
    """A task with its data made ready on a device, once for all lanes that a worker trains."""

    task: Task
    train: Batches
    val: Batches | None
    device: torch.device

    @classmethod
    def of(cls, task: Task, device: torch.device) -> "PreparedTask":
        """Loads the task's data. Raises whatever the user's code raises, TaskError for data of no known kind."""
        # A split that is drawn at random must be the same on every worker, or trials could not be compared.
        seed_model(0)
        splits = task.data()
        if not (isinstance(splits, tuple) and len(splits) == 2):
            raise TaskError(f"the task's data() must give (training, validation or None), got {type(splits).__name__}")
        train, val = splits
        return cls(
            task=task,
            train=batches_of(train, task, device),
            val=None if val is None else batches_of(val, task, device),
            device=device,
        )

    def metrics(self, model: torch.nn.Module, batch: Any) -> dict[str, Tensor]:
        """The validation metrics of one batch by their logged names; the loss is always among them."""
        own = getattr(self.task, "metrics", None)
        values = {"loss": self.task.loss(model, batch), **(own(model, batch) if own else {})}
        return {f"val/{name}": _scalar(name, torch.as_tensor(value)) for name, value in values.items()}


def _scalar(name: str, value: Tensor) -> Tensor:
    if value.numel() != 1:
        raise TaskError(f"the task's metric '{name}' must be one number a batch, got shape {tuple(value.shape)}")
    return value.reshape(())


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochCurve:
    """What one epoch of training left: loss and first-group LR of each step, [steps], and every group's first LR."""

    losses: tuple[float, ...]
    step_lrs: tuple[float, ...]
    lrs: tuple[float, ...]
    examples: tuple[int, ...]

    @property
    def finite(self) -> bool:
        """True if no step's loss was NaN or infinite."""
        return all(map(math.isfinite, self.losses))

    @property
    def mean_loss(self) -> float:
        """The training loss of the epoch: the mean over examples while the weights moved."""
        return sum(loss * n for loss, n in zip(self.losses, self.examples, strict=True)) / sum(self.examples)


class Lane:
    """One trial in training. `epoch` and `step` count what is done."""

    def __init__(self, prepared: PreparedTask, job: Job):
        self._prepared, self._job = prepared, job
        self._needs = optimizer_row(job.optimizer).needs
        self._train = _full_batch(job.optimizer, prepared.train) if self._needs.full_batch else prepared.train
        seed_model(job.seed)
        self.model = prepared.task.model().to(prepared.device)
        self.optimizer = build_optimizer(job.optimizer, self.model, job.initial_lr, job.optimizer_params)
        self._closure = needs_closure(job.optimizer, self.optimizer)
        self.schedule = build_schedule(job, self.optimizer, self._train.per_epoch)
        self.epoch = self.step = 0
        self._total_steps = job.budget.total_steps(self._train.per_epoch)

    @property
    def done(self) -> bool:
        """True once the budget is spent."""
        return self.step >= self._total_steps

    def train_epoch(self) -> EpochCurve:
        """Trains one epoch, or what the budget leaves of it; ends early at a loss that is not finite."""
        seed_epoch(self._job.seed, self.epoch)
        self.model.train()
        set_mode(self.optimizer, training=True)
        losses: list[Tensor] = []
        step_lrs: list[float] = []
        examples: list[int] = []
        lrs: tuple[float, ...] = ()
        before, finite = self.step, True
        for batch in self._batches():
            self.schedule.set(epoch=self.epoch, step=self.step)
            lrs = lrs or group_lrs(self.optimizer)
            step_lrs.append(group_lrs(self.optimizer)[0])
            losses.append(self._train_step(batch))
            examples.append(example_count(batch))
            self.step += 1
            if len(losses) % _CHECK_EVERY == 0 and not torch.stack(losses[-_CHECK_EVERY:]).isfinite().all():
                finite = False
            if not finite or self.done:
                break
        # Here, so that what is evaluated and what is kept are the same weights, with or without validation data.
        set_mode(self.optimizer, training=False)
        self.epoch += 1
        values = torch.stack(losses).tolist()
        end = next((i + 1 for i, loss in enumerate(values) if not math.isfinite(loss)), len(values))
        self.step = before + end
        return EpochCurve(
            losses=tuple(values[:end]),
            step_lrs=tuple(step_lrs[:end]),
            lrs=lrs,
            examples=tuple(examples[:end]),
        )

    def _batches(self) -> Iterator[Any]:
        return self._train.shuffled(self._job.seed, self.epoch)

    def _train_step(self, batch: Any) -> Tensor:
        if self._closure:
            return self._closure_step(batch)
        loss = self._gradients(batch)
        self.optimizer.step()
        return loss.detach()

    def _closure_step(self, batch: Any) -> Tensor:
        losses: list[Tensor] = []

        def closure() -> Tensor:
            loss = self._gradients(batch)
            losses.append(loss.detach())
            return loss

        self.optimizer.step(closure)  # type: ignore[arg-type]
        # The loss before the update, as every other optimizer's step has it.
        return losses[0]

    def _gradients(self, batch: Any) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        loss = self._prepared.task.loss(self.model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        if self._needs.sparse and self.step == 0:
            self._check_sparse()
        return loss

    def _check_sparse(self) -> None:
        dense = [
            name for name, each in self.model.named_parameters() if each.grad is not None and not each.grad.is_sparse
        ]
        if dense:
            raise TaskError(
                f"{self._job.optimizer} takes sparse gradients only, those of Embedding(sparse=True); dense ones came "
                f"from: {', '.join(dense)}; use Adam or AdamW"
            )

    @torch.no_grad()
    def evaluate(self) -> dict[str, float]:
        """The validation metrics, each the mean over all examples; empty without validation data."""
        if self._prepared.val is None:
            return {}
        self.model.eval()
        sums: dict[str, Tensor] = {}
        count = 0
        for batch in self._prepared.val.in_order():
            weight = example_count(batch)
            count += weight
            for name, value in self._prepared.metrics(self.model, batch).items():
                sums[name] = sums.get(name, torch.zeros((), device=value.device)) + value.double() * weight
        return {name: float(total) / count for name, total in sums.items()}

    def state_dict(self) -> dict[str, Any]:
        """All that the next epoch depends on: RNG streams and data order follow from seed and epoch."""
        return {
            "epoch": self.epoch,
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint of the same job."""
        self.epoch, self.step = state["epoch"], state["step"]
        self.model.load_state_dict(state["model"])
        # The state was kept in this mode; the optimizer must know it before it goes on.
        set_mode(self.optimizer, training=False)
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])


def _full_batch(optimizer: str, batches: Batches) -> Batches:
    """The same data as one batch an epoch. Raises TaskError where they do not lie in memory."""
    if batches.per_epoch == 1:
        return batches
    if isinstance(batches, InMemory):
        return replace(batches, batch_size=batches.count)
    raise TaskError(
        f"{optimizer} trains on full batches, and the training data come in {batches.per_epoch} batches an epoch; let "
        "data() give tensors in memory, or one batch an epoch, or leave this optimizer out"
    )
