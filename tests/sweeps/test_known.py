"""What trials know is what has ended on lanes that train in step; elsewhere it follows from their numbers."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.known import Rounds, Window, knowledge, search_window, verdict_window
from sweeps.records import Outcome, TrialResult
from sweeps.spec import LanesSpec, PrunerSpec, SamplerSpec, WorkersSpec
from tests.doubles import a_result, a_spec

EPOCHS = 5

pruned = st.integers(1, EPOCHS - 1).map(lambda epochs: (Outcome.PRUNED, [1.0] * epochs))
diverged = st.integers(0, EPOCHS - 1).map(lambda epochs: (Outcome.DIVERGED, [1.0] * epochs + [math.nan]))
failed = st.integers(0, EPOCHS - 1).map(lambda epochs: (Outcome.FAILED, [1.0] * epochs))
complete = st.just((Outcome.COMPLETE, [1.0] * EPOCHS))
ends = st.lists(st.one_of(pruned, diverged, failed, complete), min_size=1, max_size=25)


def trained(number: int, end: tuple[Outcome, list[float]]) -> TrialResult:
    return a_result(number, None, outcome=end[0], objectives=end[1])


def rounds_of(end: tuple[Outcome, list[float]]) -> int:
    """How many rounds it keeps its lane: one that fails does so in the epoch after its last report."""
    return len(end[1]) + (end[0] is Outcome.FAILED)


@given(
    ends=ends, lanes=st.integers(1, 5), at_once=st.integers(1, 8), starts=st.integers(0, 9), window=st.integers(1, 8)
)
def test_on_lanes_in_step_a_trial_knows_what_has_ended_when_a_lane_is_free_but_for_the_last(
    ends: list[tuple[Outcome, list[float]]], lanes: int, at_once: int, starts: int, window: int
) -> None:
    known, knows = Rounds(lanes=lanes, at_once=at_once, epochs=EPOCHS, window=window), set[int]()
    running: dict[int, int] = {}
    ended = set[int]()
    proposed = 0
    while proposed < len(ends) or running:
        while proposed < len(ends) and len(running) < (at_once if proposed < starts else lanes):
            if proposed < starts:
                assert not known.propose(knowing=False)
            else:
                assert known.complete()
                knows.update(known.propose())
                assert knows == {number for number in ended if number <= proposed - window}
            running[proposed] = 0
            proposed += 1
        for number in running:
            running[number] += 1
        over = [number for number, rounds in running.items() if rounds == rounds_of(ends[number])]
        for number in running.keys() - over:
            known.goes_on(number, running[number])
        for number in over:
            del running[number]
            ended.add(number)
            known.ended(trained(number, ends[number]))


@given(ends=ends, lanes=st.integers(1, 5), starts=st.integers(0, 9), order=st.randoms(use_true_random=False))
def test_elsewhere_it_knows_the_same_or_has_to_wait(
    ends: list[tuple[Outcome, list[float]]], lanes: int, starts: int, order: Any
) -> None:
    """In places that are fewer, at any pace, with epochs that are said again."""
    expected, known = [Rounds(lanes=lanes, at_once=lanes, epochs=EPOCHS, window=2) for _ in range(2)]
    for number, end in enumerate(ends):
        expected.ended(trained(number, end))
    places = order.randint(1, lanes)
    running: dict[int, int] = {}
    proposed = 0
    while proposed < len(ends) or running:
        while proposed < len(ends) and len(running) < places and (proposed < starts or known.complete()):
            assert known.propose(knowing=proposed >= starts) == expected.propose(knowing=proposed >= starts)
            running[proposed] = 0
            proposed += 1
        number = order.choice(list(running))
        running[number] += 1
        if running[number] == rounds_of(ends[number]):
            del running[number]
            known.ended(trained(number, ends[number]))
        else:
            known.goes_on(number, running[number])
            running[number] = order.randint(0, running[number]) if order.random() < 0.2 else running[number]


def test_a_trial_that_ends_sooner_the_second_time_leaves_a_sweep_that_goes_on() -> None:
    known = Rounds(lanes=2, at_once=2, epochs=EPOCHS)
    for _ in range(2):
        assert known.complete()
        assert known.propose() == []
    known.goes_on(0, 1)
    known.goes_on(0, 2)
    known.ended(trained(1, (Outcome.PRUNED, [1.0])))
    assert known.complete()
    assert known.propose() == [1]
    # It was begun again, and this time it failed in its first epoch.
    known.ended(trained(0, (Outcome.FAILED, [])))
    assert known.complete()
    assert known.propose() == [0]


def test_a_window_knows_all_but_the_last() -> None:
    window = Window(size=3)
    assert [window.propose() for _ in range(2)] == [range(0), range(0)]
    window.ended(trained(1, (Outcome.PRUNED, [1.0])))
    assert window.complete()
    assert window.propose() == range(0)
    assert not window.complete()
    window.ended(trained(0, (Outcome.PRUNED, [1.0])))
    assert window.complete()
    assert window.propose() == range(1)


@pytest.mark.parametrize(
    ("sampler", "pruner", "workers", "window", "expected"),
    [
        ("tpe", "asha", 1, None, Rounds(lanes=8, at_once=32, epochs=EPOCHS, window=16)),
        ("tpe", "none", 1, None, Rounds(lanes=8, at_once=32, epochs=EPOCHS, window=16)),
        ("random", "hyperband", 1, None, Rounds(lanes=8, at_once=32, epochs=EPOCHS, window=16)),
        ("random", "none", 1, None, Window(size=64)),
        ("grid", "none", 2, None, Window(size=64)),
        ("tpe", "median", 1, None, Window(size=16)),
        ("cma-es", "asha", 1, None, Window(size=16)),
        ("tpe", "asha", 2, None, Window(size=32)),
        ("tpe", "asha", 1, 5, Window(size=5)),
    ],
)
def test_where_lanes_train_in_step_rounds_count_elsewhere_numbers(
    sampler: Any, pruner: Any, workers: int, window: int | None, expected: Rounds | Window
) -> None:
    spec = a_spec(
        sampler=SamplerSpec(name=sampler, window=window),
        pruner=PrunerSpec(name=pruner),
        workers=WorkersSpec(count=workers),
        trials=32,
        seeds=(0, 1),
    )
    assert knowledge(spec, reach=8, epochs=EPOCHS) == expected


def test_lanes_that_were_asked_for_are_those_that_starting_points_have() -> None:
    spec = a_spec(workers=WorkersSpec(count=1), lanes=LanesSpec(count=8))
    assert knowledge(spec, reach=8, epochs=EPOCHS) == Rounds(lanes=8, at_once=8, epochs=EPOCHS, window=16)


def test_a_window_lets_every_lane_have_a_successor() -> None:
    assert search_window(a_spec(workers=WorkersSpec(count=3)), 8) == 48
    assert search_window(a_spec(sampler=SamplerSpec(window=5)), 8) == 5


@pytest.mark.parametrize(
    ("pruner", "workers", "given", "expected"),
    [
        ("asha", 1, None, 1),
        ("hyperband", 1, None, 1),
        ("median", 1, None, 16),
        ("asha", 2, None, 32),
        ("hyperband", 2, None, 32),
        ("asha", 1, 32, 32),
    ],
)
def test_verdicts_know_all_trials_before_where_one_worker_trains_them_in_step(
    pruner: Any, workers: int, given: int | None, expected: int
) -> None:
    spec = a_spec(pruner=PrunerSpec(name=pruner), workers=WorkersSpec(count=workers), sampler=SamplerSpec(window=given))
    assert verdict_window(spec, 8) == expected
