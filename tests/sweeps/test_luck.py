"""How lucky a winner is said to be agrees with simulations whose noise and whose truth are known."""

import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist, fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.luck import Candidate, luck
from sweeps.pickevidence import Luck

LRS = [10 ** (-4 + 4 * step / 19) for step in range(20)]
NOISE = 0.1
REPEATS = 50

Truth = Callable[[float], float]


def flat(lr: float) -> float:
    return 1.0


def bowl(lr: float) -> float:
    return 0.3 * (math.log10(lr) + 2) ** 2


def spike(lr: float) -> float:
    return 0.0 if lr == LRS[9] else 3.0


@dataclass
class Simulated:
    """What was said of so many winners, and what is true of them, both as means."""

    said: list[Luck]
    optimism: float
    wins: float

    def mean(self, name: str) -> float:
        return fmean(getattr(each, name) for each in self.said)


def simulated(truth: Truth, seeds: int, *, sign: int = 1, shared: float = 0.0) -> Simulated:
    """Sweeps with known noise; `shared` is the standard deviation of what each seed does to all LRs alike."""
    draw = random.Random(7)

    def sweep() -> tuple[list[Candidate], float]:
        kind = [draw.gauss(0, shared) for _ in range(seeds)]
        ran = [
            Candidate(
                initial_lr=lr,
                values={seed: sign * (truth(lr) + kind[seed] + draw.gauss(0, NOISE)) for seed in range(seeds)},
            )
            for lr in LRS
        ]
        return sorted(ran, key=lambda each: sign * each.mean), fmean(kind)

    said = [luck(sweep()[0], sign=sign) for _ in range(REPEATS)]
    optimism, won = [], Counter[float]()
    for _ in range(20 * REPEATS):
        (winner, *_), kind = sweep()
        optimism.append(truth(winner.initial_lr) + kind - sign * winner.mean)
        won[winner.initial_lr] += 1
    again = sum((count / won.total()) ** 2 for count in won.values())
    return Simulated([each for each in said if each is not None], fmean(optimism), again)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("seeds", [2, 3])
@pytest.mark.parametrize("truth", [flat, bowl, spike])
def test_with_seeds_noise_and_optimism_are_those_of_the_simulation(truth: Truth, seeds: int, sign: int) -> None:
    world = simulated(truth, seeds, sign=sign, shared=0.3)
    assert world.mean("noise") == pytest.approx(NOISE, rel=0.1)
    assert world.mean("optimism") == pytest.approx(world.optimism, rel=0.25, abs=0.01)
    assert world.mean("wins") == pytest.approx(world.wins, abs=0.15)
    assert {each.source for each in world.said} == {"seeds"}


@pytest.mark.parametrize("truth", [flat, bowl])
def test_with_one_seed_neighbours_tell_the_noise(truth: Truth) -> None:
    world = simulated(truth, 1)
    assert world.mean("noise") == pytest.approx(NOISE, rel=0.35)
    assert world.mean("optimism") == pytest.approx(world.optimism, rel=0.35)
    assert world.mean("wins") == pytest.approx(world.wins, abs=0.15)
    assert {each.source for each in world.said} == {"neighbouring LRs"}


def test_a_winner_far_ahead_wins_again_and_owes_nothing_to_luck() -> None:
    world = simulated(spike, 3)
    assert world.mean("wins") == pytest.approx(1.0)
    assert world.mean("optimism") == pytest.approx(0.0, abs=0.01)
    assert {each.rivals for each in world.said} == {0}


def residual_deviation(table: np.ndarray) -> float:
    """The standard deviation that a two-way analysis of variance without replicates leaves."""
    rows, columns = table.shape
    left = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0) + table.mean()
    return float(np.sqrt((left**2).sum() / ((rows - 1) * (columns - 1))))


def ranks(table: np.ndarray) -> list[Candidate]:
    """In the order of the table's rows; each has a seed of its own as well, which leaves its mean as it is."""
    return [
        Candidate(initial_lr=1.5**place, values={**dict(enumerate(row.tolist())), 10 + place: float(row.mean())})
        for place, row in enumerate(table)
    ]


@settings(max_examples=30)
@given(st.integers(2, 16), st.integers(2, 4), st.integers(0, 999))
def test_seeds_tell_the_noise_of_the_better_half_but_of_six_at_least(count: int, seeds: int, chance: int) -> None:
    table = np.random.default_rng(chance).normal(size=(count, seeds)) - 5
    found = luck(ranks(table))
    assert found is not None
    assert found.noise == pytest.approx(residual_deviation(table[: max(6, math.ceil(count / 2))]))


@pytest.mark.parametrize("grows", [False, True])
def test_noise_is_a_share_of_the_loss_where_that_is_more_alike(grows: bool) -> None:
    levels, size = np.arange(12)[:, None], np.linspace(0.09, 0.11, 24).reshape(12, 2)
    noise = size * (-1) ** np.indices((12, 2)).sum(axis=0)
    table = np.exp(levels + noise) if grows else 2 + 0.01 * levels + noise
    found = luck(ranks(table))
    assert found is not None
    half = table[:6]
    expected = residual_deviation(np.log(half)) * half[0].mean() if grows else residual_deviation(half)
    assert found.noise == pytest.approx(expected)


@settings(max_examples=30)
@given(st.integers(6, 16), st.integers(0, 999))
def test_neighbours_tell_the_noise_around_the_winner(count: int, chance: int) -> None:
    draw = np.random.default_rng(chance)
    powers, values = draw.uniform(-5, 1, size=count), draw.normal(size=count)
    found = luck([Candidate(initial_lr=10**lr, values={0: value}) for lr, value in zip(powers, values, strict=True)])
    near = np.argsort(abs(powers - powers[0]))[: max(6, math.ceil(count / 2))]
    near = near[np.argsort(powers[near])]
    off = []
    for left, at, right in zip(near, near[1:], near[2:], strict=False):
        share = (powers[at] - powers[left]) / (powers[right] - powers[left])
        line = np.interp(powers[at], powers[[left, right]], values[[left, right]])
        off.append(abs(values[at] - line) / math.hypot(1, share, 1 - share))
    assert found is not None
    assert found.noise == pytest.approx(np.median(off) / NormalDist().inv_cdf(0.75), rel=1e-4)


def two(apart: float, more: int = 0) -> list[Candidate]:
    """Two whose noise is 0.2, so far apart; the worse one has so many seeds more."""
    worse = dict.fromkeys(range(2, 2 + more), -1.0 + apart)
    return [
        Candidate(initial_lr=0.1, values={0: -0.9, 1: -1.1}),
        Candidate(initial_lr=0.2, values={0: -1.1 + apart, 1: -0.9 + apart, **worse}),
    ]


@pytest.mark.parametrize("apart", [0.0, 0.2, 0.25, 0.3, 0.4, 0.6, 0.79])
def test_of_two_rivals_it_says_what_can_be_worked_out(apart: float) -> None:
    squared = 0.2**2 / 2
    share = max(0.0, 1 - 2 * squared / apart**2) if apart else 0.0
    between = NormalDist(apart * share, math.sqrt(2 * squared * (1 + share)))
    found = luck(two(apart))
    assert found is not None
    assert found.noise == pytest.approx(0.2)
    assert found.wins == pytest.approx(1 - between.cdf(0), abs=0.05)
    # The covariance of a winner's noise with the lead that made it one.
    assert found.optimism == pytest.approx(2 * squared * between.pdf(0), abs=0.01)


@pytest.mark.parametrize(
    ("apart", "more", "rivals"), [(0.79, 0, 1), (0.81, 0, 0), (0.69, 2, 1), (0.70, 2, 0), (-0.5, 0, 1)]
)
def test_rivals_lie_within_four_deviations_of_a_difference(apart: float, more: int, rivals: int) -> None:
    found = luck(two(apart, more))
    assert found is not None
    assert found.rivals == rivals


def test_noise_that_grows_with_the_loss_is_not_read_off_large_losses() -> None:
    draw = random.Random(3)
    losses = [0.035, 0.038, 0.05, 0.09, 0.3, 1.2]
    said = [
        luck(
            sorted(
                (
                    Candidate(
                        initial_lr=0.1 * 2**place, values={seed: loss * math.exp(draw.gauss(0, 0.1)) for seed in (0, 1)}
                    )
                    for place, loss in enumerate(losses)
                ),
                key=lambda each: each.mean,
            )
        )
        for _ in range(REPEATS)
    ]
    assert fmean(each.noise for each in said if each is not None) == pytest.approx(0.0035, rel=0.5)
    assert fmean(each.optimism for each in said if each is not None) < 0.003


def alone(*values: float, alike: bool = True) -> list[Candidate]:
    return [
        Candidate(initial_lr=0.001 * 2**place, values={0: value}, alike=alike or place == 0)
        for place, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    "ranked",
    [
        [],
        alone(0.1),
        [Candidate(initial_lr=0.1, values={0: 0.1, 1: 0.2})],
        alone(0.1, 0.2, 0.3, 0.4, 0.5),
        alone(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, alike=False),
        [Candidate(initial_lr=0.1, values={0: 0.1}), Candidate(initial_lr=0.2, values={1: 0.2})],
    ],
)
def test_where_nothing_tells_the_noise_nothing_is_said(ranked: list[Candidate]) -> None:
    assert luck(ranked) is None


def test_without_noise_there_is_no_luck() -> None:
    ranked = [
        Candidate(initial_lr=lr, values={0: value, 1: value + 1}) for lr, value in ((0.1, 0.5), (0.2, 0.6), (0.4, 0.9))
    ]
    found = luck(ranked)
    assert found is not None
    assert (found.noise, found.optimism) == pytest.approx((0.0, 0.0), abs=1e-12)
    assert (found.wins, found.rivals) == (1.0, 0)


values = st.floats(min_value=-1e300, max_value=1e300) | st.floats(min_value=-10, max_value=10)
tables = st.integers(1, 3).flatmap(
    lambda seeds: st.lists(st.lists(values, min_size=seeds, max_size=seeds), min_size=2, max_size=12)
)


@given(tables, st.sampled_from([1, -1]))
def test_whatever_the_values_it_says_something_finite_or_nothing_and_the_same_twice(
    table: list[list[float]], sign: int
) -> None:
    ran = [Candidate(initial_lr=1.5**place, values=dict(enumerate(row))) for place, row in enumerate(table)]
    ranked = sorted(ran, key=lambda each: sign * each.values[0])
    found = luck(ranked, sign=sign)
    assert found == luck(ranked, sign=sign)
    if found is not None:
        assert all(math.isfinite(number) for number in (found.noise, found.optimism))
        assert 0 <= found.wins <= 1
        assert found.optimism >= 0
