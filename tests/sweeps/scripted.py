"""A coordinator whose workers follow a script, and one whose workers train in this process."""

import itertools
import math
from collections.abc import Callable, Generator
from typing import Any

from sweeps.coordinator import Coordinator, Past
from sweeps.domains import Choice
from sweeps.rangetest import ramp_lrs
from sweeps.records import Budget, Ended, Ending, Event, Job, Lost, Outcome, Ramp, Report, Started, Stop
from sweeps.spec import (
    OptimizerSpec,
    PrunerSpec,
    RangeTestSpec,
    SamplerSpec,
    SchedulerSpec,
    SweepSpec,
    TaskSpec,
    WorkersSpec,
)
from tests.doubles import Life, MemoryRecorder, ScriptedRunner, a_spec
from workers.inline import InlineRunner
from workers.tasks.quadratic import Quadratic

STOPPED = {Stop.PRUNED: Outcome.PRUNED, Stop.CANCELLED: Outcome.CANCELLED, Stop.INTERRUPTED: Outcome.CANCELLED}


def falls_and_blows_up(ramp: Ramp, best: float = 0.1) -> list[float]:
    """The loss on a ramp: it falls up to an LR of 0.1, then explodes."""
    lrs = ramp_lrs(ramp)
    return [2.0 - lr / best if lr < best else 2.0 * (lr / best) ** 3 for lr in lrs]


def ramps_and_trials(
    ramp: Callable[[Job], tuple[list[float], str | None]] | None = None,
    value: Callable[[Job, int], float] = lambda job, epoch: abs(math.log10(job.initial_lr) + 1.5) + 1 / epoch,
    epochs: int = 12,
) -> Life:
    """Ramps give this curve in two reports, and may fail; trials give this objective."""

    def life(job: Job) -> Generator[Event, Stop | None, Ended]:
        yield Started(key=job.key)
        if job.ramp is not None:
            losses, error = ramp(job) if ramp else (falls_and_blows_up(job.ramp), None)
            for epoch, chunk in enumerate((losses[:10], losses[10:]), start=1):
                yield Report(
                    key=job.key,
                    epoch=epoch,
                    step=10 * epoch,
                    metrics={"train/loss": 1.0},
                    lrs=(0.1,),
                    step_losses=tuple(chunk),
                )
            if error == "lost":
                yield Lost(key=job.key, reason="its worker died: out of memory")
            return Ended(key=job.key, outcome=Outcome.FAILED if error else Outcome.COMPLETE, error=error)
        for epoch in range(1, epochs + 1):
            metrics = {"val/loss": value(job, epoch)}
            stop = yield Report(key=job.key, epoch=epoch, step=10 * epoch, metrics=metrics, lrs=(job.initial_lr,))
            if stop is not None:
                return Ended(key=job.key, outcome=STOPPED[stop], interrupted=stop is Stop.INTERRUPTED)
        return Ended(key=job.key, outcome=Outcome.COMPLETE)

    return life


def small(**given: Any) -> SweepSpec:
    return a_spec(
        **{"trials": 6, "workers": WorkersSpec(count=2), "range_test": RangeTestSpec(steps=50, seeds=3), **given}
    )


class Run:
    """A coordinator with a scripted runner and a memory."""

    def __init__(self, spec: SweepSpec, life: Life | None = None, *, pace: int = 0, **given: Any):
        info = given.pop("info", None)
        self.recorder = MemoryRecorder()
        self.runner = ScriptedRunner(
            life or ramps_and_trials(), workers=spec.workers.count, pace=pace, info=info, log=self.recorder.log
        )
        self.coordinator = Coordinator(spec, self.runner, self.recorder, **given)

    def __call__(self, **past: Any) -> Ending:
        return self.coordinator.run(Past(**past))

    def said(self) -> list[str]:
        return [entry[0] for entry in self.recorder.log]

    def keys(self) -> list[str]:
        return [job.key for job in self.runner.submitted]


def after(calls: int, stop: Stop) -> Callable[[], Stop | None]:
    asked = itertools.count(1)
    return lambda: stop if next(asked) > calls else None


def quadratic_spec(**given: Any) -> SweepSpec:
    """Three optimizers on a quadratic, an epoch of ten steps."""
    momentum = {"momentum": Choice(values=(0.0, 0.9))}
    defaults = {
        "task": TaskSpec(use="quadratic"),
        "budget": Budget(epochs=6),
        "optimizers": (OptimizerSpec(name="SGD", params=momentum), OptimizerSpec(name="AdamW")),
        "schedulers": (
            SchedulerSpec(name="none"),
            SchedulerSpec(name="StepLR"),
            SchedulerSpec(name="ReduceLROnPlateau"),
        ),
        "pruner": PrunerSpec(name="asha", first_rung=2),
        "sampler": SamplerSpec(name="tpe", startup_trials=4, window=3),
        "range_test": RangeTestSpec(steps=60, seeds=1),
        "trials": 16,
        "seeds": (0,),
    }
    return a_spec(**{**defaults, **given})


def really_run(
    spec: SweepSpec,
    past: MemoryRecorder | None = None,
    task: Callable[[], Any] = lambda: Quadratic(mu=1.0, L=10.0, dimensions=5),
    **given: Any,
) -> tuple[Ending, MemoryRecorder]:
    """Runs a sweep in this process; what an earlier recorder remembers is taken up."""
    recorder = past or MemoryRecorder()
    runner = InlineRunner(task)
    coordinator = Coordinator(spec, runner, recorder, **given)
    return coordinator.run(Past(trials=recorder.history(), range_tests=recorder.tests)), recorder
