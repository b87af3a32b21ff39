"""The first phase of a sweep: range tests of all optimizers and seeds at once."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from sweeps.failures import SweepFailed, last_line
from sweeps.finding import Finding, noticed
from sweeps.jobs import range_test_jobs, range_tested
from sweeps.ports import Recorder, Runner
from sweeps.rangetest import ramp_lrs, read_range_test
from sweeps.records import Ended, Event, Job, Lost, Notice, RangeTest, Report, Stop
from sweeps.spec import SweepSpec


@dataclass(slots=True)
class _Ramp:
    """One seed's job and what came of it."""

    job: Job
    losses: list[float] = field(default_factory=list)
    error: str | None = None
    over: bool = False


class RangePhase:
    """Range tests of one sweep: dispatches a ramp for every optimizer and seed, reads each optimizer's curves."""

    def __init__(
        self,
        spec: SweepSpec,
        runner: Runner,
        recorder: Recorder,
        known: Sequence[RangeTest],
        *,
        warn: Callable[[Finding], None] = lambda finding: None,
    ):
        self._warn = warn
        self._runner, self._recorder = runner, recorder
        done = {test.optimizer for test in known}
        self._ramps = {
            optimizer.name: [_Ramp(job) for job in range_test_jobs(spec, optimizer)]
            for optimizer in range_tested(spec)
            if optimizer.name not in done
        }
        self._by_key = {ramp.job.key: ramp for ramps in self._ramps.values() for ramp in ramps}
        self._queue = [ramp.job for ramp in self._by_key.values()]
        self._tests = list(known)
        self._failed: list[Sequence[_Ramp]] = []

    def run(self, wanted: Callable[[], Stop | None], tick: float) -> list[RangeTest] | Stop:
        """All range tests of the sweep, or why it was told to stop meanwhile (those that were over are recorded).

        An optimizer whose range test fails on every seed goes on with the catalogue's bounds. Raises SweepFailed
        if the range tests of all optimizers fail in the same way.
        """
        while self._ramps:
            if (told := wanted()) is not None:
                return told
            if new := self._queue[: self._runner.room()]:
                del self._queue[: len(new)]
                self._runner.submit(new)
            for event in self._runner.events(tick):
                self._take(event)
            for name in [name for name, ramps in self._ramps.items() if all(ramp.over for ramp in ramps)]:
                self._close(self._ramps.pop(name))
        self._close_failed()
        return self._tests

    def _close(self, ramps: Sequence[_Ramp]) -> None:
        if all(ramp.error is not None for ramp in ramps):
            self._failed.append(ramps)
        else:
            self._keep(_read(ramps))

    def _close_failed(self) -> None:
        errors = [ramp.error for ramps in self._failed for ramp in ramps if ramp.error is not None]
        if not self._tests and len(set(map(last_line, errors))) == 1:
            raise SweepFailed(f"the range tests all failed the same way:\n{errors[0]}")
        for ramps in self._failed:
            test = _read(ramps)
            reason = f"it failed on every seed: {last_line(ramps[0].error or '')}"
            self._keep(replace(test, reasons=(reason,)))

    def _keep(self, test: RangeTest) -> None:
        self._tests.append(test)
        self._recorder.range_tested(test)

    def _take(self, event: Event) -> None:
        if isinstance(event, Notice):
            self._warn(noticed(event.text))
            return
        ramp = self._by_key[event.key]
        match event:
            case Report():
                ramp.losses += event.step_losses
            case Lost():
                ramp.error, ramp.over = event.reason, True
            case Ended():
                ramp.error, ramp.over = event.error, True


def _read(ramps: Sequence[_Ramp]) -> RangeTest:
    first = ramps[0].job
    assert first.ramp is not None
    return read_range_test(
        first.optimizer,
        seeds=[ramp.job.seed for ramp in ramps],
        lrs=ramp_lrs(first.ramp),
        # A failed seed's curve was not cut short by its LR, as it would seem.
        losses=[[] if ramp.error is not None else _finite_part(ramp.losses) for ramp in ramps],
    )


def _finite_part(losses: Sequence[float]) -> list[float]:
    end = next((step for step, loss in enumerate(losses) if not math.isfinite(loss)), len(losses))
    return list(losses[:end])
