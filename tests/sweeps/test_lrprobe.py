"""The probe finds the best LR of curves whose best LR is known, whatever seeds and spans do, or says that it cannot."""

import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.lrprobe import LrProbe, Stretch, Verdict
from sweeps.objective import Objective
from sweeps.records import Probed

EPOCHS = 20
Curve = Callable[[float, int, int], float]
"""The objective at an LR, with a seed, after so many epochs; infinite once it has exploded."""


def learning(best: float, *, noise: float = 0.0, ceiling: float = math.inf) -> Curve:
    """A loss that falls from 1 towards 0.1, the faster the higher the LR, and is the lowest in the end at `best`.

    Above `best` it stays the higher the higher the LR is; each seed lies `noise` apart; above `ceiling` it explodes.
    """

    def value(lr: float, seed: int, epoch: int) -> float:
        if lr > ceiling:
            return math.inf
        share = lr / best
        own = random.Random(f"{seed} {math.log(lr):.6f}").gauss(0, noise) if noise else 0.0
        return 0.1 + 0.9 * math.exp(-5 * share * epoch / EPOCHS) + 0.05 * share * math.exp(-5) * 9 + own

    return value


def lane(curve: Curve, stretch: Stretch, epochs: int | None = None) -> Probed:
    """What a lane comes to that is trained as asked, or for so many epochs."""
    values: list[float] = []
    for epoch in range(1, (epochs or stretch.epochs) + 1):
        values.append(curve(stretch.lr, stretch.seed, epoch))
        if not math.isfinite(values[-1]):
            break
    return Probed(lr=stretch.lr, seed=stretch.seed, values=tuple(values), exploded=not math.isfinite(values[-1]))


def run(probe: LrProbe, curve: Curve, *, shuffle: random.Random | None = None) -> list[list[Stretch]]:
    """Trains what the probe asks for until it asks for nothing more; its rounds."""
    rounds = []
    while stretches := probe.ask():
        rounds.append(stretches)
        for each in shuffle.sample(stretches, len(stretches)) if shuffle else stretches:
            assert probe.ask() == []
            probe.tell(lane(curve, each))
    return rounds


def new(
    low: float = 1e-3,
    high: float = 1.0,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    epochs: int = EPOCHS,
    objective: Objective | None = None,
    untrained: float | None = None,
    runs: float = math.inf,
    shared: float = 0.0,
    at_once: bool = False,
) -> LrProbe:
    return LrProbe(
        low=low,
        high=high,
        seeds=seeds,
        epochs=epochs,
        objective=objective or Objective(value="last"),
        untrained=untrained,
        afford=runs * max(epochs, 1),
        shared=shared,
        at_once=at_once,
    )


def verdict(curve: Curve, **settings: object) -> Verdict:
    probe = new(**settings)  # type: ignore[arg-type]
    run(probe, curve)
    return probe.verdict()


def regret(curve: Curve, lr: float, seeds: Sequence[int] = (7, 8, 9, 10, 11)) -> float:
    """The share of what the best of a dense grid of LRs gains that is lost at an LR, with other seeds."""

    def mean(at: float) -> float:
        return sum(curve(at, seed, EPOCHS) for seed in seeds) / len(seeds)

    best = min(mean(10 ** (power / 20)) for power in range(-120, 40))
    return (mean(lr) - best) / (1 - best)


both = pytest.mark.parametrize("at_once", [False, True])


@both
@given(best=st.floats(-5, 1), below=st.floats(0.3, 2), above=st.floats(0.3, 2))
def test_the_best_lr_of_a_span_is_found(best: float, below: float, above: float, at_once: bool) -> None:
    curve = learning(10**best)
    said = verdict(curve, low=10 ** (best - below), high=10 ** (best + above), at_once=at_once)
    assert regret(curve, said.initial_lr) < 0.03
    assert said.interval[0] < 10**best < said.interval[1]


@both
@pytest.mark.parametrize(("low", "high"), [(1e-7, 1e-5), (10.0, 1e3)])
def test_a_span_beside_the_best_lr_is_left(low: float, high: float, at_once: bool) -> None:
    curve = learning(0.01)
    assert regret(curve, verdict(curve, low=low, high=high, at_once=at_once).initial_lr) < 0.03


@both
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_what_is_as_good_is_measured_by_all_there_is_to_gain(
    direction: Literal["minimize", "maximize"], at_once: bool
) -> None:
    sign = 1 if direction == "minimize" else -1

    def easy(lr: float, seed: int, epoch: int) -> float:
        """Falls from 100 to almost nothing in the first epoch, at any LR of the span."""
        return sign * (0.3 / epoch + abs(math.log10(lr / 0.03)))

    aim = Objective(metric="val/score", direction=direction, value="last")
    settings: dict[str, Any] = {"low": 1e-3, "high": 1.0, "objective": aim, "at_once": at_once}
    (low, high), (lower, higher) = (verdict(easy, **settings, untrained=each).interval for each in (None, sign * 100.0))
    assert lower < 10**-2.5 < low < 0.03 < high < 10**-0.5 < higher


@both
@given(seeds=st.sets(st.integers(0, 10**6), min_size=3, max_size=3), best=st.floats(-3, 0))
def test_seeds_that_lie_apart_lead_not_astray(seeds: set[int], best: float, at_once: bool) -> None:
    curve = learning(10**best, noise=0.01, ceiling=10**best * 20)
    said = verdict(curve, low=10**best / 50, high=10**best * 50, seeds=sorted(seeds), at_once=at_once)
    assert regret(curve, said.initial_lr) < 0.1


@both
@pytest.mark.parametrize("unlucky", [0, 1, 2])
def test_an_lr_at_which_any_seed_explodes_is_out(unlucky: int, at_once: bool) -> None:
    always = learning(0.1)

    def curve(lr: float, seed: int, epoch: int) -> float:
        return math.inf if lr > 0.03 and seed == unlucky and epoch == EPOCHS else always(lr, seed, epoch)

    said = verdict(curve, at_once=at_once)
    assert said.initial_lr < 0.03
    assert said.initial_lr > 0.03 / 10**0.4


@both
def test_one_lucky_seed_does_not_win(at_once: bool) -> None:
    honest = learning(0.01, ceiling=2)

    def curve(lr: float, seed: int, epoch: int) -> float:
        return 0.0 if lr > 0.5 and seed == 0 else honest(lr, seed, epoch) + (lr > 0.1)

    said = verdict(curve, at_once=at_once)
    assert regret(honest, said.initial_lr) < 0.05


def test_what_was_worse_than_untrained_by_far_has_exploded_though_it_ends_well() -> None:
    honest = learning(0.01)

    def curve(lr: float, seed: int, epoch: int) -> float:
        if lr > 0.1:
            return 0.0 if epoch % 5 == 0 else 100.0
        return honest(lr, seed, epoch)

    assert regret(honest, verdict(curve).initial_lr) < 0.03


@both
def test_what_is_wild_until_the_schedule_calms_it_may_be_best(at_once: bool) -> None:
    def curve(lr: float, seed: int, epoch: int) -> float:
        if lr < 0.3:
            return 0.9 - 0.1 * lr
        return 0.5 + 2 * lr / epoch if epoch <= EPOCHS / 2 else 0.2

    said = verdict(curve, at_once=at_once)
    assert said.initial_lr > 0.3


@both
def test_where_every_lr_is_as_good_nothing_is_trusted(at_once: bool) -> None:
    def curve(lr: float, seed: int, epoch: int) -> float:
        return 1 + 0.01 * random.Random(f"{lr} {seed}").random()

    said = verdict(curve, at_once=at_once)
    assert not said.trusted
    assert any("flat" in reason for reason in said.reasons)


def test_a_best_lr_that_lies_ever_lower_or_higher_is_not_trusted() -> None:
    lower = verdict(lambda lr, seed, epoch: 1 - 0.5 * epoch / EPOCHS + math.log10(lr) / 100)
    higher = verdict(lambda lr, seed, epoch: 1 - 0.5 * epoch / EPOCHS - math.log10(lr) / 100)
    assert any("lowest that was tried" in reason for reason in lower.reasons)
    assert any("highest that was tried" in reason for reason in higher.reasons)
    assert not lower.trusted
    assert not higher.trusted


def test_where_every_lr_explodes_it_says_so() -> None:
    said = verdict(lambda lr, seed, epoch: math.inf)
    assert not said.trusted
    assert "every LR explodes" in said.reasons[0]


@both
def test_where_all_that_learns_explodes_late_lower_lrs_are_tried(at_once: bool) -> None:
    honest = learning(0.1)

    def curve(lr: float, seed: int, epoch: int) -> float:
        return math.inf if lr > 0.002 and epoch == EPOCHS else honest(lr, seed, epoch)

    said = verdict(curve, low=0.01, high=1.0, at_once=at_once)
    assert all(each.lr > said.initial_lr for each in said.probe if each.exploded)


@both
@given(runs=st.floats(7, 40), best=st.floats(-4, 1), decades=st.floats(0.5, 2.5))
def test_what_it_may_spend_is_kept_to(runs: float, best: float, decades: float, at_once: bool) -> None:
    # Fewer than 16 never train all seeds at once.
    runs = max(runs, 16) if at_once else runs
    probe = new(low=10 ** (best - decades), high=10**best * 2, runs=runs, at_once=at_once)
    run(probe, learning(10**best))
    # One LR goes to the end in any case, on the seeds that it began with.
    assert probe.spent <= (runs + (2.25 if at_once else 0)) * EPOCHS


def test_with_little_to_spend_it_picks_and_does_not_trust() -> None:
    probe = new(runs=3)
    run(probe, learning(0.1))
    said = probe.verdict()
    assert regret(learning(0.1), said.initial_lr) < 0.2
    assert not said.trusted
    assert "of 3 seeds" in said.reasons[0]


@both
@given(scale=st.floats(1e-6, 1e6), best=st.floats(-3, 0))
def test_the_scale_of_the_objective_changes_nothing(scale: float, best: float, at_once: bool) -> None:
    curve, one, other = learning(10**best, noise=0.01), new(at_once=at_once), new(at_once=at_once)
    assert run(one, curve) == run(other, lambda lr, seed, epoch: scale * curve(lr, seed, epoch))
    assert one.verdict().interval == other.verdict().interval


@both
def test_maximizing_is_minimizing_the_negative(at_once: bool) -> None:
    curve = learning(0.03, noise=0.01)
    one, other = new(at_once=at_once), new(objective=Objective(value="last", direction="maximize"), at_once=at_once)
    assert run(one, curve) == run(other, lambda lr, seed, epoch: -curve(lr, seed, epoch))
    assert one.verdict().initial_lr == other.verdict().initial_lr


def test_where_the_best_epoch_counts_a_late_rise_is_no_harm() -> None:
    def curve(lr: float, seed: int, epoch: int) -> float:
        progress = lr * epoch
        return 1 / (1 + progress) + (0.02 * progress if lr > 0.1 else 0)

    last = verdict(curve, objective=Objective(value="last"))
    best = verdict(curve, objective=Objective(value="best"))
    assert best.initial_lr > last.initial_lr


@both
@given(order=st.randoms(use_true_random=False), best=st.floats(-3, 0))
def test_it_is_a_pure_function_of_what_it_is_told(order: random.Random, best: float, at_once: bool) -> None:
    curve, one, other = learning(10**best, noise=0.02), new(at_once=at_once), new(at_once=at_once)
    assert run(one, curve) == run(other, curve, shuffle=order)
    assert one.verdict() == other.verdict()


def test_lanes_may_have_trained_further_than_asked() -> None:
    curve, probe = learning(0.03), new()
    while stretches := probe.ask():
        for each in stretches:
            probe.tell(lane(curve, each, EPOCHS))
    assert regret(curve, probe.verdict().initial_lr) < 0.03


@pytest.mark.parametrize("epochs", [1, 2, 3, 5])
@both
def test_short_budgets_will_do(epochs: int, at_once: bool) -> None:
    curve = learning(0.05)
    probe = new(epochs=epochs, at_once=at_once)
    run(probe, lambda lr, seed, epoch: curve(lr, seed, epoch * EPOCHS // epochs))
    assert regret(curve, probe.verdict().initial_lr) < 0.05


def test_rounds_go_on_where_lanes_stand_and_lose_them_for_good() -> None:
    rounds = run(new(), learning(0.03, noise=0.02))
    for before, after in pairwise(rounds):
        known = {(each.lr, each.seed): each.epochs for each in before}
        for each in after:
            assert each.epochs >= known.get((each.lr, each.seed), 0)
    gone: set[tuple[float, int]] = set()
    for before, after in pairwise(rounds):
        gone |= {(each.lr, each.seed) for each in before} - {(each.lr, each.seed) for each in after}
        assert not gone & {(each.lr, each.seed) for each in after}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"low": 1.0, "high": 0.1}, "must have 0 < low < high, got 1 .. 0.1"),
        ({"low": 0.0}, "must have 0 < low < high, got 0 .. 1"),
        ({"high": math.inf}, "give finite LRs"),
        ({"seeds": (1, 1)}, r"seeds that differ, got \[1, 1\]"),
        ({"seeds": ()}, "give three, say"),
        ({"epochs": 0}, "at least one epoch, got 0"),
    ],
)
def test_what_it_is_given_must_make_sense(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        new(**settings)  # type: ignore[arg-type]


def test_it_is_told_only_what_it_asked_for() -> None:
    probe = new()
    [first, *_] = probe.ask()
    with pytest.raises(ValueError, match="no lane at LR 123 with seed 0 was asked for"):
        probe.tell(Probed(lr=123.0, seed=0, values=(1.0,)))
    with pytest.raises(ValueError, match="has 1 of 10 epochs and has not exploded"):
        probe.tell(Probed(lr=first.lr, seed=first.seed, values=(1.0,)))
    with pytest.raises(ValueError, match="has trained nothing yet"):
        probe.verdict()
