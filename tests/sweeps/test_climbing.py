"""Where a pair's next trial puts its initial LR."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.climbing import Tried, next_climb, next_lr
from sweeps.domains import Choice, Domain, Fixed, Range
from sweeps.objective import Objective
from tests.sweeps.simulation import simulate, simulated_spec

PAIR = ("Adam", "none")
LRS = Range(low=1e-5, high=1.0, log=True)
MINIMIZE, MAXIMIZE = Objective(), Objective(direction="maximize")


def climb(best: float, start: float, turns: int, objective: Objective = MINIMIZE) -> list[Tried]:
    """Turns of one pair whose value depends on nothing but how far its LR is from the best one."""
    sign = 1.0 if objective.direction == "minimize" else -1.0
    tried: list[Tried] = []
    lr: float | None = start
    while lr is not None and len(tried) < turns:
        tried.append(Tried(pair=PAIR, lr=lr, value=sign * math.log(lr / best) ** 2))
        lr = next_lr(PAIR, tried, LRS, objective)
    return tried


decades = st.floats(-5, 0).map(lambda power: min(max(10.0**power, LRS.low), LRS.high))


@given(best=decades, start=decades, objective=st.sampled_from([MINIMIZE, MAXIMIZE]))
def test_turns_come_near_the_best_lr_wherever_they_begin_and_then_end(
    best: float, start: float, objective: Objective
) -> None:
    tried = climb(best, start, 60, objective)
    assert len(tried) < 60
    assert min(abs(math.log10(trial.lr / best)) for trial in tried) <= 1 / 8


@given(st.lists(st.tuples(decades, st.none() | st.floats(allow_nan=True)), max_size=12), st.integers(0, 12))
def test_what_comes_next_lies_in_the_domain_and_is_new(own: list[tuple[float, float | None]], others: int) -> None:
    tried = [
        Tried(pair=PAIR if place >= others else ("Adam", "StepLR"), lr=lr, value=value)
        for place, (lr, value) in enumerate(own)
    ]
    lr = next_lr(PAIR, tried, LRS, MINIMIZE)
    if lr is not None:
        assert LRS.low <= lr <= LRS.high
        assert all(abs(math.log10(trial.lr / lr)) > 1 / 16 for trial in tried if trial.pair == PAIR)


def test_what_another_schedule_found_comes_first() -> None:
    own, other = Tried(pair=PAIR, lr=1e-3, value=0.5), Tried(pair=("Adam", "StepLR"), lr=0.02, value=0.4)
    assert next_lr(PAIR, [own, other], LRS, MINIMIZE) == 0.02
    assert next_lr(PAIR, [own, other], LRS, MAXIMIZE) == pytest.approx(10**-2.5)


@pytest.mark.parametrize("other", [("SGD", "none"), ("Adam", "OneCycleLR")], ids=["optimizer", "peak"])
def test_an_lr_that_means_something_else_says_nothing(other: tuple[str, str]) -> None:
    assert next_lr(PAIR, [Tried(pair=other, lr=0.02, value=0.4)], LRS, MINIMIZE) is None


def test_a_trial_without_a_value_is_not_climbed_from_but_not_repeated_either() -> None:
    own, running = Tried(pair=PAIR, lr=1e-3, value=0.5), Tried(pair=PAIR, lr=10**-2.5)
    assert next_lr(PAIR, [running], LRS, MINIMIZE) is None
    assert next_lr(PAIR, [own, running], LRS, MINIMIZE) == pytest.approx(10**-3.5)


@pytest.mark.parametrize("domain", [Fixed(value=0.1), Choice(values=(0.1, 0.2)), Range(low=0.0, high=1.0)])
def test_only_a_logarithmic_range_is_climbed(domain: Domain) -> None:
    assert next_lr(PAIR, [Tried(pair=PAIR, lr=0.1, value=0.5)], domain, MINIMIZE) is None


OTHER = ("SGD", "none")
BOTH = {"Adam": LRS, "SGD": LRS}


@pytest.mark.parametrize(("objective", "better"), [(MINIMIZE, 0.4), (MAXIMIZE, 0.6)])
def test_the_best_pair_climbs_first(objective: Objective, better: float) -> None:
    tried = [
        Tried(pair=PAIR, lr=1e-3, value=0.5),
        Tried(pair=OTHER, lr=0.1, value=better),
        Tried(pair=("Adam", "StepLR"), lr=0.1),
    ]
    assert next_climb(tried, BOTH, objective) == {
        "optimizer": "SGD",
        "scheduler": "none",
        "SGD.lr": pytest.approx(0.1 * 10**0.5),
    }


def test_the_next_best_pair_climbs_where_the_best_has_come_to_its_end() -> None:
    ended = [Tried(pair=OTHER, lr=trial.lr, value=trial.value) for trial in climb(0.1, 0.1, 60)]
    tried = [*ended, Tried(pair=PAIR, lr=1e-3, value=5.0)]
    found = next_climb(tried, BOTH, MINIMIZE)
    assert found is not None
    assert (found["optimizer"], found["Adam.lr"]) == ("Adam", pytest.approx(10**-2.5))
    assert next_climb(ended, BOTH, MINIMIZE) is None
    assert next_climb([Tried(pair=PAIR, lr=1e-3)], BOTH, MINIMIZE) is None
    assert next_climb([tried[-1]], {"Adam": Fixed(value=1e-3)}, MINIMIZE) is None


def test_the_second_half_of_a_search_climbs_where_it_would_else_ask_tpe() -> None:
    sweep = simulate(simulated_spec("tpe", "none", trials=40, starts=()))
    origins = [proposal.origin for proposal in sweep.proposals]
    climbs = [number for number, origin in enumerate(origins) if origin == "climb"]
    assert climbs
    assert climbs[0] == 20
    assert all(number % 2 == 0 for number in climbs)
    assert "sampler" in origins[:20]


def test_a_search_climbs_every_pair_and_leaves_the_rest_to_tpe() -> None:
    sweep = simulate(simulated_spec("tpe", "none", trials=60, starts=()))
    origins = [proposal.origin for proposal in sweep.proposals]
    turns = [place for place, origin in enumerate(origins) if origin == "turn"]
    assert turns
    assert {sweep.proposals[place].optimizer for place in turns} == {each.name for each in sweep.spec.optimizers}
    assert "turn" not in origins[-5:]
