"""What several tests make: a small spec, a range test, a trial's record."""

from collections.abc import Sequence
from typing import Any

from sweeps.records import Budget, Outcome, Proposal, RangeTest, TrialResult
from sweeps.spec import OptimizerSpec, SchedulerSpec, SweepSpec, TaskSpec


def a_spec(**given: Any) -> SweepSpec:
    """A sweep over two optimizers and two schedulers, but for what is given."""
    defaults = {
        "name": "test",
        "task": TaskSpec(use="quadratic"),
        "budget": Budget(epochs=12),
        "optimizers": (OptimizerSpec(name="SGD"), OptimizerSpec(name="AdamW")),
        "schedulers": (SchedulerSpec(name="none"), SchedulerSpec(name="StepLR")),
        "trials": 20,
    }
    return SweepSpec(**{**defaults, **given})


def a_range_test(optimizer: str, initial_lr: float, *, trusted: bool = True) -> RangeTest:
    """A range test that found this LR."""
    return RangeTest(
        optimizer=optimizer,
        initial_lr=initial_lr,
        low=initial_lr / 10,
        high=initial_lr * 3,
        trusted=trusted,
        reasons=() if trusted else ("nothing learned",),
        seeds=(0,),
        lrs=(0.1, 1.0),
        losses=((1.0, 0.5),),
    )


def a_result(
    number: int,
    value: float | None,
    *,
    outcome: Outcome | None = Outcome.COMPLETE,
    objectives: Sequence[float] = (),
    error: str | None = None,
    **proposal: Any,
) -> TrialResult:
    """A trial that ended with this value."""
    defaults = {"optimizer": "SGD", "scheduler": "none", "initial_lr": 0.1, "seed": 0}
    return TrialResult(
        proposal=Proposal(number=number, **{**defaults, **proposal}),
        outcome=outcome,
        value=value,
        epochs=len(objectives),
        objectives=tuple(objectives),
        error=error,
    )
