"""After the range tests a probe trains a few LRs for real, and corrects what they suggest."""

import math
from collections.abc import Generator
from pathlib import Path

import pytest

from sweeps.coordinator import Coordinator, Past
from sweeps.domains import Fixed
from sweeps.jobs import probe_job
from sweeps.lrprobe import Stretch
from sweeps.records import Budget, Ended, Ending, Event, Job, Lost, Outcome, Report, Started, Stop
from sweeps.spec import OptimizerSpec, RangeTestSpec, SchedulerSpec
from tests.doubles import MemoryRecorder
from tests.sweeps.scripted import Run, after, quadratic_spec, ramps_and_trials, really_run, small
from workers.inline import InlineRunner
from workers.tasks.quadratic import Quadratic

PROBED = RangeTestSpec(steps=50, seeds=3, probe=3.0)
BEST = 10**-1.5


def bowl(job: Job, epoch: int) -> float:
    """An objective that is best at an LR of 10^-1.5, and falls with every epoch."""
    return 0.1 + (math.log10(job.initial_lr) + 1.5) ** 2 + 2 / epoch


def test_a_range_test_is_recorded_once_with_what_its_probe_found() -> None:
    run = Run(small(trials=0, range_test=PROBED), ramps_and_trials(value=bowl))
    assert run() is Ending.DONE
    assert [test.optimizer for test in run.recorder.tests] == ["SGD", "AdamW"]
    for test in run.recorder.tests:
        assert test.scheduler == "none"
        assert test.initial_lr == pytest.approx(BEST, rel=1.0)
        assert test.interval is not None
        assert test.low <= test.interval[0] <= BEST <= test.interval[1] <= test.high
        assert {lane.seed for lane in test.probe} <= set(test.seeds)
        longest = max(len(lane.values) for lane in test.probe)
        assert longest == 12, "the best are trained to the end of the budget"


@pytest.mark.parametrize(("asked", "steps"), [({}, 60), ({"steps": 70}, 70), ({"steps": 40}, 40)])
def test_a_ramp_before_a_probe_is_short_unless_somebody_said_how_long(asked: dict[str, int], steps: int) -> None:
    alone, probed = RangeTestSpec(seeds=1, **asked), RangeTestSpec(seeds=1, probe=3.0, **asked)
    for spec, wanted in ((alone, asked.get("steps", 100)), (probed, steps)):
        run = Run(small(trials=0, range_test=spec), ramps_and_trials(value=bowl))
        assert run() is Ending.DONE
        assert {job.ramp.steps for job in run.runner.submitted if job.ramp} == {wanted}


def test_lanes_go_on_only_while_they_promise_something() -> None:
    run = Run(small(trials=0, range_test=PROBED), ramps_and_trials(value=bowl))
    run()
    [test, _] = run.recorder.tests
    far = [lane for lane in test.probe if abs(math.log10(lane.lr / BEST)) > 1]
    assert far
    assert all(len(lane.values) < 12 for lane in far)
    assert all(len(job.rungs) == 1 for job in run.runner.submitted if job.ramp is None)


def test_a_sweep_searches_around_what_its_probes_found() -> None:
    spec = small(range_test=RangeTestSpec(steps=50, seeds=1, probe=3.0))
    run = Run(spec, ramps_and_trials(value=bowl))
    assert run() is Ending.DONE
    assert all(test.trusted for test in run.recorder.tests)
    found = {test.optimizer: test.initial_lr for test in run.recorder.tests}
    first = next(trial.proposal for trial in run.recorder.history() if trial.proposal.optimizer == "SGD")
    assert first.initial_lr == found["SGD"]


def test_a_probe_that_fails_leaves_what_the_curve_said_untrusted() -> None:
    told = ramps_and_trials(value=bowl)

    def life(job: Job) -> Generator[Event, Stop | None, Ended]:
        if job.ramp is None:
            return Ended(key=job.key, outcome=Outcome.FAILED, error="Traceback\nRuntimeError: no disk")
        return (yield from told(job))

    plain = Run(small(trials=0), told)
    plain()
    run = Run(small(trials=0, range_test=PROBED), life)
    assert run() is Ending.DONE
    for test, bare in zip(run.recorder.tests, plain.recorder.tests, strict=True):
        assert test.initial_lr == bare.initial_lr
        assert not test.trusted
        assert test.reasons[-1] == "its probe failed: RuntimeError: no disk"


def test_what_was_lost_with_a_worker_is_trained_again() -> None:
    """A checkpoint that is younger than the last report that arrived would leave a hole in a lane's curve."""
    told = ramps_and_trials(value=bowl)
    lost: list[str] = []

    def life(job: Job) -> Generator[Event, Stop | None, Ended]:
        if job.ramp is None and job.known == 0 and not lost:
            lost.append(job.key)
            yield Started(key=job.key)
            yield Report(key=job.key, epoch=1, step=10, metrics={"val/loss": bowl(job, 1)}, lrs=(job.initial_lr,))
            yield Lost(key=job.key, reason="its worker died")
        return (yield from told(job))

    undisturbed, disturbed = (Run(small(trials=0, range_test=PROBED), each) for each in (told, life))
    assert undisturbed() is disturbed() is Ending.DONE
    assert [test.probe for test in disturbed.recorder.tests] == [test.probe for test in undisturbed.recorder.tests]
    known = [job.known for job in disturbed.runner.submitted if job.key in lost]
    assert known == [0, 1]
    assert {job.known for job in undisturbed.runner.submitted if job.key.endswith("to 12")} >= {6}


def test_an_lr_at_which_lanes_explode_is_not_picked() -> None:
    def explodes(job: Job, epoch: int) -> float:
        return math.inf if job.initial_lr > 0.01 else bowl(job, epoch)

    told = ramps_and_trials(value=explodes)

    def life(job: Job) -> Generator[Event, Stop | None, Ended]:
        if job.ramp is None and job.initial_lr > 0.01:
            yield Report(key=job.key, epoch=1, step=10, metrics={"val/loss": math.inf}, lrs=(job.initial_lr,))
            return Ended(key=job.key, outcome=Outcome.DIVERGED)
        return (yield from told(job))

    run = Run(small(trials=0, range_test=PROBED), life)
    run()
    for test in run.recorder.tests:
        assert test.initial_lr <= 0.01
        assert any(lane.exploded for lane in test.probe)


def test_a_stop_amid_the_probes_leaves_none_half_done() -> None:
    run = Run(small(trials=0, range_test=PROBED), ramps_and_trials(value=bowl), wanted=after(60, Stop.INTERRUPTED))
    assert run() is Ending.INTERRUPTED
    assert any(job.ramp is None for job in run.runner.submitted)
    assert all(test.probe for test in run.recorder.tests)


def test_a_lane_that_waited_for_others_trains_as_if_it_had_not(tmp_path: Path) -> None:
    spec = quadratic_spec(
        trials=0,
        optimizers=(OptimizerSpec(name="SGD"),),
        schedulers=(SchedulerSpec(name="CosineAnnealingLR"),),
        range_test=RangeTestSpec(steps=60, seeds=1, probe=3.0),
    )
    ending, recorder = really_run(spec, checkpoints=str(tmp_path))
    assert ending is Ending.DONE
    [test] = recorder.tests
    assert test.scheduler == "CosineAnnealingLR"
    [best] = [lane for lane in test.probe if len(lane.values) == 6][:1]
    assert list(best.values) == alone(probe_job(spec, "SGD", Stretch(lr=best.lr, seed=0, epochs=6), None))
    assert list(tmp_path.iterdir()), "what waits is kept"


def alone(job: Job) -> list[float]:
    """The objective after every epoch of a job that runs through."""
    runner = InlineRunner(lambda: Quadratic(mu=1.0, L=10.0, dimensions=5))
    recorder = MemoryRecorder()
    spec = quadratic_spec(
        trials=1,
        budget=Budget(epochs=6),
        range_test=None,
        optimizers=(OptimizerSpec(name="SGD", lr=Fixed(value=job.initial_lr)),),
        schedulers=(SchedulerSpec(name="CosineAnnealingLR"),),
    )
    Coordinator(spec, runner, recorder).run(Past())
    [trial] = recorder.history()
    return list(trial.objectives)
