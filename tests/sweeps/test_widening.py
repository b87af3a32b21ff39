"""A ramp that shows no end of its LRs runs again further, at most twice, and the wider curve is what is kept."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from sweeps.domains import Fixed, Range
from sweeps.finding import Finding
from sweeps.groups import ParamGroup
from sweeps.jobs import range_test_jobs
from sweeps.rangetest import ramp_lrs, read_range_test
from sweeps.records import Ending, Job, Ramp, RangeTest, Report, Started, Stop
from sweeps.spec import GroupSpec, OptimizerSpec, RangeTestSpec, SweepSpec
from sweeps.widening import wider
from tests.sweeps.rules.curves import CURVES, STEPS, typical
from tests.sweeps.scripted import Run, after, falls_and_blows_up, ramps_and_trials, small

RAMP = Ramp(low=1e-5, high=10.0, steps=STEPS)
HIGHER = Ramp(low=1e-5, high=1000.0, steps=133)
LOWER = Ramp(low=1e-8, high=1e-3, steps=83)
CALM = typical(1, blows=2.0)
AT_ONCE = [2.3, 2.4, 9.0, 80.0, 1e5]


def blown_up_at(step: int) -> list[float]:
    """Learns nothing for so many steps."""
    return [2.3] * step + [1e6] * 5


@pytest.mark.parametrize(
    ("curves", "expected"),
    [
        ([typical(seed) for seed in range(3)], None),
        ([CALM] * 3, HIGHER),
        ([CURVES["nearly flat"]] * 3, HIGHER),
        ([CALM, CALM, typical(1)], HIGHER),
        ([CALM, typical(1)], None),
        ([AT_ONCE] * 3, LOWER),
        ([[2.3]] * 3, LOWER),
        ([[2.3], AT_ONCE, typical(1)], LOWER),
        ([[2.3], typical(0), typical(1)], None),
        # Blows up half way on, without having learned: lower LRs are on the ramp already.
        ([[2.3] * 50 + [100.0] * 10] * 3, None),
        ([blown_up_at(10)] * 3, LOWER),
        ([blown_up_at(11)] * 3, None),
        # Learns at once, and blows up at once.
        ([[2.3, 1.5, 1.0, 0.8, 60.0, 1e4]] * 3, None),
        ([AT_ONCE, typical(1)], None),
        # Seeds that failed have no curve, and no say.
        ([[], [], AT_ONCE], LOWER),
        ([[], [], typical(1)], None),
        ([[], []], None),
    ],
)
def test_a_ramp_goes_where_its_curve_is_not_seen_to_end(curves: list[list[float]], expected: Ramp | None) -> None:
    assert wider(RAMP, read_range_test("SGD", range(len(curves)), ramp_lrs(RAMP), curves)) == expected


def test_a_wider_ramp_keeps_its_growth_and_its_group() -> None:
    ramp = replace(RAMP, growth="linear", group="head")
    calm, wild = (read_range_test("SGD", range(3), ramp_lrs(ramp), [curve] * 3) for curve in (CALM, AT_ONCE))
    assert wider(ramp, calm) == replace(ramp, high=30.0)
    assert wider(ramp, wild) == replace(ramp, high=pytest.approx(10 / 3))
    assert wider(replace(RAMP, group="head"), calm) == replace(HIGHER, group="head")


@pytest.mark.parametrize(("blown_up", "lower"), [(2, True), (3, False)])
def test_on_a_short_ramp_the_second_step_is_at_once(blown_up: int, lower: bool) -> None:
    ramp = replace(RAMP, steps=7)
    test = read_range_test("SGD", range(3), ramp_lrs(ramp), [blown_up_at(blown_up)] * 3)
    assert wider(ramp, test) == (replace(LOWER, steps=6) if lower else None)


@pytest.mark.parametrize(("high", "lower"), [(30.0, 10.0), (3.0, None), (2.0, None)])
def test_a_linear_ramp_never_ends_where_it_begins(high: float, lower: float | None) -> None:
    ramp = Ramp(low=1.0, high=high, steps=STEPS, growth="linear")
    test = read_range_test("SGD", range(3), ramp_lrs(ramp), [AT_ONCE] * 3)
    assert wider(ramp, test) == (None if lower is None else replace(ramp, high=lower))


@pytest.mark.parametrize(("end", "expected"), [([0.9, 2.0, 9.0], None), ([0.5, 0.5, 0.51], HIGHER)])
def test_a_validation_loss_that_turns_up_shows_an_end_of_lrs(end: list[float], expected: Ramp | None) -> None:
    test = read_range_test(
        "SGD",
        range(3),
        ramp_lrs(RAMP),
        [CALM] * 3,
        metric_steps=[20, 40, 60, 80, 100],
        metrics={"val/loss": [[2.5, 1.0, *end]] * 3},
    )
    assert wider(RAMP, test) == expected
    assert any("never turned up" in reason for reason in test.reasons) is (expected is not None)


def test_a_ramp_that_was_widened_too_far_gives_way_to_the_narrower() -> None:
    def ramp(job: Job) -> tuple[list[float], str | None]:
        assert job.ramp is not None
        return (CALM if job.ramp.high == 10.0 else AT_ONCE), None

    spec = small(optimizers=(OptimizerSpec(name="SGD"),), range_test=RangeTestSpec(steps=STEPS, seeds=1))
    run = Run(spec, ramps_and_trials(ramp))
    run()
    [test] = run.recorder.tests
    assert test.lrs[-1] == 10.0
    assert test.losses == (tuple(CALM),)


def one(**given: object) -> SweepSpec:
    return small(optimizers=(OptimizerSpec(name="SGD"),), range_test=RangeTestSpec(steps=50, seeds=2), **given)


def told(
    spec: SweepSpec, best: float, errors: Callable[[Job], str | None] = lambda job: None
) -> tuple[list[RangeTest], list[Job], list[Finding]]:
    """The tests, the ramps and the warnings of a sweep whose loss blows up above an LR."""

    def ramp(job: Job) -> tuple[list[float], str | None]:
        assert job.ramp is not None
        curve = falls_and_blows_up(job.ramp, best)
        return [loss for loss in curve if loss < 1e6], errors(job)

    said: list[Finding] = []
    run = Run(spec, ramps_and_trials(ramp), warn=said.append)
    assert run() is Ending.DONE
    return list(run.recorder.tests), [job for job in run.runner.submitted if job.ramp is not None], said


@pytest.mark.parametrize(
    ("best", "tops"),
    [(0.1, [10.0]), (30.0, [10.0, 1e3]), (3e3, [10.0, 1e3, 1e5]), (3e5, [10.0, 1e3, 1e5])],
)
def test_a_ramp_is_widened_at_most_twice_and_the_widest_is_kept(best: float, tops: list[float]) -> None:
    [test], jobs, said = told(one(), best)
    assert [job.ramp.high for job in jobs[::2] if job.ramp] == pytest.approx(tops)
    assert len({job.key for job in jobs}) == len(jobs) == 2 * len(tops)
    assert test.lrs[-1] == pytest.approx(tops[-1])
    assert jobs[-1].ramp is not None
    assert list(test.lrs) == ramp_lrs(jobs[-1].ramp)
    assert any("never turned up" in reason for reason in test.reasons) is (best == 3e5)
    words = [each.message for each in said if each.where == "range test SGD"]
    assert len(words) == len(tops) - 1
    assert all("its loss shows no end of LRs, so it runs again from 1e-05 to 1e+0" in each for each in words)


def test_a_range_that_was_given_is_not_left() -> None:
    optimizer = OptimizerSpec(name="SGD", lr=Range(low=1e-4, high=1e-2, log=True))
    [test], jobs, said = told(small(optimizers=(optimizer,)), best=1.0)
    assert len(jobs) == 3
    assert not test.trusted
    assert not [each for each in said if each.where == "range test SGD"]


@pytest.mark.parametrize("name", ["Rprop", "Adafactor"])
def test_optimizers_that_take_no_larger_lrs_are_not_asked_to(name: str) -> None:
    [test], jobs, _ = told(small(optimizers=(OptimizerSpec(name=name),)), best=1e6)
    assert len(jobs) == 3
    assert not test.trusted


@pytest.mark.parametrize("error", ["OSError: gone", "lost"])
def test_a_wider_ramp_that_fails_leaves_what_the_narrower_gave(error: str) -> None:
    [test], jobs, _ = told(one(), 1e12, lambda job: error if job.ramp and job.ramp.high > 10 else None)
    assert len({job.key for job in jobs}) == 4
    assert test.lrs[-1] == 10.0
    assert all(test.losses)


@pytest.mark.parametrize("calls", range(1, 30, 3))
def test_a_sweep_that_is_left_while_it_widens_begins_that_range_test_anew(calls: int) -> None:
    def life(job: Job) -> tuple[list[float], str | None]:
        assert job.ramp is not None
        return falls_and_blows_up(job.ramp, 30.0), None

    whole = Run(one(), ramps_and_trials(life))
    whole()
    left = Run(one(), ramps_and_trials(life), wanted=after(calls, Stop.INTERRUPTED))
    left()
    rest = Run(one(), ramps_and_trials(life))
    assert rest(trials=left.recorder.history(), range_tests=left.recorder.tests) is Ending.DONE
    assert [*left.recorder.tests, *rest.recorder.tests] == whole.recorder.tests


def test_validation_on_the_way_is_kept_for_every_seed_as_far_as_it_was_finite() -> None:
    losses = typical(0)
    watched = {25: {"val/loss": 1.0, "val/accuracy": 0.2}, 50: {"val/loss": 0.5, "val/accuracy": 0.9}}
    blown = {25: {"val/loss": 2.0, "val/accuracy": 0.3}, 50: {"val/loss": float("inf"), "val/accuracy": 0.1}}
    plain = ramps_and_trials(lambda job: (losses, "OSError: gone" if job.seed == 2 else None))

    def life(job: Job):  # type: ignore[no-untyped-def]
        events = plain(job)
        first = next(events)
        yield first
        for number in itertools.count():
            try:
                event = next(events)
            except StopIteration as over:
                return over.value
            if job.ramp is not None and number == 1:
                event = replace(event, watched=(watched, blown, watched)[job.seed])
            yield event

    run = Run(small(optimizers=(OptimizerSpec(name="SGD"),), range_test=RangeTestSpec(steps=100, seeds=3)), life)
    run()
    [test] = run.recorder.tests
    assert test.metric_steps == (25, 50)
    assert test.metrics == {"val/loss": ((1.0, 0.5), (2.0,), ()), "val/accuracy": ((0.2, 0.9), (0.3, 0.1), ())}


def test_what_a_lane_said_before_it_began_again_does_not_count() -> None:
    plain = ramps_and_trials()

    def life(job: Job):  # type: ignore[no-untyped-def]
        if job.ramp is not None:
            yield Started(key=job.key)
            yield Report(
                key=job.key,
                epoch=1,
                step=3,
                metrics={},
                lrs=(0.1,),
                step_losses=(7.0,) * 3,
                watched={2: {"val/x": 1.0}},
            )
        return (yield from plain(job))

    once, twice = Run(one()), Run(one(), life)
    once()
    twice()
    assert twice.recorder.tests == once.recorder.tests


HEAD = GroupSpec(group=ParamGroup(name="head", patterns=("fc.*",)), params={"lr_multiplier": Fixed(value=10.0)})


@pytest.mark.parametrize(
    ("lr", "others", "bounds"),
    [
        (None, 1e-3, (1e-5, 10.0)),
        (Fixed(value=0.3), 0.3, (1e-5, 10.0)),
        (Range(low=0.01, high=1.0, log=True), 0.1, (0.01, 1.0)),
    ],
)
def test_a_group_is_tested_while_the_others_stay_at_the_lrs_of_the_spec(
    lr: Fixed | Range | None, others: float, bounds: tuple[float, float]
) -> None:
    optimizer = OptimizerSpec(name="SGD", lr=lr)
    spec = small(optimizers=(optimizer,), groups=(HEAD,), range_test=RangeTestSpec(growth="linear", group="head"))
    jobs = list(range_test_jobs(spec, optimizer))
    assert len(jobs) == 3
    for job in jobs:
        assert job.initial_lr == pytest.approx(others)
        assert job.ramp == Ramp(low=bounds[0], high=bounds[1], steps=100, growth="linear", group="head")


def test_the_search_takes_no_bounds_and_no_pick_from_the_test_of_a_group() -> None:
    spec = small(
        optimizers=(OptimizerSpec(name="SGD"), OptimizerSpec(name="AdamW", lr=Fixed(value=0.01))),
        groups=(HEAD,),
        range_test=RangeTestSpec(steps=50, group="head"),
    )
    run = Run(spec)
    assert run() is Ending.DONE
    assert {test.optimizer for test in run.recorder.tests} == {"SGD", "AdamW"}
    lrs = {each.initial_lr for each in run.recorder.proposals.values() if each.optimizer == "AdamW"}
    assert lrs <= {0.01}
    picks = {test.initial_lr for test in run.recorder.tests}
    assert not picks & {each.initial_lr for each in run.recorder.proposals.values()}
