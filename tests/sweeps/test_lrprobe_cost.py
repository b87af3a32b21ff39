"""What a probe costs keeps to what it may, as long as what it takes at least does."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.lanerecords import LaneProbe
from sweeps.lrprobe import LrProbe, Means, Stretch, means
from sweeps.objective import Objective
from tests.sweeps.test_lrprobe import EPOCHS, learning, new, run

LEAST, ROUNDS = 10, 1.5
"""Trainings of a lane that a probe takes at least, and how often it then goes over the data."""


def measured(each: float, fixed: float) -> LaneProbe:
    """What lanes cost whose stacked steps take so much each and together, in steps of one alone."""
    return LaneProbe(alone=1.0, stacked={lanes: each + fixed / lanes for lanes in (5, 40)})


def probe(spend: Means, best: float, off: float) -> LrProbe:
    """A probe of a span as wide as a ramp's, whose middle lies so many decades off the best LR."""
    middle: float = best * 10**off
    return LrProbe(
        low=middle / 200**0.5,
        high=middle * 200**0.5,
        seeds=(0, 1, 2),
        epochs=EPOCHS,
        objective=Objective(value="last"),
        afford=spend.afford,
        shared=spend.shared,
        at_once=spend.at_once,
    )


def cost(rounds: Sequence[Sequence[Stretch]], each: float, fixed: float) -> float:
    """Trainings of a lane alone: every lane's epochs, and those of every round, in which all lanes train together."""
    done: dict[tuple[float, int], int] = {}
    total = 0.0
    for stretches in rounds:
        new = [stretch.epochs - done.get((stretch.lr, stretch.seed), 0) for stretch in stretches]
        total += sum(new) * each + max(new) * fixed
        done |= {(stretch.lr, stretch.seed): stretch.epochs for stretch in stretches}
    return total / EPOCHS


@given(
    each=st.floats(0.02, 0.5),
    fixed=st.floats(0.0, 2.0),
    runs=st.floats(0.5, 6.0),
    best=st.floats(-5, 0),
    off=st.floats(-3, 3),
)
def test_what_is_planned_keeps_to_the_limit_unless_the_least_lies_above_it(
    each: float, fixed: float, runs: float, best: float, off: float
) -> None:
    spend = means(measured(each, fixed), epochs=EPOCHS, runs=runs)
    rounds = run(probe(spend, 10**best, off), learning(10**best, noise=0.01))
    assert cost(rounds, each, fixed) <= max(runs, 1.05 * (LEAST * each + ROUNDS * fixed))


@given(each=st.floats(0.02, 0.5), fixed=st.floats(0.0, 2.0), runs=st.floats(0.5, 6.0), picks=st.integers(1, 8))
def test_picks_that_train_together_share_what_a_step_costs(each: float, fixed: float, runs: float, picks: int) -> None:
    alone = means(measured(each, fixed / picks), epochs=EPOCHS, runs=runs)
    together = means(measured(each, fixed), epochs=EPOCHS, picks=picks, runs=runs)
    assert together.at_once is alone.at_once
    assert (together.afford, together.shared) == pytest.approx((alone.afford, alone.shared), rel=1e-6, abs=1e-6)


def test_rounds_that_are_dear_are_not_made_for_a_few_more_lrs() -> None:
    below = learning(1e-3)
    cheap, dear = new(low=0.01, high=1.0, runs=12), new(low=0.01, high=1.0, runs=12, shared=10.0)
    lowest = [min(each.lr for stretches in run(probe, below) for each in stretches) for probe in (cheap, dear)]
    assert lowest[0] < 0.005 < lowest[1]


def test_the_other_seeds_begin_at_the_rung() -> None:
    first, *others = run(new(runs=10), learning(0.03))
    assert {(each.seed, each.epochs) for each in first} == {(0, EPOCHS // 2)}
    assert {each.seed for each in others[0]} == {0, 1, 2}
    assert len(others) == 1
