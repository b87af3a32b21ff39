"""Training a lane is what a plain PyTorch loop does, and every way that it can end says which it was."""

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim import lr_scheduler
from torch.optim.swa_utils import SWALR

from sweeps.catalogue import OPTIMIZERS, SCHEDULERS
from sweeps.domains import Value
from sweeps.errors import TaskError
from sweeps.objective import EarlyStopping, Objective
from sweeps.rangetest import ramp_lrs
from sweeps.records import Budget, Ended, Event, Outcome, Ramp, Stop
from tests.workers.plain import stock_batch_size, stock_optimizers, stock_step
from tests.workers.small import EXAMPLES, Regression, SparseBag, a_job, hear, prepared, stop_at, train
from workers.driver import drive
from workers.prepared import PreparedTask
from workers.probe import probe
from workers.seeding import data_order, seed_epoch
from workers.tasks.digits import DigitsMLP

OPTIMIZER_PARAMS: dict[str, dict[str, Value]] = {
    "SGD": {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-3},
    "Adam": {"betas": (0.8, 0.99), "amsgrad": True},
    "RMSprop": {"momentum": 0.5, "centered": True},
    "Adagrad": {"lr_decay": 0.1},
    "ASGD": {"t0": 2.0},
}
SCHEDULER_PARAMS: dict[str, dict[str, Value]] = {
    "none": {},
    "StepLR": {"step_size": 1, "gamma": 0.5},
    "MultiStepLR": {"milestones": (1, 2), "gamma": 0.3},
    "ExponentialLR": {"gamma": 0.7},
    "CosineAnnealingLR": {"T_max": 2, "eta_min": 1e-4},
    "CosineAnnealingWarmRestarts": {"T_0": 1, "T_mult": 2},
    "ConstantLR": {"factor": 0.5, "total_iters": 2},
    "LinearLR": {"start_factor": 0.25, "total_iters": 2},
    "PolynomialLR": {"total_iters": 3, "power": 2.0},
    "LambdaLR": {"lr_lambda": "0.7 ** epoch"},
    "MultiplicativeLR": {"lr_lambda": "0.8"},
    "OneCycleLR": {},
    "CyclicLR": {"step_size_up": 3},
    "SWALR": {"anneal_epochs": 2, "anneal_strategy": "linear"},
    "SequentialLR": {"schedulers": ("ConstantLR", "OneCycleLR"), "milestones": (2,), "0.factor": 0.5},
    "ChainedScheduler": {"schedulers": ("StepLR", "ExponentialLR"), "0.step_size": 2, "1.gamma": 0.9},
    # Nothing is good enough for this one, so that it lowers the LR after every epoch from the second on.
    "ReduceLROnPlateau": {"patience": 0, "factor": 0.5, "threshold": 0.9},
}


STEPWISE = ("OneCycleLR", "CyclicLR", "SequentialLR")
FIRST_MOMENTUM = {"OneCycleLR": 0.95, "CyclicLR": 0.9, "SequentialLR": 0.95}


def _cycles(opt: Any) -> dict[str, bool]:
    return {"cycle_momentum": not {"momentum", "betas"}.isdisjoint(opt.defaults)}


STOCK: dict[str, Any] = {
    "LambdaLR": lambda opt, lr, steps: lr_scheduler.LambdaLR(opt, lambda epoch: 0.7**epoch),
    "MultiplicativeLR": lambda opt, lr, steps: lr_scheduler.MultiplicativeLR(opt, lambda epoch: 0.8),
    "OneCycleLR": lambda opt, lr, steps: lr_scheduler.OneCycleLR(opt, max_lr=lr, total_steps=steps, **_cycles(opt)),
    "CyclicLR": lambda opt, lr, steps: lr_scheduler.CyclicLR(opt, lr / 4, lr, step_size_up=3, **_cycles(opt)),
    "SWALR": lambda opt, lr, steps: SWALR(opt, lr / 2, anneal_epochs=2, anneal_strategy="linear"),
    "SequentialLR": lambda opt, lr, steps: lr_scheduler.SequentialLR(
        opt,
        [
            lr_scheduler.ConstantLR(opt, factor=0.5),
            lr_scheduler.OneCycleLR(opt, max_lr=lr, total_steps=max(1, steps - 2), **_cycles(opt)),
        ],
        milestones=[2],
    ),
    "ChainedScheduler": lambda opt, lr, steps: lr_scheduler.ChainedScheduler(
        [lr_scheduler.StepLR(opt, step_size=2), lr_scheduler.ExponentialLR(opt, gamma=0.9)]
    ),
}
"""What a script says whose scheduler begins now, where that is not the stock class with the arguments of a spec."""


def stock_scheduler(name: str, opt: Any, lr: float, steps: int) -> Any:
    """A scheduler that lasts so many steps."""
    if name in STOCK:
        return STOCK[name](opt, lr, steps)
    return getattr(lr_scheduler, name)(opt, **SCHEDULER_PARAMS[name])


def set_momentum(opt: Any, momentum: float) -> None:
    for group in opt.param_groups:
        if "betas" in group:
            group["betas"] = (momentum, *group["betas"][1:])
        elif "momentum" in group:
            group["momentum"] = momentum


def plain_loop(
    task: Any, optimizer: str, scheduler: str, *, lr: float, seed: int, epochs: int, warmup: float = 0.0
) -> tuple[list[list[float]], list[float], list[float]]:
    """The losses of each step of each epoch, the validation loss and the LR of each epoch, in torch alone.

    A warm-up of so many epochs begins at a tenth of the LR; the scheduler begins where it ends.
    """
    (x, y), (val_x, val_y) = task.data()
    torch.manual_seed(seed)
    model = task.model()
    opts = stock_optimizers(optimizer, model, lr, OPTIMIZER_PARAMS.get(optimizer, {}))
    batch_size = stock_batch_size(optimizer, task, len(x))
    per_epoch = -(-len(x) // batch_size)
    rise = round(warmup * per_epoch)
    rising = [lr_scheduler.LinearLR(opt, start_factor=0.1, total_iters=rise) for opt in opts * (rise > 0)]
    scheds: list[Any] = []
    for opt in opts * (rise > 0 and scheduler in FIRST_MOMENTUM):
        set_momentum(opt, FIRST_MOMENTUM[scheduler])
    steps = 0
    curves, val_losses, lrs = [], [], []
    for epoch in range(epochs):
        seed_epoch(seed, epoch)
        model.train()
        curve = []
        for place, rows in enumerate(data_order(len(x), seed, epoch).split(batch_size)):
            if steps == rise and scheduler != "none":
                for opt in opts:
                    for group in opt.param_groups:
                        group["lr"] = lr
                        group.pop("initial_lr", None)
                scheds = [stock_scheduler(scheduler, opt, lr, epochs * per_epoch - rise) for opt in opts]
            lrs += [opts[0].param_groups[0]["lr"]] * (place == 0)
            curve.append(stock_step(opts, lambda rows=rows: nn.functional.mse_loss(model(x[rows]), y[rows])))
            steps += 1
            for sched in rising * (steps <= rise):
                sched.step()
            is_tick = scheduler in STEPWISE or (steps - rise) % per_epoch == 0
            is_table = scheduler != "ReduceLROnPlateau"
            for sched in scheds * (is_table and is_tick and steps < epochs * per_epoch):
                sched.step()
        curves.append(curve)
        model.eval()
        with torch.no_grad():
            val_losses.append(nn.functional.mse_loss(model(val_x), val_y).item())
        for sched in scheds * (scheduler == "ReduceLROnPlateau" and steps > rise):
            sched.step(val_losses[-1])
    return curves, val_losses, lrs


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_is_a_plain_torch_loop(optimizer: str, scheduler: str) -> None:
    task = SparseBag() if optimizer == "SparseAdam" else Regression()
    curves, val_losses, lrs = plain_loop(task, optimizer, scheduler, lr=0.03, seed=11, epochs=3)
    job = a_job(
        optimizer=optimizer,
        scheduler=scheduler,
        initial_lr=0.03,
        optimizer_params=OPTIMIZER_PARAMS.get(optimizer, {}),
        scheduler_params=SCHEDULER_PARAMS[scheduler],
        seed=11,
    )
    heard = hear(train(prepared(task), job))
    assert heard.ended == Ended(key="trial 0", outcome=Outcome.COMPLETE)
    assert [list(report.step_losses) for report in heard.reports] == curves
    assert [report.metrics["val/loss"] for report in heard.reports] == pytest.approx(val_losses, rel=1e-6)
    assert [set(report.lrs) for report in heard.reports] == [{lr} for lr in lrs]
    per_epoch = len(curves[0])
    if scheduler not in STEPWISE:
        assert [report.step_lrs for report in heard.reports] == [(lr,) * per_epoch for lr in lrs]
    assert scheduler == "none" or len(set(lrs)) > 1
    assert [(report.epoch, report.step) for report in heard.reports] == [(e, e * per_epoch) for e in (1, 2, 3)]


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_after_a_warm_up_is_a_plain_torch_loop(optimizer: str, scheduler: str) -> None:
    task = SparseBag() if optimizer == "SparseAdam" else Regression()
    curves, val_losses, lrs = plain_loop(task, optimizer, scheduler, lr=0.03, seed=11, epochs=3, warmup=0.7)
    job = a_job(
        optimizer=optimizer,
        scheduler=scheduler,
        initial_lr=0.03,
        optimizer_params=OPTIMIZER_PARAMS.get(optimizer, {}),
        scheduler_params={**SCHEDULER_PARAMS[scheduler], "warmup": 0.7, "warmup_factor": 0.1},
        seed=11,
    )
    heard = hear(train(prepared(task), job))
    assert [list(report.step_losses) for report in heard.reports] == curves
    assert [report.metrics["val/loss"] for report in heard.reports] == pytest.approx(val_losses, rel=1e-6)
    assert [set(report.lrs) for report in heard.reports] == [{lr} for lr in lrs]
    assert heard.reports[0].step_lrs[0] == pytest.approx(0.003)


@pytest.mark.parametrize("task", [Regression(dropout=0.4), Regression(norm=True)], ids=["dropout", "batch norm"])
@pytest.mark.parametrize("optimizer", ["SGD", "AdamW", "RMSprop"])
@pytest.mark.parametrize("scheduler", ["none", "StepLR", "ReduceLROnPlateau"])
def test_it_is_one_also_with_dropout_and_batch_norm(task: Regression, optimizer: str, scheduler: str) -> None:
    curves, val_losses, _ = plain_loop(task, optimizer, scheduler, lr=0.03, seed=4, epochs=3)
    job = a_job(
        optimizer=optimizer,
        scheduler=scheduler,
        initial_lr=0.03,
        optimizer_params=OPTIMIZER_PARAMS.get(optimizer, {}),
        scheduler_params=SCHEDULER_PARAMS[scheduler],
        seed=4,
    )
    heard = hear(train(prepared(task), job))
    assert [list(report.step_losses) for report in heard.reports] == curves
    assert [report.metrics["val/loss"] for report in heard.reports] == pytest.approx(val_losses, rel=1e-6)


def test_epoch_metrics_are_means_over_examples() -> None:
    task = Regression()
    heard = hear(train(prepared(task), a_job()))
    for report in heard.reports:
        weighted = sum(loss * n for loss, n in zip(report.step_losses, (8, 8, 6), strict=True)) / EXAMPLES
        assert report.metrics["train/loss"] == pytest.approx(weighted)
        assert set(report.metrics) == {"train/loss", "val/loss", "val/mae"}
    torch.manual_seed(3)
    model = task.model()
    (_, (x, y)) = task.data()
    untrained = (model(x) - y).abs().mean().item()
    start = hear(train(prepared(task), a_job(initial_lr=1e-12, budget=Budget(epochs=1)))).reports[0]
    assert start.metrics["val/mae"] == pytest.approx(untrained, rel=1e-5)


@pytest.mark.parametrize("fused", [False, True])
def test_a_metric_that_some_batches_lack_is_the_mean_over_those_that_have_it(fused: bool) -> None:
    class OfFullBatches(Regression):
        """Validates on 8 examples and on 1, which has no variance."""

        def metrics(self, model: nn.Module, batch: Any) -> dict[str, Tensor]:
            return {} if len(batch[1]) < 2 else {"variance": batch[1].var()}

    task = OfFullBatches()
    (_, (_, y)) = task.data()
    for report in hear(train(prepared(task), a_job(), fused=fused)).reports:
        assert report.metrics["val/variance"] == pytest.approx(y[:8].var().item())


def test_what_happened_before_in_the_process_changes_nothing() -> None:
    ready = prepared(Regression(dropout=0.4))
    first = hear(train(ready, a_job()))
    for _ in range(3):
        torch.rand(7), np.random.rand(5), random.random()
    hear(train(ready, a_job(seed=9, optimizer="AdamW")))
    assert hear(train(ready, a_job())).said == first.said


def test_another_seed_trains_otherwise() -> None:
    assert hear(train(prepared(), a_job(seed=1))).steps != hear(train(prepared(), a_job(seed=2))).steps


# --- budgets


@pytest.mark.parametrize(
    ("budget", "steps_of_epochs"),
    [
        (Budget(epochs=1), [3]),
        (Budget(steps=1), [1]),
        (Budget(steps=3), [3]),
        (Budget(steps=4), [3, 1]),
        (Budget(steps=8), [3, 3, 2]),
    ],
)
def test_a_budget_is_kept_to_the_step(budget: Budget, steps_of_epochs: list[int]) -> None:
    whole = hear(train(prepared(), a_job()))
    heard = hear(train(prepared(), a_job(budget=budget)))
    assert [len(report.step_losses) for report in heard.reports] == steps_of_epochs
    assert heard.reports[-1].step == sum(steps_of_epochs)
    assert heard.steps == whole.steps[: sum(steps_of_epochs)]
    assert heard.ended == Ended(key="trial 0", outcome=Outcome.COMPLETE)


@pytest.mark.parametrize("steps", [2, 3, 7, 12])
def test_a_ramp_takes_exactly_its_steps_at_its_lrs_and_needs_no_metric_but_its_loss(steps: int) -> None:
    ramp = Ramp(low=1e-4, high=1e-1, steps=steps)
    job = a_job(ramp=ramp, initial_lr=ramp.low, budget=Budget(steps=steps), objective=Objective(metric="val/mae"))
    heard = hear(train(prepared(), job))
    assert heard.ended == Ended(key="trial 0", outcome=Outcome.COMPLETE)
    assert [lr for report in heard.reports for lr in report.step_lrs] == ramp_lrs(ramp)
    assert len(heard.steps) == heard.reports[-1].step == steps
    assert [report.lrs for report in heard.reports] == [report.step_lrs[:1] for report in heard.reports]
    assert {name for report in heard.reports for name in report.metrics} == {"train/loss"}


def test_a_ramps_losses_are_those_of_plain_steps_at_its_lrs() -> None:
    task, ramp = Regression(), Ramp(low=1e-3, high=1.0, steps=5)
    (x, y), _ = task.data()
    torch.manual_seed(3)
    model = task.model()
    opt = torch.optim.SGD(model.parameters(), lr=1e-3)
    batches = [rows for epoch in (0, 1) for rows in data_order(len(x), 3, epoch).split(8)]
    losses = []
    for rows, lr in zip(batches, ramp_lrs(ramp), strict=False):
        opt.param_groups[0]["lr"] = lr
        opt.zero_grad()
        loss = nn.functional.mse_loss(model(x[rows]), y[rows])
        loss.backward()
        opt.step()
        losses.append(loss.item())
    assert hear(train(prepared(task), a_job(ramp=ramp, initial_lr=1e-3, budget=Budget(steps=5)))).steps == losses


# --- how it ends


def outcome_of(task: Any, word: Callable[[Any], Stop | None] = lambda report: None, **given: Any) -> list[Event]:
    """All events of a job, errors turned into outcomes."""
    job = a_job(**given)
    return list(drive(train(prepared(task), job), job, word))


def ending_of(task: Any, **given: Any) -> Ended:
    ended = outcome_of(task, **given)[-1]
    assert isinstance(ended, Ended)
    return ended


class Faulty(Regression):
    """Its loss is replaced by `value` from this step on, in training or in validation."""

    def __init__(self, value: float, *, at: int = 1, training: bool = True, metric: float = 0.0):
        super().__init__()
        self.value, self.at, self.training, self.metric = value, at, training, metric
        self.calls = 0

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        self.calls += model.training
        wrong = model.training is self.training and self.calls >= self.at
        return super().loss(model, batch) * (self.value if wrong else 1.0)

    def metrics(self, model: nn.Module, batch: Any) -> dict[str, Any]:
        return {"own": self.metric}


def test_metrics_with_the_loss_among_them_take_one_pass_and_say_what_the_loss_would() -> None:
    class Counting(Regression):
        """Counts the batches that it has validated the loss of."""

        def __init__(self) -> None:
            super().__init__()
            self.validated: list[int] = []

        def loss(self, model: nn.Module, batch: Any) -> Tensor:
            if not model.training:
                self.validated.append(len(batch))
            return super().loss(model, batch)

    class OnePass(Counting):
        def metrics(self, model: nn.Module, batch: Any) -> dict[str, Tensor]:
            return {**super().metrics(model, batch), "loss": Regression.loss(self, model, batch)}

    plain, one_pass = Counting(), OnePass()
    metrics = [
        [report.metrics for report in hear(train(prepared(task), a_job())).reports] for task in (plain, one_pass)
    ]
    assert metrics[0] == metrics[1]
    assert (len(plain.validated) > 0, one_pass.validated) == (True, [])


def test_a_subclass_is_validated_by_its_own_loss_whatever_its_bases_metrics_say() -> None:
    class Smoothed(DigitsMLP):
        def loss(self, model: nn.Module, batch: Any) -> Tensor:
            return nn.functional.cross_entropy(model(batch[0]), batch[1], label_smoothing=0.2)

    class Narrower(Smoothed):
        def model(self) -> nn.Module:
            return nn.Linear(64, 10)

    class Both(Narrower):
        def metrics(self, model: nn.Module, batch: Any) -> dict[str, Tensor]:
            return {"loss": torch.tensor(1.0)}

    model, batch = nn.Linear(64, 10), (torch.randn(8, 64), torch.arange(8))
    base, smoothed, narrower, both = (
        PreparedTask.of(task(), torch.device("cpu")).metrics(model, batch)
        for task in (DigitsMLP, Smoothed, Narrower, Both)
    )
    assert smoothed["val/loss"] == narrower["val/loss"] == Smoothed().loss(model, batch) != base["val/loss"]
    assert smoothed["val/accuracy"] == narrower["val/accuracy"] == base["val/accuracy"]
    assert both == {"val/loss": torch.tensor(1.0)}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_from_the_first_step_is_the_tasks_fault(value: float) -> None:
    *_, ended = outcome_of(Faulty(value))
    assert isinstance(ended, Ended)
    assert ended.outcome is Outcome.FAILED
    assert ended.error == (
        f"the loss is {value} at the first step, before any update of the weights, so no learning rate can help; "
        "look at the data (NaN, infinite or unscaled values) and at the loss"
    )


@pytest.mark.parametrize(("at", "epoch", "kept"), [(2, 1, 2), (4, 2, 1), (6, 2, 3)])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_loss_that_turns_non_finite_later_has_diverged(value: float, at: int, epoch: int, kept: int) -> None:
    whole = hear(train(prepared(), a_job()))
    heard = hear(train(prepared(Faulty(value, at=at)), a_job()))
    assert heard.ended == Ended(key="trial 0", outcome=Outcome.DIVERGED)
    last = heard.reports[-1]
    assert (last.epoch, last.step, len(last.step_losses), len(last.step_lrs)) == (epoch, at, kept, kept)
    assert set(last.metrics) == {"train/loss"}
    assert not math.isfinite(last.metrics["train/loss"])
    assert heard.steps[:-1] == whole.steps[: at - 1]
    assert not math.isfinite(heard.steps[-1])


def test_a_too_high_lr_diverges_and_its_curve_ends_at_the_first_loss_that_is_not_finite() -> None:
    class Long(Regression):
        """120 steps an epoch: longer than the time between two looks at the loss."""

        batch_size = 1

        def data(self) -> Any:
            (x, y), val = super().data()
            return (x.repeat(6, 1)[:120], y.repeat(6, 1)[:120]), val

        def model(self) -> nn.Module:
            return nn.Linear(4, 2)

    heard = hear(train(prepared(Long()), a_job(initial_lr=30.0)))
    assert heard.ended == Ended(key="trial 0", outcome=Outcome.DIVERGED)
    (report,) = heard.reports
    assert 1 < len(report.step_losses) < 50
    assert report.step == len(report.step_losses) == len(report.step_lrs)
    assert all(map(math.isfinite, report.step_losses[:-1]))
    assert not math.isfinite(report.step_losses[-1])


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_validation_loss_that_is_not_finite_has_diverged(value: float) -> None:
    heard = hear(train(prepared(Faulty(value, at=4, training=False)), a_job()))
    assert heard.ended == Ended(key="trial 0", outcome=Outcome.DIVERGED)
    assert [math.isfinite(report.metrics["val/loss"]) for report in heard.reports] == [True, False]


@pytest.mark.parametrize("metric", ["val/own", "train/loss"])
def test_it_has_also_where_something_else_is_optimized(metric: str) -> None:
    task = Faulty(math.inf, at=4, training=False)
    assert ending_of(task, objective=Objective(metric=metric)).outcome is Outcome.DIVERGED


def test_a_metric_of_the_users_own_may_be_undefined_unless_it_is_the_objective() -> None:
    task = Faulty(1.0, metric=math.nan)
    assert ending_of(task).outcome is Outcome.COMPLETE
    assert ending_of(task, objective=Objective(metric="val/own")).outcome is Outcome.DIVERGED


def test_an_unknown_metric_is_answered_with_the_nearest() -> None:
    ended = ending_of(Regression(), objective=Objective(metric="val/loos"))
    assert (ended.outcome, ended.error) == (
        Outcome.FAILED,
        "unknown metric 'val/loos'; did you mean 'val/loss'? choose one of: train/loss, val/loss, val/mae",
    )


FAILING = """
from tests.workers.small import Regression

def measure(x):
    raise OSError("the camera is gone")

class Task(Regression):
    def loss(self, model, batch):
        return measure(batch)
"""


def test_an_error_of_the_tasks_is_told_with_its_own_traceback_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "failing_task.py").write_text(FAILING)
    monkeypatch.syspath_prepend(tmp_path)
    from failing_task import Task  # type: ignore[import-not-found]

    ended = ending_of(Task())
    assert ended.outcome is Outcome.FAILED
    assert ended.error is not None
    assert ended.error.startswith("Traceback (most recent call last):\n")
    assert ended.error.endswith("OSError: the camera is gone\n")
    lines = [line for line in ended.error.splitlines() if line.startswith("  File ")]
    assert len(lines) == 2
    assert all("failing_task.py" in line for line in lines)


@pytest.mark.parametrize("epoch", [1, 2])
@pytest.mark.parametrize(
    ("stop", "outcome"),
    [(Stop.PRUNED, Outcome.PRUNED), (Stop.CANCELLED, Outcome.CANCELLED)],
    ids=lambda each: str(each),
)
def test_it_stops_after_the_epoch_in_which_it_was_told_to(stop: Stop, outcome: Outcome, epoch: int) -> None:
    heard = hear(train(prepared(), a_job()), stop_at(epoch, stop))
    assert heard.ended == Ended(key="trial 0", outcome=outcome)
    assert len(heard.reports) == epoch


@pytest.mark.parametrize("stop", list(Stop))
def test_what_has_come_to_its_end_is_complete_whatever_it_is_told(stop: Stop) -> None:
    heard = hear(train(prepared(), a_job()), stop_at(3, stop))
    assert heard.ended == Ended(key="trial 0", outcome=Outcome.COMPLETE)


@pytest.mark.parametrize("stop", list(Stop))
def test_what_has_diverged_has_diverged_whatever_it_is_told(stop: Stop) -> None:
    heard = hear(train(prepared(Faulty(math.nan, at=4)), a_job()), stop_at(2, stop))
    assert heard.ended == Ended(key="trial 0", outcome=Outcome.DIVERGED)


def test_early_stopping_completes_with_fewer_epochs() -> None:
    frozen = {"initial_lr": 1e-12, "budget": Budget(epochs=20)}
    heard = hear(train(prepared(), a_job(**frozen, early_stopping=EarlyStopping(patience=2, min_delta=1e-3))))
    assert heard.ended == Ended(key="trial 0", outcome=Outcome.COMPLETE)
    assert len(heard.reports) == 3
    assert len(hear(train(prepared(), a_job(**frozen))).reports) == 20


def test_early_stopping_watches_the_objective_in_its_direction() -> None:
    stopping = {"early_stopping": EarlyStopping(patience=2), "budget": Budget(epochs=8)}
    falling = hear(train(prepared(), a_job(**stopping, objective=Objective(metric="train/loss"))))
    assert len(falling.reports) == 8
    risen = Objective(metric="train/loss", direction="maximize")
    assert len(hear(train(prepared(), a_job(**stopping, objective=risen))).reports) == 3


def test_without_validation_data_the_training_loss_is_all_there_is() -> None:
    class Unvalidated(Regression):
        def data(self) -> Any:
            return super().data()[0], None

    heard = hear(train(prepared(Unvalidated()), a_job(objective=Objective(metric="train/loss"))))
    assert heard.ended == Ended(key="trial 0", outcome=Outcome.COMPLETE)
    assert [set(report.metrics) for report in heard.reports] == [{"train/loss"}] * 3
    assert ending_of(Unvalidated()).error == (
        "unknown metric 'val/loss'; did you mean 'train/loss'? choose one of: train/loss"
    )


# --- the probe


def test_a_probe_tells_steps_size_and_metrics_and_changes_nothing_for_the_trials() -> None:
    ready = prepared(Regression(dropout=0.4))
    before = hear(train(ready, a_job()))
    info = probe(ready)
    assert (info.steps_per_epoch, info.parameters, info.device) == (3, 4 * 6 + 6 + 6 * 2 + 2, "cpu")
    assert info.metrics == ("train/loss", "val/loss", "val/mae")
    assert hear(train(ready, a_job())).said == before.said


class Odd(Regression):
    """A task whose loss or metric is what the test says."""

    def __init__(self, loss: Any = None, metric: Any = 0.0):
        super().__init__()
        self.loss_of, self.metric = loss, metric

    def loss(self, model: nn.Module, batch: Any) -> Any:
        return self.loss_of(super().loss(model, batch)) if self.loss_of else super().loss(model, batch)

    def metrics(self, model: nn.Module, batch: Any) -> dict[str, Any]:
        return {"own": self.metric}


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Odd(lambda loss: loss.item()), r"must give a scalar tensor with gradient, got \d"),
        (Odd(lambda loss: loss.detach()), "must give a scalar tensor with gradient, got one without a gradient"),
        (
            Odd(lambda loss: loss.repeat(3)),
            r"must give a scalar tensor with gradient, got one of shape \[3\]: take its",
        ),
        (Odd(lambda loss: None), "must give a scalar tensor with gradient, got None"),
        (Odd(lambda loss: loss * math.nan), "the loss is nan at the first step"),
        (Odd(metric=torch.zeros(3)), r"the task's metric 'own' must be one number a batch, got shape \(3,\)"),
        (Odd(metric="good"), "the task's metric 'own' must be a number, got 'good'"),
    ],
)
def test_a_task_whose_loss_or_metric_is_none_is_refused_before_any_trial(task: Odd, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        probe(prepared(task))


SHARED = nn.Linear(4, 2)


@pytest.mark.parametrize(
    ("method", "gives", "message"),
    [
        ("model", lambda self: None, r"model\(\) must give a torch.nn.Module, got NoneType"),
        ("model", lambda self: nn.ReLU(), "no parameters to train"),
        ("model", lambda self: nn.Linear(4, 2).requires_grad_(False), "no parameters to train"),
        ("model", lambda self: nn.Sequential(SHARED), "gave the same parameters twice"),
        ("metrics", lambda self, model, batch: [0.5], r"metrics\(\) must give a dict of numbers, got list"),
    ],
)
def test_a_task_whose_methods_give_something_else_is_refused_before_any_trial(
    method: str, gives: Any, message: str
) -> None:
    task = type("Task", (Regression,), {method: gives})()
    with pytest.raises(TaskError, match=message):
        probe(prepared(task))


@pytest.mark.parametrize("metric", [0.5, 1, torch.tensor(0.5), torch.tensor([0.5]), torch.tensor(1), True])
def test_a_metric_may_be_any_one_number(metric: Any) -> None:
    heard = hear(train(prepared(Odd(metric=metric)), a_job(budget=Budget(epochs=1))))
    assert heard.reports[0].metrics["val/own"] == float(metric)


def test_data_that_is_no_pair_is_refused() -> None:
    class NoPair(Regression):
        def data(self) -> Any:
            return super().data()[0][0]

    with pytest.raises(TaskError, match=r"data\(\) must give \(training, validation or None\), got Tensor"):
        prepared(NoPair())


def test_a_split_that_the_task_draws_at_random_is_the_same_on_every_worker() -> None:
    class Drawn(Regression):
        def data(self) -> Any:
            (x, y), _ = super().data()
            order = torch.randperm(len(x))
            return (x[order[:16]], y[order[:16]]), (x[order[16:]], y[order[16:]])

    torch.manual_seed(1)
    first = hear(train(prepared(Drawn()), a_job()))
    torch.manual_seed(2)
    assert hear(train(prepared(Drawn()), a_job())).said == first.said
