"""All rules at once: medians over the seeds, which series was read, and intervals that are as wide as chance is."""

import math
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.records import RangeTest
from sweeps.rules import RULES, apply_rule, apply_rules
from sweeps.rules.bootstrap import interval
from sweeps.rules.readings import middle, middle_of
from tests.sweeps.rules.curves import LRS, drawn, typical


def a_test(
    *curves: list[float],
    metric_steps: tuple[int, ...] = (),
    metrics: Mapping[str, tuple[tuple[float, ...], ...]] | None = None,
) -> RangeTest:
    return RangeTest(
        optimizer="SGD",
        initial_lr=0.1,
        low=0.01,
        high=1.0,
        trusted=True,
        reasons=(),
        seeds=tuple(range(len(curves))),
        lrs=tuple(LRS),
        losses=tuple(map(tuple, curves)),
        metric_steps=metric_steps,
        metrics=metrics or {},
    )


@given(curves=st.lists(drawn, min_size=1, max_size=3))
@settings(max_examples=10)
def test_a_reading_is_the_median_over_the_seeds_inside_its_interval(curves: list[list[float]]) -> None:
    for name, reading in apply_rules(a_test(*curves)).items():
        alone = [RULES[name].read(LRS, curve) for curve in curves]
        assert list(reading.seeds) == alone
        assert (reading.rule, reading.read_from) == (name, "train/loss")
        found = sorted(lr for lr in alone if lr is not None)
        if not found:
            assert reading.lr is None
            continue
        count = len(found)
        assert reading.lr == pytest.approx(math.sqrt(found[(count - 1) // 2] * found[count // 2]))
        assert reading.interval is not None
        assert reading.interval[0] <= reading.lr <= reading.interval[1]
        assert middle_of(a_test(*curves), name) == reading.lr


def test_seeds_that_give_nothing_are_left_out() -> None:
    curve = typical(1)
    for name, reading in apply_rules(a_test([], curve, [2.3])).items():
        assert reading.lr == RULES[name].read(LRS, curve)
        assert reading.seeds[0] is None
    assert all(reading.lr is reading.interval is None for reading in apply_rules(a_test([], [])).values())
    assert all(reading.lr is reading.interval is None for reading in apply_rules(a_test()).values())


@pytest.mark.parametrize("name", ["val/accuracy", "val/acc"])
def test_smiths_rules_read_accuracy_where_the_task_has_it(name: str) -> None:
    rising = {name: ((0.1, 0.5, 0.9, 0.2), (0.1, 0.5, 0.6, 0.9)), "val/loss": ((1.0,) * 4,) * 2}
    test = a_test(typical(1), typical(2), metric_steps=(25, 50, 75, 100), metrics=rising)
    readings = apply_rules(test)
    assert {key for key, reading in readings.items() if reading.read_from == name} == {"max", "max/3", "max/10"}
    assert readings["max"].seeds == (LRS[74], LRS[99])
    assert readings["max"].lr == pytest.approx(math.sqrt(LRS[74] * LRS[99]))


def test_accuracy_that_no_seed_lived_to_see_is_not_read() -> None:
    test = a_test(typical(1), metric_steps=(25,), metrics={"val/accuracy": ((),)})
    assert apply_rule(test, "max").read_from == "train/loss"
    other = a_test(typical(1), metric_steps=(25,), metrics={"val/inaccuracy": ((0.5,),)})
    assert apply_rule(other, "max").read_from == "train/loss"


def test_readings_are_the_same_each_time() -> None:
    test = a_test(typical(1), typical(2))
    assert apply_rules(test) == apply_rules(test)


def width(name: str, *curves: list[float]) -> float:
    reading = apply_rule(a_test(*curves), name)
    assert reading.interval is not None
    return reading.interval[1] / reading.interval[0]


def test_noise_widens_an_interval_and_more_seeds_narrow_it() -> None:
    calm = width("valley", *(typical(seed, noise=0.01) for seed in range(3)))
    noisy = width("valley", *(typical(seed, noise=0.3) for seed in range(3)))
    many = width("valley", *(typical(seed, noise=0.3) for seed in range(40)))
    assert 1 <= calm < noisy
    assert many < noisy


def test_one_seed_has_an_interval_by_the_noise_of_its_curve() -> None:
    assert width("valley", typical(1, noise=0.3)) > 1.2
    assert width("valley", typical()) < 1.5


@pytest.mark.parametrize(("seeds", "read"), [(1, 1 + 40), (4, 4 * (1 + 40)), (5, 5), (9, 9)])
def test_curves_of_fewer_than_five_seeds_are_read_with_forty_noisy_copies_each(seeds: int, read: int) -> None:
    curves = []

    def reading(curve: Sequence[float]) -> float:
        curves.append(curve)
        return 1.0

    assert interval(reading, [typical(seed) for seed in range(seeds)]) == (1.0, 1.0)
    assert len(curves) == read


@pytest.mark.parametrize(
    ("seeds", "low", "high"),
    [
        # More than half of five draws fall on the lowest in 5.8 % of all cases.
        (5, 1.0, 5.0),
        # Of nine on the lowest two in 3.0 %, and on the lowest three in 14.5 %.
        (9, 3.0, 7.0),
    ],
)
def test_beyond_each_end_of_an_interval_lies_a_twentieth_of_the_medians(seeds: int, low: float, high: float) -> None:
    found = interval(lambda curve: curve[0], [[float(lr)] for lr in range(1, seeds + 1)])
    assert found == pytest.approx((low, high))


def test_an_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """With few seeds, too: the median over very many seeds lies in nine intervals of ten."""
    truth = middle([lr for seed in range(400) if (lr := RULES["valley"].read(LRS, typical(seed, noise=0.1)))])
    assert truth is not None
    held = 0
    for run in range(60):
        seeds = range(1000 + 3 * run, 1003 + 3 * run)
        found = interval(lambda losses: RULES["valley"].read(LRS, losses), [typical(s, noise=0.1) for s in seeds])
        assert found is not None
        # Half a step of the ramp to either side: LRs lie on its grid.
        half = (LRS[1] / LRS[0]) ** 0.5
        held += found[0] / half <= truth <= found[1] * half
    assert held >= 0.8 * 60
