"""How lucky a winner is said to be agrees with simulations whose noise and whose truth are known."""

import math
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

import pytest
from hypothesis import given
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
