"""A pick is the configuration that did best on every seed, with what speaks for it and what to beware of."""

import itertools
import math
from typing import Any

import pytest

from sweeps.domains import Choice, Domain, Fixed, Range
from sweeps.objective import Objective
from sweeps.pickevidence import FolkBest
from sweeps.picks import picks
from sweeps.records import Outcome, Pick, TrialResult
from sweeps.space import SearchSpace
from tests.doubles import a_result

WIDE = Range(low=1e-6, high=1e2, log=True)
PRUNED = "pruned, not trained to the end"
SOME_SEEDS = "not trained on every seed: the others were not reached"


def a_space(lr: Domain = WIDE) -> SearchSpace:
    return SearchSpace(optimizers={"SGD": {"lr": lr}, "AdamW": {"lr": lr}}, schedulers={"none": {}, "StepLR": {}})


def picked(
    results: list[TrialResult], seeds: tuple[int, ...] = (0,), lr: Domain = WIDE, **objective: Any
) -> list[Pick]:
    return picks(results, a_space(lr), Objective(**objective), seeds)


def test_without_trials_there_is_no_pick() -> None:
    assert picked([]) == []


def test_the_best_trial_of_each_pair_is_picked_and_the_best_pair_comes_first() -> None:
    results = [
        a_result(0, 0.5, initial_lr=0.1),
        a_result(1, 0.3, initial_lr=0.2),
        a_result(2, 0.2, initial_lr=0.01, optimizer="AdamW", optimizer_params={"weight_decay": 0.1}),
        a_result(3, 0.4, initial_lr=0.3, scheduler="StepLR", scheduler_params={"gamma": 0.5}),
    ]
    found = picked(results)
    assert [(pick.optimizer, pick.scheduler, pick.initial_lr, pick.value) for pick in found] == [
        ("AdamW", "none", 0.01, 0.2),
        ("SGD", "none", 0.2, 0.3),
        ("SGD", "StepLR", 0.3, 0.4),
    ]
    assert [pick.trials for pick in found] == [(2,), (1,), (3,)]
    assert [pick.tried for pick in found] == [1, 2, 1]
    assert [dict(pick.params) for pick in found] == [{"AdamW.weight_decay": 0.1}, {}, {"StepLR.gamma": 0.5}]
    assert all(pick.notes == () for pick in found)


def test_a_maximized_objective_picks_and_sorts_the_other_way() -> None:
    results = [
        a_result(0, 0.8, initial_lr=0.1),
        a_result(1, 0.9, initial_lr=0.2),
        a_result(2, 0.95, initial_lr=0.01, optimizer="AdamW"),
    ]
    found = picked(results, metric="val/accuracy", direction="maximize")
    assert [(pick.optimizer, pick.value) for pick in found] == [("AdamW", 0.95), ("SGD", 0.9)]


def test_a_configuration_counts_with_its_mean_over_the_seeds() -> None:
    results = [
        a_result(0, 0.1, initial_lr=0.1, seed=0),
        a_result(1, 0.9, initial_lr=0.1, seed=1),
        a_result(2, 0.4, initial_lr=0.2, seed=0),
        a_result(3, 0.2, initial_lr=0.2, seed=1),
    ]
    (pick,) = picked(results, seeds=(0, 1))
    assert (pick.initial_lr, pick.trials, pick.tried) == (0.2, (2, 3), 4)
    assert pick.value == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("outcome", "value"),
    [
        *itertools.product([Outcome.DIVERGED, Outcome.FAILED, Outcome.CANCELLED], ["best", "last"]),
        (Outcome.PRUNED, "last"),
    ],
)
def test_one_bad_seed_puts_a_configuration_out(outcome: Outcome, value: str) -> None:
    results = [
        a_result(0, 0.1, initial_lr=0.1, seed=0),
        a_result(1, 0.1, initial_lr=0.1, seed=1, outcome=outcome),
        a_result(2, 0.4, initial_lr=0.2, seed=0),
        a_result(3, 0.4, initial_lr=0.2, seed=1),
    ]
    (pick,) = picked(results, seeds=(0, 1), value=value)
    assert (pick.initial_lr, pick.trials, pick.notes) == (0.2, (2, 3), ())


def test_a_lucky_seed_whose_others_are_still_missing_does_not_win() -> None:
    results = [
        a_result(0, 0.4, initial_lr=0.2, seed=0),
        a_result(1, 0.4, initial_lr=0.2, seed=1),
        a_result(2, 0.1, initial_lr=0.1, seed=0),
        a_result(3, None, initial_lr=0.1, seed=1, outcome=None),
    ]
    (pick,) = picked(results, seeds=(0, 1))
    assert (pick.initial_lr, pick.notes) == (0.2, ())


def test_where_no_configuration_has_all_its_seeds_the_best_of_what_there_is_is_picked_with_a_note() -> None:
    results = [
        a_result(0, 0.4, initial_lr=0.2, seed=0),
        a_result(1, 0.1, initial_lr=0.1, seed=0),
        a_result(2, 0.3, initial_lr=0.01, seed=0, optimizer="AdamW"),
        a_result(3, 0.3, initial_lr=0.01, seed=1, optimizer="AdamW"),
    ]
    found = {pick.optimizer: (pick.initial_lr, pick.notes) for pick in picked(results, seeds=(0, 1))}
    assert found == {"SGD": (0.1, (SOME_SEEDS,)), "AdamW": (0.01, ())}


MIXED = [
    a_result(0, 0.1, initial_lr=0.1, outcome=Outcome.PRUNED),
    a_result(1, 0.2, initial_lr=0.2, outcome=Outcome.COMPLETE),
    a_result(2, 0.05, initial_lr=0.3, outcome=Outcome.DIVERGED),
]


def test_a_pruned_trial_is_a_witness_where_the_best_epoch_counts_and_says_so() -> None:
    (pick,) = picked(MIXED, value="best")
    assert (pick.initial_lr, pick.value, pick.trials, pick.tried) == (0.1, 0.1, (0,), 3)
    assert pick.notes == (PRUNED,)


def test_a_pruned_trial_counts_for_less_than_a_complete_one_where_the_last_epoch_counts() -> None:
    (pick,) = picked(MIXED, value="last")
    assert (pick.initial_lr, pick.notes) == (0.2, ())


def test_a_pair_of_pruned_trials_falls_back_to_the_best_of_them() -> None:
    for value in ("best", "last"):
        (pick,) = picked([MIXED[0], MIXED[2]], value=value)
        assert (pick.initial_lr, pick.value, pick.trials, pick.tried) == (0.1, 0.1, (0,), 2)
        assert pick.notes == (PRUNED,)


@pytest.mark.parametrize("outcome", [Outcome.DIVERGED, Outcome.FAILED, Outcome.CANCELLED, None])
def test_a_pair_without_a_usable_trial_has_no_pick(outcome: Outcome | None) -> None:
    assert picked([a_result(0, 0.1, outcome=outcome), a_result(1, None, outcome=Outcome.PRUNED)]) == []


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_a_trial_without_a_finite_value_never_wins(value: float | None) -> None:
    (pick,) = picked([a_result(0, value, initial_lr=0.1), a_result(1, 0.9, initial_lr=0.2)])
    assert pick.initial_lr == 0.2


@pytest.mark.parametrize(("direction", "sign"), [("minimize", 1), ("maximize", -1)])
@pytest.mark.parametrize("best", [0.4, -0.4])
def test_the_span_holds_the_lrs_that_did_about_as_well(direction: str, sign: int, best: float) -> None:
    worse = [best + sign * abs(best) * share for share in (0.0, 0.049, 0.051, 1.0)]
    results = [a_result(n, value, initial_lr=0.1 * 2**n) for n, value in enumerate(worse)]
    (pick,) = picked(results, direction=direction)
    assert (pick.initial_lr, pick.low, pick.high) == (0.1, 0.1, 0.2)


@pytest.mark.parametrize(
    ("domain", "lr", "note"),
    [
        (Range(low=1e-3, high=1.0, log=True), 0.1, None),
        (Range(low=1e-3, high=1.0, log=True), 0.79, None),
        (
            Range(low=1e-3, high=1.0, log=True),
            0.81,
            "at the upper bound 1 of what was searched: a higher LR may be better; search lr: {low: 0.001, high: 10}",
        ),
        (
            Range(low=1e-3, high=1.0, log=True),
            0.00124,
            "at the lower bound 0.001 of what was searched: a lower LR may be better; "
            "search lr: {low: 0.0001, high: 1}",
        ),
        (Range(low=1e-3, high=1.0, log=True), 0.00127, None),
        (Range(low=0.1, high=0.2, log=True), 0.19, None),
        (Choice(values=(0.1, 0.01, 0.001)), 0.01, None),
        (
            Choice(values=(0.1, 0.01, 0.001)),
            0.1,
            "at the end of the values that were tried: one beyond may be better; list one above 0.1, too",
        ),
        (
            Choice(values=(0.1, 0.01, 0.001)),
            0.001,
            "at the end of the values that were tried: one beyond may be better; list one below 0.001, too",
        ),
        (Choice(values=(0.1,)), 0.1, None),
        (Fixed(value=0.1), 0.1, None),
    ],
)
def test_a_pick_at_a_bound_says_so(domain: Domain, lr: float, note: str | None) -> None:
    (pick,) = picked([a_result(0, 0.1, initial_lr=lr)], lr=domain)
    assert pick.notes == (() if note is None else (note,))


def test_configurations_differ_by_every_parameter() -> None:
    results = [
        a_result(0, 0.1, seed=0, optimizer_params={"momentum": 0.9}),
        a_result(1, 0.2, seed=1, optimizer_params={"momentum": 0.9}),
        a_result(2, 0.9, seed=0, optimizer_params={"momentum": 0.0}),
        a_result(3, 0.9, seed=1, optimizer_params={"momentum": 0.0}),
    ]
    (pick,) = picked(results, seeds=(0, 1))
    assert pick.value == pytest.approx(0.15)
    assert pick.params == {"SGD.momentum": 0.9}


# --- luck


def noisy(
    *values: tuple[float, ...], seeds: tuple[int, ...] = (0, 1), sign: int = 1, number: int = 0
) -> list[TrialResult]:
    """A configuration of each row, at LRs that double; one trial a seed."""
    return [
        a_result(number + place * len(seeds) + seed, sign * value, initial_lr=0.01 * 2**place, seed=seeds[seed])
        for place, row in enumerate(values)
        for seed, value in enumerate(row)
    ]


CLOSE = ((0.30, 0.36), (0.34, 0.33), (0.40, 0.31), (0.90, 0.80))
CLEAR = ((0.10, 0.11), (0.34, 0.35), (0.40, 0.42), (0.90, 0.91))


@pytest.mark.parametrize(("direction", "sign"), [("minimize", 1), ("maximize", -1)])
def test_a_winner_among_equals_says_how_often_it_would_win_again(direction: str, sign: int) -> None:
    (pick,) = picked(noisy(*CLOSE, sign=sign), seeds=(0, 1), direction=direction)
    assert pick.luck is not None
    assert pick.luck.source == "seeds"
    assert pick.luck.wins < 0.7
    assert pick.luck.optimism > 0
    assert [note.partition(":")[0] for note in pick.notes] == [
        f"would win again in {100 * pick.luck.wins:.0f} % of repeats"
    ]


def test_a_clear_winner_needs_no_note() -> None:
    (pick,) = picked(noisy(*CLEAR), seeds=(0, 1))
    assert pick.luck is not None
    assert pick.luck.wins == 1.0
    assert pick.notes == ()


def test_luck_is_the_same_in_either_direction() -> None:
    (down,), (up,) = (
        picked(noisy(*CLOSE, sign=sign), seeds=(0, 1), direction=direction)
        for sign, direction in ((1, "minimize"), (-1, "maximize"))
    )
    assert down.luck == up.luck


def test_what_diverged_or_was_pruned_is_no_rival_and_a_pruned_winner_has_no_luck_to_tell() -> None:
    bad = [
        a_result(90, 0.2, initial_lr=3.0, seed=0, outcome=Outcome.DIVERGED),
        a_result(91, 0.2, initial_lr=3.0, seed=1, outcome=Outcome.DIVERGED),
    ]
    (pick,), (with_bad,) = (picked(noisy(*CLOSE) + more, seeds=(0, 1)) for more in ([], bad))
    assert pick.luck == with_bad.luck
    pruned = [a_result(90 + seed, 0.01, initial_lr=3.0, seed=seed, outcome=Outcome.PRUNED) for seed in (0, 1)]
    (other,) = picked(noisy(*CLOSE) + pruned, seeds=(0, 1), value="best")
    assert (other.initial_lr, other.luck) == (3.0, None)


def test_with_one_seed_only_configurations_like_the_winner_tell_the_noise() -> None:
    values = (0.30, 0.34, 0.29, 0.35, 0.31, 0.36, 0.30, 0.38)
    results = [a_result(n, value, initial_lr=0.01 * 2**n) for n, value in enumerate(values)]
    (pick,) = picked(results)
    assert pick.luck is not None
    assert pick.luck.source == "neighbouring LRs"
    differ = [
        a_result(n, value, initial_lr=0.01 * 2**n, optimizer_params={"momentum": 0.1 * n})
        for n, value in enumerate(values)
    ]
    (pick,) = picked(differ)
    assert pick.luck is None


# --- the folk grid


def test_the_best_of_the_folk_grid_stands_beside_the_pick() -> None:
    results = [
        a_result(0, 0.1, initial_lr=0.1),
        *(
            a_result(1 + place, value, initial_lr=lr, origin="folk grid")
            for place, (lr, value) in enumerate(((0.01, 0.4), (0.001, 0.3), (0.0001, 0.9)))
        ),
    ]
    (pick,) = picked(results)
    assert (pick.initial_lr, pick.folk_grid) == (0.1, FolkBest(initial_lr=0.001, value=0.3))
    (pick,) = picked([trial for trial in results if trial.proposal.number])
    assert (pick.initial_lr, pick.folk_grid) == (0.001, FolkBest(initial_lr=0.001, value=0.3))
    (pick,) = picked(results[:1])
    assert pick.folk_grid is None


def test_a_folk_lr_counts_with_its_mean_over_the_seeds_though_only_the_first_says_where_it_comes_from() -> None:
    results = [
        a_result(0, 0.2, initial_lr=0.01, seed=0, origin="folk grid"),
        a_result(1, 0.4, initial_lr=0.01, seed=1, origin="repeat"),
        a_result(2, 0.1, initial_lr=0.1, seed=0),
        a_result(3, 0.1, initial_lr=0.1, seed=1, origin="repeat"),
    ]
    (pick,) = picked(results, seeds=(0, 1))
    assert pick.folk_grid is not None
    assert pick.folk_grid.value == pytest.approx(0.3)
