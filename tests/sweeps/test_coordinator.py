"""A sweep goes from its probe over range tests and trials to its picks, and ends as it should however it is stopped."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweeps.catalogue import OPTIMIZERS
from sweeps.domains import Fixed, Range
from sweeps.errors import TaskError, UserError
from sweeps.failures import SweepFailed
from sweeps.objective import Objective
from sweeps.proposer import OptunaProposer
from sweeps.records import Budget, Ending, Job, Outcome, Stop, TaskInfo
from sweeps.spec import (
    LanesSpec,
    OptimizerSpec,
    PrunerSpec,
    SamplerSpec,
    SchedulerSpec,
    WorkersSpec,
)
from tests.doubles import Life, MemoryRecorder, a_range_test
from tests.sweeps.scripted import Run, after, falls_and_blows_up, quadratic_spec, ramps_and_trials, really_run, small

# --- the whole


def test_a_sweep_probes_then_tests_ranges_then_trains_then_picks() -> None:
    run = Run(small())
    assert run() is Ending.DONE
    said = run.said()
    assert said[0] == "probed"
    assert said[-1] == "picked"
    assert said.index("range tested") < said.index("proposed")
    assert said.count("range tested") == 2
    assert said.count("ended") == 6
    assert {entry[1] for entry in run.recorder.log if entry[0] == "range tested"} == {"SGD", "AdamW"}
    assert [job.ramp is not None for job in run.runner.submitted] == [True] * 6 + [False] * 6
    assert run.recorder.picks is not None
    assert {(pick.optimizer, pick.scheduler) for pick in run.recorder.picks} >= {("SGD", "none"), ("AdamW", "none")}
    assert run.recorder.info == run.runner.probe([])


def test_without_trials_a_sweep_is_over_after_its_range_tests() -> None:
    run = Run(small(trials=0))
    assert run() is Ending.DONE
    assert {entry[1] for entry in run.recorder.log if entry[0] == "range tested"} == {"SGD", "AdamW"}
    assert not {"proposed", "picked"} & set(run.said())
    assert all(job.ramp is not None for job in run.runner.submitted)


def test_the_range_tests_pick_is_tried_first_and_bounds_the_search() -> None:
    run = Run(small(trials=12))
    run()
    tests = {test.optimizer: test for test in run.recorder.tests}
    assert all(test.trusted for test in tests.values())
    firsts = {each.optimizer: each for each in reversed(run.recorder.proposals.values())}
    assert {each.optimizer: each.initial_lr for each in firsts.values()} == {
        optimizer: test.initial_lr for optimizer, test in tests.items()
    }
    for proposal in run.recorder.proposals.values():
        assert tests[proposal.optimizer].low <= proposal.initial_lr <= tests[proposal.optimizer].high


def test_without_range_tests_the_catalogues_bounds_are_searched() -> None:
    run = Run(small(range_test=None))
    assert run() is Ending.DONE
    assert "range tested" not in run.said()
    for proposal in run.recorder.proposals.values():
        row = OPTIMIZERS[proposal.optimizer]
        assert row.lr.low <= proposal.initial_lr <= row.lr.high


@pytest.mark.parametrize(
    ("budget", "steps_per_epoch", "rungs"),
    [
        (Budget(epochs=12), 10, (1, 3, 9)),
        (Budget(steps=45), 10, (1, 3)),
        (Budget(steps=5), 10, ()),
        (Budget(epochs=12), None, (1, 3, 9)),
    ],
)
def test_rungs_follow_from_the_epochs_that_the_budget_means(
    budget: Budget, steps_per_epoch: int | None, rungs: tuple[int, ...]
) -> None:
    run = Run(small(budget=budget, range_test=None), info=TaskInfo(steps_per_epoch=steps_per_epoch))
    run()
    assert {job.rungs for job in run.runner.submitted} == {rungs}


def test_checkpoints_lie_in_the_folder_that_was_given() -> None:
    run = Run(small(), checkpoints="/somewhere")
    run()
    assert [job.checkpoint for job in run.runner.submitted if job.ramp is None] == [
        f"/somewhere/trial-{number}.pt" for number in range(6)
    ]


# --- what cannot work


def test_a_metric_that_the_task_does_not_have_is_said_before_anything_is_recorded() -> None:
    info = TaskInfo(steps_per_epoch=10, metrics=("train/loss", "val/loss", "val/accuracy"))
    run = Run(small(objective=Objective(metric="val/acuracy", direction="maximize")), info=info)
    message = (
        r"objective.metric: unknown metric 'val/acuracy'; did you mean 'val/accuracy'\? "
        r"choose one of: train/loss, val/loss, val/accuracy"
    )
    with pytest.raises(UserError, match=message):
        run()
    assert run.recorder.log == []


def test_a_training_function_tells_no_metrics_beforehand_and_any_is_allowed() -> None:
    run = Run(small(objective=Objective(metric="val/loss")), info=TaskInfo(steps_per_epoch=None))
    assert run() is Ending.DONE


def test_a_training_function_needs_a_budget_in_epochs() -> None:
    run = Run(small(budget=Budget(steps=100)), info=TaskInfo(steps_per_epoch=None))
    with pytest.raises(UserError, match=r"budget.steps: a training function of your own needs a budget in epochs"):
        run()


def test_a_task_that_fails_on_its_first_batch_ends_the_run() -> None:
    run = Run(small())

    def probe(candidates: Sequence[Job]) -> TaskInfo:
        raise TaskError("the task failed on its first batch", "Traceback ...")

    run.runner.probe = probe  # type: ignore[method-assign]
    with pytest.raises(TaskError, match="first batch"):
        run()
    assert run.recorder.log == []


# --- range tests that go wrong


def with_errors(errors: Callable[[Job], str | None]) -> Life:
    """Ramps that fail with these errors after half of a perfect curve."""

    def ramp(job: Job) -> tuple[list[float], str | None]:
        assert job.ramp is not None
        error, curve = errors(job), falls_and_blows_up(job.ramp)
        return (curve[:20] if error else curve), error

    return ramps_and_trials(ramp)


@pytest.mark.parametrize("error", ["OSError: gone", "lost"])
def test_a_seed_that_fails_is_left_out_of_the_reading(error: str) -> None:
    whole, partly = Run(small()), Run(small(), with_errors(lambda job: error if job.seed == 1 else None))
    whole()
    assert partly() is Ending.DONE
    for expected, test in zip(whole.recorder.tests, partly.recorder.tests, strict=True):
        assert (test.initial_lr, test.low, test.high) == (expected.initial_lr, expected.low, expected.high)
        assert test.trusted
        assert test.losses[1] == ()
        assert test.seeds == (0, 1, 2)


def test_an_optimizer_whose_range_test_fails_is_searched_in_the_catalogues_bounds_and_the_others_go_on() -> None:
    run = Run(small(), with_errors(lambda job: "RuntimeError: dense gradients" if job.optimizer == "AdamW" else None))
    assert run() is Ending.DONE
    tests = {test.optimizer: test for test in run.recorder.tests}
    assert tests["SGD"].trusted
    assert not tests["AdamW"].trusted
    assert tests["AdamW"].reasons == ("it failed on every seed: RuntimeError: dense gradients",)
    assert (tests["AdamW"].low, tests["AdamW"].high) == (1e-6, 1.0)


@pytest.mark.parametrize("error", ["Traceback ...\nOSError: the camera is gone\n", "lost"])
def test_range_tests_that_all_fail_alike_end_the_sweep_and_none_is_recorded(error: str) -> None:
    run = Run(small(), with_errors(lambda job: error))
    with pytest.raises(SweepFailed, match=r"the range tests all failed the same way:\n(.|\n)*(camera|its worker died)"):
        run()
    assert run.said().count("range tested") == 0
    assert "proposed" not in run.said()


def test_range_tests_that_fail_each_in_its_own_way_do_not_end_the_sweep() -> None:
    run = Run(small(), with_errors(lambda job: f"OSError: {job.key}"))
    assert run() is Ending.DONE
    assert [test.trusted for test in run.recorder.tests] == [False, False]


def test_losses_beyond_the_first_that_is_not_finite_are_not_read() -> None:
    def ramp(job: Job) -> tuple[list[float], None]:
        assert job.ramp is not None
        curve = falls_and_blows_up(job.ramp)
        return [*curve[:40], math.nan, 0.0, 0.0], None

    run = Run(small(), ramps_and_trials(ramp))
    run()
    assert {len(losses) for test in run.recorder.tests for losses in test.losses} == {40}


# --- stopped


@pytest.mark.parametrize(
    ("stop", "ending"), [(Stop.CANCELLED, Ending.CANCELLED), (Stop.INTERRUPTED, Ending.INTERRUPTED)]
)
@pytest.mark.parametrize("calls", [0, 3, 10, 25, 40])
def test_a_stop_ends_the_sweep_as_it_says(stop: Stop, ending: Ending, calls: int) -> None:
    run = Run(small(), wanted=after(calls, stop))
    assert run() is ending
    if "proposed" in run.said():
        assert run.said()[-1] == "picked"  # what was found until then is worth something
    else:
        assert run.recorder.picks is None


def test_a_stop_that_comes_too_late_changes_nothing() -> None:
    run = Run(small(), wanted=after(10_000, Stop.CANCELLED))
    assert run() is Ending.DONE


def test_at_the_time_limit_running_trials_are_cancelled_and_the_sweep_is_done_with_what_it_has() -> None:
    seconds = itertools.count()
    run = Run(small(timeout=60, trials=50, range_test=None), clock=lambda: float(next(seconds)))
    assert run() is Ending.DONE
    outcomes = [ended.outcome for ended, _ in run.recorder.endings.values()]
    assert Outcome.CANCELLED in outcomes
    assert Outcome.COMPLETE in outcomes
    assert len(outcomes) == len(run.recorder.proposals) < 50
    assert run.recorder.picks


def test_a_wish_counts_more_than_the_time_limit() -> None:
    run = Run(small(timeout=0, range_test=None), wanted=lambda: Stop.INTERRUPTED)
    assert run() is Ending.INTERRUPTED


# --- taken up again


def test_known_range_tests_are_not_made_again() -> None:
    run = Run(small())
    assert run(range_tests=[a_range_test("SGD", 0.1)]) is Ending.DONE
    assert [job.optimizer for job in run.runner.submitted if job.ramp is not None] == ["AdamW"] * 3
    assert [test.optimizer for test in run.recorder.tests] == ["AdamW"]
    assert {each.initial_lr for each in run.recorder.proposals.values() if each.optimizer == "SGD"} >= {0.1}


def test_a_sweep_that_has_ended_only_makes_its_picks_again() -> None:
    first = Run(small())
    first()
    again = Run(small())
    assert again(trials=first.recorder.history(), range_tests=first.recorder.tests) is Ending.DONE
    assert again.keys() == []
    assert again.recorder.picks == first.recorder.picks


@pytest.mark.parametrize("calls", range(1, 60, 7))
def test_an_interrupted_sweep_ends_as_if_it_had_not_been(calls: int) -> None:
    whole = Run(small())
    whole()
    left = Run(small(), wanted=after(calls, Stop.INTERRUPTED), pace=calls)
    left()
    rest = Run(small(), pace=calls + 1)
    assert rest(trials=left.recorder.history(), range_tests=left.recorder.tests) is Ending.DONE
    assert rest.recorder.picks == whole.recorder.picks


# --- with real training


def remembered(recorder: MemoryRecorder) -> str:
    return repr((recorder.history(), recorder.tests, recorder.picks))


def test_on_the_quadratic_gradient_descent_does_what_the_closed_form_says() -> None:
    spec = quadratic_spec(
        optimizers=(OptimizerSpec(name="SGD", params={"momentum": Fixed(value=0.0)}),),
        schedulers=(SchedulerSpec(name="none"),),
        pruner=PrunerSpec(name="none"),
        sampler=SamplerSpec(name="quasi-random"),
        budget=Budget(epochs=3),
        trials=40,
    )
    ending, recorder = really_run(spec)
    assert ending is Ending.DONE
    curvatures = np.linspace(1.0, 10.0, 5)
    for number, proposal in recorder.proposals.items():
        closed = [
            0.5 * float((curvatures * (1 - proposal.initial_lr * curvatures) ** (2 * steps)).sum())
            for steps in (10, 20, 30)
        ]
        series = [value for value in recorder.series(number) if math.isfinite(value)]
        assert series == pytest.approx(closed[: len(series)], rel=1e-3, abs=1e-10)
        assert len(series) == 3 or closed[-1] > 1e30
    assert recorder.picks is not None
    (pick,) = recorder.picks
    assert pick.initial_lr == pytest.approx(2 / 11, rel=0.25)  # the best for many steps is 2 / (L + mu)


def test_the_same_sweep_twice_is_the_same_to_the_last_bit() -> None:
    (_, first), (_, second) = really_run(quadratic_spec()), really_run(quadratic_spec())
    assert remembered(first) == remembered(second)
    assert {ended.outcome for ended, _ in first.endings.values()} >= {Outcome.COMPLETE, Outcome.PRUNED}


@pytest.mark.parametrize("mode", ["looped", "fused"])
def test_the_lanes_of_one_worker_judge_as_one_after_another_would(mode: Any) -> None:
    spec = quadratic_spec(workers=WorkersSpec(count=1), sampler=SamplerSpec(name="tpe", startup_trials=4))

    def proposer(*args: Any) -> OptunaProposer:
        return OptunaProposer(*args[:-1], 8)

    (_, alone), (_, beside) = (
        really_run(replace(spec, lanes=LanesSpec(count=count, mode=mode)), make_proposer=proposer) for count in (1, 4)
    )
    assert remembered(alone) == remembered(beside)
    assert any(ended.outcome is Outcome.PRUNED for number, (ended, _) in alone.endings.items() if number < 8)


@pytest.mark.parametrize("calls", [1, 14, 21, 30, 47, 63, 80])
def test_a_real_sweep_that_is_interrupted_and_taken_up_is_the_same_to_the_last_bit(calls: int, tmp_path: Path) -> None:
    _, whole = really_run(quadratic_spec())
    ending, left = really_run(quadratic_spec(), wanted=after(calls, Stop.INTERRUPTED), checkpoints=str(tmp_path))
    assert ending is Ending.INTERRUPTED
    ending, rest = really_run(quadratic_spec(), past=left, checkpoints=str(tmp_path))
    assert ending is Ending.DONE
    assert remembered(rest) == remembered(whole)
    assert list(tmp_path.iterdir()) == []


def test_a_range_that_was_given_is_searched_whatever_the_range_test_says() -> None:
    lr = Range(low=0.01, high=0.02, log=True)
    spec = quadratic_spec(optimizers=(OptimizerSpec(name="SGD", lr=lr),), trials=8)
    _, recorder = really_run(spec)
    assert [test.lrs[0] for test in recorder.tests] == [0.01]
    assert all(0.01 <= proposal.initial_lr <= 0.02 for proposal in recorder.proposals.values())
