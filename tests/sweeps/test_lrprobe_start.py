"""Where a probe looks, and what it may spend: from a range test's curves, and from how long stacked lanes took."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.lanerecords import LaneProbe
from sweeps.lrprobe import means, probe_span, untrained
from sweeps.rangetest import ramp_lrs, read_range_test
from sweeps.records import Ramp, RangeTest

LRS = ramp_lrs(Ramp(low=1e-6, high=10.0, steps=100))


def ramped(*lowest: float) -> RangeTest:
    """A range test whose seeds' losses are the lowest at these LRs, and explode a factor of ten above."""
    losses = [[1 + math.log10(lr / at) ** 2 / 4 if lr < 10 * at else 1e4 for lr in LRS] for at in lowest]
    return read_range_test("SGD", range(len(lowest)), LRS, losses)


@given(lowest=st.floats(-4, -1), scale=st.floats(1e-3, 1e3))
def test_the_span_lies_around_the_lr_of_the_lowest_loss(lowest: float, scale: float) -> None:
    low, high = probe_span(ramped(10**lowest))
    assert low == pytest.approx(high / 200)
    # The moving average is late by as many steps as it remembers.
    assert 1 < high / 2 / 10**lowest < 10 ** (10 * 7 / 99)


def test_an_untrained_model_has_what_the_first_looks_saw() -> None:
    test, looks = ramped(0.01, 0.01, 0.01, 0.01), [[2.0, 1.0], [math.inf, 0.0], [3.0, 0.5], []]
    seen = read_range_test("SGD", test.seeds, LRS, test.losses, metric_steps=(4, 8), metrics={"val/loss": looks})
    assert untrained(seen, "val/loss") == 2.5
    assert (untrained(seen, "val/accuracy"), untrained(test, "val/loss")) == (None, None)


@given(steps=st.integers(2, 100), bottom=st.integers(1, 12), chance=st.integers(0, 999))
def test_the_lowest_loss_is_that_of_an_average_over_ten_steps_once_it_holds_so_many(
    steps: int, bottom: int, chance: int
) -> None:
    beyond = np.arange(steps) - bottom
    losses = 0.2 + np.where(beyond < 0, -0.3, 0.002) * beyond + np.random.default_rng(chance).uniform(0, 0.01, steps)
    averages = [np.average(losses[: at + 1], weights=0.9 ** np.arange(at, -1, -1)) for at in range(steps)]
    settled = min(10, steps // 2)
    lowest = LRS[settled + int(np.argmin(averages[settled:]))]
    span = probe_span(read_range_test("SGD", [0], LRS, [losses.tolist()]))
    fell = 1 - min(averages[settled:]) / np.mean(losses[: max(1, steps // 10)])
    expected = (lowest / 100, lowest * 2) if fell >= 0.2 else (LRS[steps - 1] / 400, LRS[steps - 1] / 2)
    assert span == pytest.approx(expected)


@pytest.mark.parametrize(("low", "little"), [(0.79, False), (0.81, True)])
def test_a_fall_by_a_fifth_is_learning(low: float, little: bool) -> None:
    losses = [1.0] * 20 + [low] * 60 + [1e4] * 20
    _, high = probe_span(read_range_test("SGD", [0], LRS, [losses]))
    assert high == pytest.approx(LRS[80] / 2 if little else LRS[79] * 2)


def test_one_seed_in_three_does_not_move_the_span() -> None:
    assert probe_span(ramped(0.01, 0.01, 1e-4)) == probe_span(ramped(0.01, 0.01, 0.01))


@given(explodes=st.floats(-3, 0), lowest=st.integers(0, 30), scale=st.floats(1e-3, 1e3))
def test_a_ramp_that_learns_next_to_nothing_says_only_where_it_explodes(
    explodes: float, lowest: int, scale: float
) -> None:
    losses = [scale * (0.95 if step == lowest else 1.0 if lr < 10**explodes else 1e4) for step, lr in enumerate(LRS)]
    low, high = probe_span(read_range_test("SGD", [0], LRS, [losses]))
    assert low == pytest.approx(high / 200)
    assert 10 ** (-7 / 99) <= 2 * high / 10**explodes <= 10 ** (7 / 99)


@pytest.mark.parametrize("lucky", [0, 3, 5])
def test_a_lucky_first_batch_is_not_where_the_loss_is_lowest(lucky: int) -> None:
    def losses(first: float) -> list[float]:
        ramp = [1 + math.log10(lr / 0.01) ** 2 / 4 if lr < 0.1 else 1e4 for lr in LRS]
        return [first if step <= lucky else loss for step, loss in enumerate(ramp)]

    tests = [read_range_test("SGD", [0], LRS, [losses(first)]) for first in (0.5, 5.0)]
    assert probe_span(tests[0]) == probe_span(tests[1])
    assert 1 < probe_span(tests[0])[1] / 2 / 0.01 < 10 ** (10 * 7 / 99)


def test_a_curve_that_ends_early_counts_as_far_as_it_goes() -> None:
    losses = [1 / (1 + 100 * lr) for lr in LRS[:60]]
    low, high = probe_span(read_range_test("SGD", [0], LRS, [losses]))
    assert (low, high) == pytest.approx((LRS[59] / 100, LRS[59] * 2))


def test_without_a_curve_the_span_is_the_tests_own_range() -> None:
    test = read_range_test("SGD", [0, 1], LRS, [[], [1.0]])
    assert probe_span(test) == (test.low, test.high)


def probe(alone: float, fixed: float, each: float) -> LaneProbe:
    """Steps of lanes that cost a fixed part and a part each, timed for 4, 16 and 32 lanes."""
    return LaneProbe(alone=alone, stacked={lanes: fixed / lanes + each for lanes in (4, 16, 32)})


@pytest.mark.parametrize(
    ("lanes", "picks", "runs", "afford", "at_once"),
    [
        pytest.param(probe(1.0, 1.0, 0.1), 1, 4.0, 24.0, True, id="a cheap lane: all seeds at once"),
        pytest.param(probe(1.0, 5.0, 0.1), 5, 4.0, 24.0, True, id="picks share the fixed part"),
        pytest.param(probe(1.0, 0.0, 0.2), 1, 3.0, 12.75, False, id="a dear lane: the best on other seeds"),
        pytest.param(probe(1.0, 0.4, 0.2), 1, 4.0, 14.0, False, id="for them half a pass more"),
        pytest.param(probe(1.0, 0.2, 0.2), 1, 4.0, 16.0, True, id="just enough for all at once"),
        pytest.param(probe(1.0, 2.0, 0.5), 1, 3.0, 10.0, False, id="never less than ten"),
        pytest.param(LaneProbe(alone=1.0, refused="no"), 1, 15.0, 12.75, False, id="lanes that take turns"),
        pytest.param(LaneProbe(alone=1.0, stacked={4: 0.1}), 1, 3.0, 25.5, True, id="a single count"),
    ],
)
def test_what_lanes_cost_says_how_many_a_probe_affords(
    lanes: LaneProbe, picks: int, runs: float, afford: float, at_once: bool
) -> None:
    spend = means(lanes, epochs=20, picks=picks, runs=runs)
    assert spend.at_once is at_once
    assert spend.afford == pytest.approx(20 * afford)


@given(alone=st.floats(1e-6, 1.0), few=st.floats(1e-6, 1.0), many=st.floats(1e-6, 1.0), runs=st.floats(0.0, 10.0))
def test_noise_in_what_was_measured_gives_no_nonsense(alone: float, few: float, many: float, runs: float) -> None:
    spend = means(LaneProbe(alone=alone, stacked={4: few, 32: many}), epochs=20, runs=runs)
    assert 200 <= spend.afford < math.inf
