"""After the search, picks are trained at multiples of their LR: how near they are to the edge."""

import math
from collections.abc import Generator
from pathlib import Path
from typing import Any, Literal

import pytest

from sweeps.domains import Fixed
from sweeps.finding import Finding
from sweeps.objective import Objective
from sweeps.pickevidence import Stressed
from sweeps.picknotes import stability_notes
from sweeps.records import Ended, Ending, Event, Job, Lost, Outcome, Report, Started, Stop
from sweeps.spec import OptimizerSpec, PrunerSpec, SamplerSpec, SchedulerSpec, SweepSpec, WorkersSpec
from sweeps.stability import FACTORS
from tests.sweeps.scripted import Run, after, quadratic_spec, ramps_and_trials, really_run, small
from workers.tasks.quadratic import Quadratic


def stressed(**given: Any) -> SweepSpec:
    return small(**{"stability": "best", "workers": WorkersSpec(count=3), **given})


def keys_of_stability(run: Run) -> list[str]:
    return [job.key for job in run.runner.submitted if job.key.startswith("stability")]


def explodes_at(lr: float, error: str | None = None) -> Any:
    """A life in which LRs from this one on explode in the second epoch, or fail in the first."""
    usual = ramps_and_trials()

    def life(job: Job) -> Generator[Event, Stop | None, Ended]:
        if not job.key.startswith("stability") or job.initial_lr < lr:
            return (yield from usual(job))
        yield Started(key=job.key)
        if error == "lost":
            yield Lost(key=job.key, reason="its worker died")
        if error is not None:
            return Ended(key=job.key, outcome=Outcome.FAILED, error=error)
        for epoch, value in enumerate((1.0, math.nan), start=1):
            yield Report(key=job.key, epoch=epoch, step=epoch, metrics={"val/loss": value}, lrs=(job.initial_lr,))
        return Ended(key=job.key, outcome=Outcome.DIVERGED)

    return life


def test_the_best_pick_alone_is_trained_at_2_5_and_10_times_its_lr() -> None:
    run = Run(stressed())
    assert run() is Ending.DONE
    assert run.recorder.picks is not None
    best, *others = run.recorder.picks
    assert [each.factor for each in best.stability] == [2.0, 5.0, 10.0] == list(FACTORS)
    assert [each.initial_lr for each in best.stability] == [factor * best.initial_lr for factor in FACTORS]
    assert all(each.value is not None and not each.exploded for each in best.stability)
    assert others
    assert all(each.stability == () for each in others)
    assert len(run.recorder.proposals) == 6


def test_they_train_the_pick_as_it_is_without_rungs_and_without_a_checkpoint() -> None:
    run = Run(stressed(seeds=(5, 6)), checkpoints="/nowhere")
    run()
    assert run.recorder.picks is not None
    best = run.recorder.picks[0]
    proposal = run.recorder.proposals[best.trials[0]]
    jobs = [job for job in run.runner.submitted if job.key.startswith("stability")]
    assert len(jobs) == 3
    for job in jobs:
        assert (job.optimizer, job.scheduler, job.seed) == (best.optimizer, best.scheduler, 5)
        assert job.optimizer_params == proposal.optimizer_params
        assert job.scheduler_params == proposal.scheduler_params
        assert (job.rungs, job.checkpoint) == ((), None)


def test_all_picks_are_tried_where_that_is_asked_for_and_none_where_it_is_off() -> None:
    run = Run(stressed(stability="all"))
    run()
    assert run.recorder.picks is not None
    assert len(run.recorder.picks) > 1
    assert all(len(pick.stability) == 3 for pick in run.recorder.picks)
    none = Run(stressed(stability="off"))
    none()
    assert keys_of_stability(none) == []


def test_a_pick_that_explodes_at_twice_its_lr_says_how_near_the_edge_it_is() -> None:
    run = Run(stressed(), explodes_at(0.0))
    run()
    assert run.recorder.picks is not None
    best = run.recorder.picks[0]
    assert best.stability == tuple(
        Stressed(factor=factor, initial_lr=factor * best.initial_lr, value=None, exploded=True) for factor in FACTORS
    )
    assert [note.partition(":")[0] for note in best.notes if "explodes" in note] == ["explodes at 2 times this LR"]
    assert f"; {best.initial_lr / 2:.3g} is safer" in best.notes[-1]


def test_one_that_explodes_only_further_off_needs_no_note() -> None:
    calm = Run(stressed())
    calm()
    assert calm.recorder.picks is not None
    run = Run(stressed(), explodes_at(4 * calm.recorder.picks[0].initial_lr))
    run()
    assert run.recorder.picks is not None
    assert [each.exploded for each in run.recorder.picks[0].stability] == [False, True, True]
    assert not [note for note in run.recorder.picks[0].notes if "explodes" in note]


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_multiple_that_does_better_is_named(direction: Literal["minimize", "maximize"]) -> None:
    sign = 1 if direction == "minimize" else -1

    def value(job: Job, epoch: int) -> float:
        """The search sees a bowl; beyond its LRs there is a better one."""
        told = abs(math.log10(job.initial_lr) + 1.5) + 1 / epoch
        return sign * (0.01 if job.key.startswith("stability") and " 5 times" in job.key else told)

    run = Run(stressed(objective=Objective(direction=direction)), ramps_and_trials(value=value))
    run()
    assert run.recorder.picks is not None
    best = run.recorder.picks[0]
    (note,) = [note for note in best.notes if "did better" in note]
    assert note == (
        f"did better at 5 times this LR: {sign * 0.01:.4g} instead of {best.value:.4g} from the same seed; search LRs "
        f"around {5 * best.initial_lr:.3g} as well"
    )


def test_a_pick_that_was_not_trained_to_its_end_is_compared_with_nothing() -> None:
    better = (Stressed(factor=2.0, initial_lr=0.2, value=0.1, exploded=False),)
    assert list(stability_notes(better, Objective(), None)) == []


@pytest.mark.parametrize("error", ["RuntimeError: no space", "lost"])
def test_what_fails_is_left_out_with_a_warning_and_the_sweep_is_done(error: str) -> None:
    said: list[Finding] = []
    run = Run(stressed(), explodes_at(0.0, error), warn=said.append)
    assert run() is Ending.DONE
    assert run.recorder.picks is not None
    assert run.recorder.picks[0].stability == ()
    assert [finding.where for finding in said].count("stability") == 3


@pytest.mark.parametrize(
    ("stop", "ending"), [(Stop.CANCELLED, Ending.CANCELLED), (Stop.INTERRUPTED, Ending.INTERRUPTED)]
)
def test_when_told_to_stop_meanwhile_the_picks_are_kept_and_a_later_run_tries_again(stop: Stop, ending: Ending) -> None:
    def in_stability() -> Stop | None:
        return stop if keys_of_stability(left) else None

    left = Run(stressed(), wanted=in_stability)
    assert left() is ending
    assert left.recorder.picks is not None
    assert left.recorder.picks[0].stability == ()
    whole, rest = Run(stressed()), Run(stressed())
    whole()
    assert rest(trials=left.recorder.history(), range_tests=left.recorder.tests) is Ending.DONE
    assert rest.recorder.picks == whole.recorder.picks
    assert rest.keys() == keys_of_stability(rest)


@pytest.mark.parametrize("calls", range(1, 90, 11))
def test_an_interrupted_sweep_has_the_same_picks_in_the_end(calls: int) -> None:
    whole = Run(stressed())
    whole()
    left = Run(stressed(), wanted=after(calls, Stop.INTERRUPTED), pace=calls)
    left()
    rest = Run(stressed(), pace=calls + 1)
    assert rest(trials=left.recorder.history(), range_tests=left.recorder.tests) is Ending.DONE
    assert rest.recorder.picks == whole.recorder.picks


def test_on_the_quadratic_the_edge_is_where_the_closed_form_has_it(tmp_path: Path) -> None:
    # Of L = 1 and mu = 0.9 the best LR is 1.05, and from 2 on gradient descent explodes.
    spec = quadratic_spec(
        optimizers=(OptimizerSpec(name="SGD", lr=Fixed(value=0.5), params={"momentum": Fixed(value=0.0)}),),
        schedulers=(SchedulerSpec(name="none"),),
        sampler=SamplerSpec(name="random"),
        pruner=PrunerSpec(name="none"),
        range_test=None,
        stability="best",
        trials=1,
    )
    _, recorder = really_run(spec, task=lambda: Quadratic(mu=0.9, L=1.0), checkpoints=str(tmp_path))
    assert recorder.picks is not None
    (pick,) = recorder.picks
    at = {each.factor: each for each in pick.stability}
    assert at[2.0].value is not None
    assert at[2.0].value < pick.value
    assert at[10.0].exploded or (at[10.0].value or 0.0) > 1e6
    assert list(tmp_path.iterdir()) == []
