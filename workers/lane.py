"""A lane: one trial inside a training process, with its own model, optimizer and schedule."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from sweeps.catalogue import optimizer_row
from sweeps.errors import TaskError
from sweeps.groups import group_names
from sweeps.records import Job
from workers.accumulation import Accumulated, parts_of
from workers.data import Batches, Mapped
from workers.grouped import GroupedOptimizer
from workers.inmemory import InMemory
from workers.keeping import moved, numbers_of, set_numbers, set_tensors, tensors_beside
from workers.looks import Looks
from workers.lrcurves import EpochLrs, LrCurves
from workers.means import Means
from workers.memory import is_short_of_memory
from workers.optimizers import needs_closure, set_mode
from workers.prepared import PreparedTask
from workers.schedules import build_schedule
from workers.seeding import seed_epoch, seed_model, undisturbed
from workers.structures import example_count

LOOK_EVERY = 50
"""Steps between two looks at whether the loss is still finite: a look makes a GPU wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochCurve:
    """What one epoch of training left: the loss and the examples of each step, [steps], and the LRs.

    `watched` holds what a ramp validated on its way, by the number of steps that were done.
    """

    losses: tuple[float, ...]
    examples: tuple[int, ...]
    lrs: EpochLrs
    watched: Mapping[int, Mapping[str, float]]

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
        self._shared, self._prepared, self.job = prepared.task, prepared.own(), job
        self._needs = optimizer_row(job.optimizer).needs
        self.data = _full_batch(job.optimizer, prepared.train) if self._needs.full_batch else prepared.train
        seed_model(job.seed)
        self.model = self._prepared.model()
        self._numbers = numbers_of(self.model, self._prepared.task)
        self._grouped = GroupedOptimizer(self.model, job)
        self.optimizer, self.initial_lrs = self._grouped.optimizer, self._grouped.initial_lrs
        self.by_closure = needs_closure(job.optimizer, self.optimizer)
        """Whether the optimizer's step calls for the loss, perhaps more than once."""
        self.schedule = build_schedule(job, self.optimizer, self.initial_lrs, self.data.per_epoch)
        names = group_names(job.groups, len(self.initial_lrs))
        self._lrs = LrCurves(names, by_step=self.schedule.by_step)
        self.epoch = self.step = 0
        self.total_steps = job.budget.total_steps(self.data.per_epoch)
        self._losses: list[float] = []
        self._examples: list[int] = []
        self.looks = Looks(job.ramp, prepared.val)

    @property
    def done(self) -> bool:
        """True once the budget is spent."""
        return self.step >= self.total_steps

    @property
    def finite(self) -> bool:
        """True if no step of this epoch had a loss that was NaN or infinite."""
        return all(map(math.isfinite, self._losses))

    @property
    def exploded(self) -> bool:
        """True if a parameter is NaN or infinite."""
        return not all(bool(each.isfinite().all()) for each in self.model.parameters())

    @property
    def until_look(self) -> int:
        """Steps from here until a ramp wants to be validated, or until the budget is spent."""
        return (self.looks.following(self.step) or self.total_steps) - self.step

    @property
    def wants_look(self) -> bool:
        """True if a ramp wants to be validated after the steps that are done."""
        return self.looks.due(self.step) and self.finite

    def begin_look(self) -> None:
        """Puts the weights in place that validation is to see."""
        set_mode(self.optimizer, training=False)

    def end_look(self, metrics: Mapping[str, float]) -> None:
        """Takes what validation said after the steps that are done, and makes ready to train on."""
        self.looks.see(self.step, metrics)
        self.model.train()
        set_mode(self.optimizer, training=True)

    def train_epoch(self) -> EpochCurve:
        """Trains one epoch, or what the budget leaves of it; ends early at a loss that is not finite."""
        self.begin_epoch()
        losses: list[Tensor] = []
        examples: list[int] = []
        for batch in self._batches():
            self.schedule.set(epoch=self.epoch, step=self.step + len(losses))
            losses.append(self._loss_or_nan(batch))
            examples.append(sum(map(example_count, parts_of(batch))))
            over = self.step + len(losses) >= self.total_steps
            if over or len(losses) == min(LOOK_EVERY, self.until_look):
                self.take(torch.stack(losses).tolist(), examples)
                losses, examples = [], []
                if self.wants_look:
                    self.begin_look()
                    with undisturbed():
                        metrics = self.evaluate(self.looks.stride)
                    self.end_look(metrics)
            if over or not self.finite:
                break
        if losses:
            self.take(torch.stack(losses).tolist(), examples)
        return self.end_epoch()

    def _loss_or_nan(self, batch: Any) -> Tensor:
        """Makes a step; its loss is NaN where the task raises an error over weights that are no longer finite."""
        try:
            return self.train_step(batch)
        except Exception as error:
            if is_short_of_memory(error) or not self.exploded:
                raise
            return torch.tensor(math.nan, device=self._prepared.device)

    def begin_epoch(self) -> None:
        """Makes ready for the steps of an epoch: random streams, the groups that join, training mode."""
        self._losses, self._examples = [], []
        seed_epoch(self.job.seed, self.epoch)
        self._grouped.begin(self.epoch)
        self.model.train()
        set_mode(self.optimizer, training=True)

    def take(self, losses: Sequence[float], examples: Sequence[int]) -> None:
        """Counts steps that were made; what comes after a loss that is not finite was never made."""
        end = next((i + 1 for i, loss in enumerate(losses) if not math.isfinite(loss)), len(losses))
        self._losses += losses[:end]
        self._examples += examples[:end]
        for step in range(self.step, self.step + end):
            lrs = self.schedule.lrs(epoch=self.epoch, step=step)
            joined = tuple(lr if at <= self.epoch else 0.0 for lr, at in zip(lrs, self._grouped.joins_at, strict=True))
            self._lrs.note(joined, self.schedule.momenta(epoch=self.epoch, step=step))
        self.step += end

    def end_epoch(self) -> EpochCurve:
        """Ends the epoch, however many steps it had."""
        # Here, so that what is evaluated and what is kept are the same weights, with or without validation data.
        set_mode(self.optimizer, training=False)
        curve = EpochCurve(
            losses=tuple(self._losses),
            examples=tuple(self._examples),
            lrs=self._lrs.take(),
            watched=self.looks.take(),
        )
        self.epoch += 1
        return curve

    def rehearse(self) -> None:
        """Tries a step with every set of groups that will train together; the lane is of no use afterwards.

        Raises whatever torch or the user's code does.
        """
        last = (self.total_steps - 1) // self.data.per_epoch
        for epoch in sorted({epoch for epoch in self._grouped.joins_at if epoch <= last}):
            self.epoch, self.step = epoch, epoch * self.data.per_epoch
            self.begin_epoch()
            self.schedule.set(epoch=self.epoch, step=self.step)
            self.train_step(next(self._batches()))

    def reschedule(self, job: Job) -> None:
        """Takes the schedule of a job that differs from its own in nothing else."""
        self.schedule = build_schedule(job, self.optimizer, self.initial_lrs, self.data.per_epoch)

    def _batches(self) -> Iterator[Any]:
        return self.data.shuffled(self.job.seed, self.epoch)

    def train_step(self, batch: Any) -> Tensor:
        """Makes one step on a batch, at the LR that stands in the optimizer; its loss, before the update."""
        if self.by_closure:
            return self._closure_step(batch)
        loss = self._gradients(batch)
        self.optimizer.step()
        return loss

    def _closure_step(self, batch: Any) -> Tensor:
        losses: list[Tensor] = []

        def closure() -> Tensor:
            loss = self._gradients(batch)
            losses.append(loss)
            return loss

        self.optimizer.step(closure)  # type: ignore[arg-type]
        # The loss before the update, as every other optimizer's step has it.
        return losses[0]

    def _gradients(self, batch: Any) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        parts = parts_of(batch)
        examples = sum(map(example_count, parts))
        losses: list[Tensor] = []
        for part in parts:
            loss = self._prepared.loss(self.model, part)
            if len(parts) > 1:
                loss = loss * (example_count(part) / examples)
            loss.backward()  # type: ignore[no-untyped-call]
            losses.append(loss.detach())
        if self._needs.sparse and self.step % self.data.per_epoch == 0:
            self._check_sparse()
        return torch.stack(losses).sum() if len(losses) > 1 else losses[0]

    def _check_sparse(self) -> None:
        dense = [
            name for name, each in self.model.named_parameters() if each.grad is not None and not each.grad.is_sparse
        ]
        if dense:
            raise TaskError(
                f"{self.job.optimizer} takes sparse gradients only, those of Embedding(sparse=True); dense ones came "
                f"from: {', '.join(dense)}; use Adam or AdamW"
            )

    def evaluate(self, stride: int = 1) -> dict[str, float]:
        """The validation metrics, each the mean over all examples that have it; empty without validation data.

        Only every `stride`-th batch is looked at. Where the task raises an error over weights that are no longer finite
        the loss is NaN, and what the trial is judged by.
        """
        try:
            return self._evaluate(stride)
        except Exception as error:
            if is_short_of_memory(error) or not self.exploded:
                raise
            return dict.fromkeys({"val/loss", self.job.objective.metric} - {"train/loss"}, math.nan)

    @torch.no_grad()
    def _evaluate(self, stride: int) -> dict[str, float]:
        if self._prepared.val is None:
            return {}
        self.model.eval()
        means = Means()
        for batch in islice(self._prepared.val.in_order(), 0, None, stride):
            means.add(self._prepared.metrics(self.model, batch), example_count(batch))
        return means.numbers()

    def state_dict(self) -> dict[str, Any]:
        """All that the next epoch depends on: RNG streams and data order follow from seed and epoch."""
        model = self.model.state_dict()
        beside = {name: buffer for name, buffer in self.model.named_buffers() if name not in model}
        return {
            "epoch": self.epoch,
            "step": self.step,
            "per_epoch": self.data.per_epoch,
            # Copies: the tensors of a stacked lane are views, and would drag all lanes into its file.
            "model": {name: _copy(value) for name, value in model.items()},
            "buffers": {name: _copy(value) for name, value in beside.items()},
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "numbers": moved(self._numbers, numbers_of(self.model, self._prepared.task)),
            "task": tensors_beside(self._prepared.task, self._shared),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a checkpoint of the same job. Raises ValueError if its epochs had another number of steps."""
        if state["per_epoch"] != self.data.per_epoch:
            raise ValueError(f"epochs of {state['per_epoch']} steps, and now of {self.data.per_epoch}")
        self.epoch, self.step = state["epoch"], state["step"]
        self.model.load_state_dict(state["model"])
        for name, buffer in self.model.named_buffers():
            if name in state["buffers"]:
                buffer.copy_(state["buffers"][name])
        self._grouped.begin(self.epoch - 1)
        # The state was kept in this mode; the optimizer must know it before it goes on.
        set_mode(self.optimizer, training=False)
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        # Checkpoints of an earlier version have neither.
        set_numbers(self.model, self._prepared.task, state.get("numbers", {}))
        set_tensors(self._prepared.task, state.get("task", {}))


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def _full_batch(optimizer: str, batches: Batches) -> Batches:
    """The same data as one batch an epoch. Raises TaskError for ready batches, which nobody can put together."""
    if batches.per_epoch == 1:
        return batches
    if isinstance(batches, Accumulated):
        return replace(batches, many=batches.single.per_epoch)
    if isinstance(batches, InMemory | Mapped):
        return replace(batches, batch_size=batches.count)
    raise TaskError(
        f"{optimizer} trains on full batches, and the training data come in {batches.per_epoch} batches an epoch; let "
        "data() give tensors in memory, a Dataset, or one batch an epoch, or leave this optimizer out"
    )
