"""The probe finds the best LR of curves whose best LR is known, whatever seeds and spans do, or says that it cannot."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.lrprobe import LrProbe, Stretch, Verdict
from sweeps.lrprobe.evidence import Evidence
from sweeps.lrprobe.promise import promising
from sweeps.lrprobe.verdict import conclude
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
    probe = new()
    run(probe, lambda lr, seed, epoch: math.inf)
    assert probe.ask() == []
    said = probe.verdict()
    assert not said.trusted
    assert "every LR explodes" in said.reasons[0]
    lowest, step = min(each.lr for each in said.probe), 10**0.4
    assert (said.initial_lr, *said.interval) == pytest.approx((lowest, lowest / step, lowest * step))


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
        ({"low": 1.0, "high": 1.0}, "must have 0 < low < high, got 1 .. 1"),
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


# --- worked out by hand


def shown(lanes: Mapping[float, Sequence[Sequence[float]]], epochs: int) -> Evidence:
    """What lanes have shown, by LR and seed; an untrained model has 1."""
    evidence = Evidence(Objective(value="last"), epochs, untrained=1.0)
    for lr, seeds in lanes.items():
        for seed, values in enumerate(seeds):
            exploded = not all(map(math.isfinite, values))
            evidence.take(Probed(lr=lr, seed=seed, values=tuple(values), exploded=exploded))
    return evidence


def ends(values: Mapping[float, Sequence[float]]) -> Evidence:
    """Lanes of two epochs, the first of which is alike for all."""
    return shown({lr: [[0.7, value] for value in seeds] for lr, seeds in values.items()}, epochs=2)


@pytest.mark.parametrize(
    ("below", "above", "higher", "picked", "low", "high"),
    [
        (0.019, 0.5, 0.5, 10**-1.5, 1e-3, 1.0),
        (0.021, 0.5, 0.5, 0.1, 1e-3, 1.0),
        (0.061, 0.019, 0.5, 10**-0.5, 0.01, 10.0),
        (0.059, 0.021, 0.061, 0.1, 1e-3, 10.0),
        (0.5, 0.019, 0.019, 1.0, 0.01, 100.0),
        # What lies behind a worse one is not next to the best.
        (0.5, 0.061, 0.0, 0.1, 0.01, 1.0),
    ],
)
def test_the_pick_is_the_middle_of_what_is_as_good_and_the_interval_a_step_beyond_what_may_be(
    below: float, above: float, higher: float, picked: float, low: float, high: float
) -> None:
    # In units of what the best has gained: from 1 to -9.
    worse = {1e-3: 0.9, 0.01: below, 0.1: 0.0, 1.0: above, 10.0: higher, 100.0: 0.9}
    said = conclude(ends({lr: (10 * share - 9,) * 2 for lr, share in worse.items()}), epochs=2, seeds=2, step=10)
    assert (said.initial_lr, *said.interval) == pytest.approx((picked, low, high))
    assert said.trusted


@pytest.mark.parametrize(("below", "above"), [(0.0, 0.001), (0.001, 0.0)])
def test_an_lr_that_was_not_tried_to_the_end_parts_its_neighbours(below: float, above: float) -> None:
    evidence = ends({0.01: [0.5], 0.1: [below], 10.0: [above], 100.0: [0.5]})
    evidence.take(Probed(lr=1.0, seed=0, values=(0.7,)))
    picked = conclude(evidence, epochs=2, seeds=1, step=10).initial_lr
    assert picked == pytest.approx(0.1 if below < above else 10.0)


def test_lrs_of_fewer_seeds_are_held_against_the_best_on_the_seeds_that_both_have() -> None:
    # On the mean over its seeds the best one has gained 0.9.
    def picked(other: float) -> float:
        evidence = ends({0.01: [0.9], 0.1: [0.0, 0.1, 0.2], 1.0: [other], 10.0: [0.9]})
        return conclude(evidence, epochs=2, seeds=3, step=10).initial_lr

    assert picked(0.02) == pytest.approx(0.1)
    assert picked(0.017) == pytest.approx(10**-0.5)


@pytest.mark.parametrize(("apart", "doubted"), [(0.79, False), (0.81, True)])
def test_seeds_that_differ_by_half_of_what_was_gained_hide_the_best_lr(apart: float, doubted: bool) -> None:
    # From 1 to half of what they lie apart above -1.
    evidence = ends({0.01: [0.9, 0.9], 0.1: [-1.0, -1.0 + apart], 1.0: [0.9, 0.9]})
    reasons = conclude(evidence, epochs=2, seeds=2, step=10).reasons
    assert any("the curve is flat" in reason for reason in reasons) is doubted


def test_where_nothing_that_is_stable_came_to_the_end_the_lowest_lr_is_a_guess() -> None:
    evidence = shown({0.01: [[0.9]], 0.1: [[0.5]], 1.0: [[0.5, math.inf]]}, epochs=2)
    said = conclude(evidence, epochs=2, seeds=1, step=10)
    assert said.reasons == ("no LR was trained to the end without exploding",)
    assert (said.initial_lr, *said.interval) == pytest.approx((0.01, 1e-3, 0.1))


@pytest.mark.parametrize(
    ("curve", "exploded"),
    [([8.9, 0.5], False), ([9.1, 0.5], True), ([9.1], False), ([0.5, math.inf], True)],
)
def test_an_lr_has_exploded_that_was_worse_than_untrained_by_four_times_the_gain(
    curve: list[float], exploded: bool
) -> None:
    # From 1 to -1.
    evidence = shown({0.01: [[0.5, -1.0]], 0.1: [curve], 1.0: [[0.5, 0.1]], 10.0: [[math.inf]]}, epochs=2)
    assert evidence.exploding() == ([0.1, 10.0] if exploded else [10.0])
    assert evidence.stable([1.0, 0.1, 0.01]) == ([0.01] if exploded else [0.01, 0.1, 1.0])


def test_lrs_are_ranked_with_a_quarter_of_either_neighbour() -> None:
    # Pooled to 0.3, 0.325, 0.48 and 0.315.
    evidence = ends({1e-3: [0.4], 0.01: [0.0], 0.1: [0.9], 1.0: [0.12]})
    assert evidence.ranked([0.1, 1e-3, 1.0, 0.01]) == [1e-3, 1.0, 0.01, 0.1]


GOOD = [(10.0**power, [0.0] * 12) for power in range(4)]


def after_half(curves: Sequence[tuple[float, list[float]]], at: int, epochs: int) -> list[float]:
    """LRs that go on after so many epochs, of curves in units of what is to gain: from 1 to -9.

    What a lane trained further than that has no say.
    """
    lanes = {lr: [[10 * value - 9 for value in [*curve[:at], 0.9]]] for lr, curve in curves}
    return promising(shown(lanes, epochs), list(lanes), at=at, epochs=epochs)


@pytest.mark.parametrize(
    ("curve", "epochs", "goes_on"),
    [
        # Fell by 0.24 in the last doubling, and may by 0.48 in the next: down to 0.02 above the best.
        ([1.0, 1.0, 1.0, 0.74, 0.6, 0.6, 0.5, 0.5], 16, True),
        ([1.0, 1.0, 1.0, 0.73, 0.6, 0.6, 0.5, 0.5], 16, False),
        # Two doublings are left.
        ([1.0, 1.0, 1.0, 0.62, 0.6, 0.6, 0.5, 0.5], 32, True),
        ([1.0, 1.0, 1.0, 0.61, 0.6, 0.6, 0.5, 0.5], 32, False),
        # Rises.
        ([0.02] * 4 + [0.029] * 4, 16, True),
        ([0.02] * 4 + [0.031] * 4, 16, False),
    ],
)
def test_a_low_lr_goes_on_that_may_come_near_the_best_of_now(curve: list[float], epochs: int, goes_on: bool) -> None:
    assert (0.1 in after_half([(0.1, curve), *GOOD], 8, epochs)) is goes_on


@pytest.mark.parametrize(
    ("curve", "goes_on"),
    [([9.0] * 9 + [0.1, 0.1, 0.37], True), ([0.0] * 9 + [0.1, 0.1, 0.43], False), ([0.0] * 11 + [0.5], True)],
)
def test_a_high_lr_goes_on_that_lies_near_the_best_over_the_last_quarter(curve: list[float], goes_on: bool) -> None:
    assert (1e4 in after_half([*GOOD, (1e4, curve)], 12, 24)) is goes_on


def test_four_lrs_go_on_in_any_case() -> None:
    lrs = [10.0**power for power in range(6)]
    assert after_half([(lr, [0.5 * place] * 8) for place, lr in enumerate(lrs)], 8, 16) == lrs[:4]


def still(*values: float, others: float | None = None) -> Curve:
    """What LRs of a grid from 0.01 to 1 have from the first epoch on; a second seed brings means to `others`."""

    def value(lr: float, seed: int, epoch: int) -> float:
        own = values[max(0, min(len(values) - 1, round((math.log10(lr) + 2) / 0.4)))]
        return own if seed == 0 or others is None else 2 * others - own

    return value


AMID = still(0.9, 0.15, 0.1, 0.2, 0.3, 0.9)


@pytest.mark.parametrize(("epochs", "rung"), [(1, 1), (2, 1), (3, 2), (20, 10), (21, 10)])
def test_lanes_are_judged_after_half_of_the_budget(epochs: int, rung: int) -> None:
    probe = new(epochs=epochs)
    assert probe.rung == rung
    assert {each.epochs for each in probe.ask()} == {rung}


@pytest.mark.parametrize(
    ("runs", "at_once", "lrs"), [(5.9, False, 4), (6, False, 6), (11.9, True, 4), (12, True, 6), (100, True, 6)]
)
def test_the_grid_is_fine_where_that_can_be_afforded(runs: float, at_once: bool, lrs: int) -> None:
    first = new(low=0.01, runs=runs, at_once=at_once).ask()
    assert len({each.lr for each in first}) == lrs
    assert len(first) == lrs * (3 if at_once else 1)


@pytest.mark.parametrize(
    ("runs", "alive", "finalists"),
    [
        # Six lanes to the rung take 3 full trainings, and one more to the end half of one; two are kept for one LR
        # on the two other seeds.
        (6, 2, 1),
        (6.5, 3, 1),
        (7, 4, 1),
        (8.9, 4, 1),
        (9, 4, 2),
        (11, 4, 3),
        (99, 4, 3),
    ],
)
def test_as_many_lrs_come_to_the_end_and_to_every_seed_as_can_be_afforded(
    runs: float, alive: int, finalists: int
) -> None:
    first, then = run(new(low=0.01, runs=runs, untrained=1.0), AMID)
    assert [(each.seed, each.epochs) for each in first] == [(0, EPOCHS // 2)] * 6
    assert sum(each.seed == 0 for each in then) == alive
    best = [each.lr for each in then if each.seed == 0]
    assert [(each.lr, each.seed) for each in then if each.seed] == [(lr, s) for lr in best[:finalists] for s in (1, 2)]


@pytest.mark.parametrize(
    ("runs", "shared", "at_once", "rounds"),
    [
        # Two more LRs take 1 training, two to the end on every seed 1 and 4 more; 3 are spent.
        (8.9, 0.0, False, 0),
        (9, 0.0, False, 1),
        (9.9, 0.0, False, 1),
        (10, 0.0, False, 2),
        (9.4, 1.0, False, 0),
        (9.5, 1.0, False, 1),
        (11.9, 1.0, False, 2),
        (math.inf, 1.0, False, 6),
        # All three times as much, but no seed is left for later.
        (14.9, 0.0, True, 0),
        (15, 0.0, True, 1),
    ],
)
def test_the_grid_grows_as_long_as_that_leaves_enough_but_six_times_at_most(
    runs: float, shared: float, at_once: bool, rounds: int
) -> None:
    def tried(curve: Curve) -> list[float]:
        grown = run(new(low=0.01, runs=runs, shared=shared, at_once=at_once, untrained=1.0), curve)
        return [each.lr for stretches in grown for each in stretches]

    assert min(tried(lambda lr, seed, epoch: 0.5 + math.log10(lr) / 100)) == pytest.approx(0.01 / 10 ** (0.8 * rounds))
    assert max(tried(lambda lr, seed, epoch: 0.5 - math.log10(lr) / 100)) == pytest.approx(10 ** (0.8 * rounds))


def test_where_every_lr_explodes_at_the_rung_all_that_is_left_goes_into_lower_ones() -> None:
    rounds = run(new(low=0.01, runs=6), lambda lr, seed, epoch: math.inf if epoch == EPOCHS // 2 else 0.5)
    # Of 6 trainings 3 go into the grid, and one into two more LRs.
    assert [len(stretches) for stretches in rounds] == [6, 2, 2, 2]
    assert rounds[-1][0].lr == pytest.approx(0.01 / 10**2.4)


@pytest.mark.parametrize(
    ("runs", "shared", "retreats"),
    [
        # The grid to the rung takes 3 trainings, four of its LRs to the end 2, and the other seeds of three 6. One LR
        # on every seed takes 3 more, and a round of its own.
        (13.9, 0.0, 0),
        (14, 0.0, 1),
        (16.9, 0.0, 1),
        (17, 0.0, 2),
        (99, 0.0, 2),
        (14.9, 1.0, 0),
        (15, 1.0, 1),
        (18.9, 1.0, 1),
        (19, 1.0, 2),
    ],
)
def test_lower_lrs_are_tried_twice_at_most_where_all_explode_at_the_end(
    runs: float, shared: float, retreats: int
) -> None:
    probe = new(low=0.01, runs=runs, shared=shared, untrained=1.0)
    rounds = run(probe, lambda *lane: math.inf if lane[2] == EPOCHS else AMID(*lane))
    # The lowest of the four is the second of the grid: half a step of it lower, and then a whole one.
    assert [(each.lr, each.seed) for stretches in rounds[2:] for each in stretches] == [
        (pytest.approx(lr), seed) for lr in (10**-1.8, 10**-2.2)[:retreats] for seed in (0, 1, 2)
    ]


@pytest.mark.parametrize(("others", "again"), [(0.33, False), (0.34, True)])
def test_an_lr_that_one_seed_overlooked_is_tried_on_all_where_its_betters_fall_behind(
    others: float, again: bool
) -> None:
    # The fourth has 0.3; a twentieth of what it gained is 0.035.
    curve = still(0.9, 0.15, 0.1, 0.2, 0.3, 0.9, others=others)

    def lane(lr: float, seed: int, epoch: int) -> float:
        return curve(lr, 0, epoch) if abs(math.log10(lr) + 0.4) < 0.1 else curve(lr, seed, epoch)

    rounds = run(new(low=0.01, seeds=(0, 1), untrained=1.0), lane)
    assert len(rounds) == (3 if again else 2)
    if again:
        [late] = rounds[-1]
        assert (late.lr, late.seed, late.epochs) == (pytest.approx(10**-0.4), 1, EPOCHS)
