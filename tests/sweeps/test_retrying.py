"""A job is tried again for as long as it gets further, and three times where it does not."""

from collections.abc import Generator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.jobs import trial_job
from sweeps.lanerecords import LanePlan
from sweeps.records import Ended, Event, Job, Lost, Outcome, Report, Started, Stop
from sweeps.retrying import Retrying
from sweeps.spec import PrunerSpec
from tests.doubles import ScriptedRunner, a_result, a_spec


def one_job() -> Job:
    return trial_job(a_spec(pruner=PrunerSpec(name="none")), a_result(0, None).proposal, 12, None)


def lives(deaths: list[int]) -> tuple[ScriptedRunner, list[Event]]:
    """A job whose worker dies after these epochs, one life after another; it goes on where it was. What is heard."""
    left = list(deaths)
    reached = 0

    def life(job: Job) -> Generator[Event, Stop | None, Ended]:
        nonlocal reached
        yield Started(key=job.key, epoch=reached)
        if not left:
            return Ended(key=job.key, outcome=Outcome.COMPLETE)
        for epoch in range(reached + 1, reached + left.pop(0) + 1):
            reached = epoch
            yield Report(key=job.key, epoch=epoch, step=epoch, metrics={}, lrs=(0.1,))
        yield Lost(key=job.key, reason="its worker died")
        raise AssertionError("the dead say no more")

    runner = ScriptedRunner(life)
    retrying = Retrying(runner)
    retrying.open(LanePlan())
    retrying.submit([one_job()])
    heard: list[Event] = []
    while not any(isinstance(event, Ended) for event in heard):
        heard += retrying.events(0.0)
    return runner, heard


def attempts_of(deaths: list[int]) -> int | None:
    """After how many attempts it is given up on: the third loss in a row without an epoch; None if it never is."""
    in_a_row = 0
    for attempt, epochs in enumerate(deaths, start=1):
        in_a_row = 1 if epochs or attempt == 1 else in_a_row + 1
        if in_a_row == 3:
            return attempt
    return None


@given(st.lists(st.integers(0, 2), max_size=12))
def test_it_is_tried_as_long_as_it_gets_further(deaths: list[int]) -> None:
    runner, heard = lives(deaths)
    given_up = attempts_of(deaths)
    assert not any(isinstance(event, Lost) for event in heard)
    assert len(runner.submitted) == (given_up or len(deaths) + 1)
    assert heard[-1] == Ended(
        key="trial 0",
        outcome=Outcome.FAILED if given_up else Outcome.COMPLETE,
        error="tried 3 times; its worker died" if given_up else None,
    )


@pytest.mark.parametrize(("told", "interrupted"), [(Stop.CANCELLED, False), (Stop.INTERRUPTED, True)])
def test_one_that_was_told_to_stop_is_not_tried_again(told: Stop, interrupted: bool) -> None:
    def life(job: Job) -> Generator[Event, Stop | None, Ended]:
        yield Started(key=job.key)
        yield Lost(key=job.key, reason="its worker died")
        raise AssertionError("the dead say no more")

    runner = ScriptedRunner(life)
    retrying = Retrying(runner)
    retrying.submit([one_job()])
    retrying.stop("trial 0", told)
    retrying.events(0.0)
    assert retrying.events(0.0) == [Ended(key="trial 0", outcome=Outcome.CANCELLED, interrupted=interrupted)]
    assert len(runner.submitted) == 1
