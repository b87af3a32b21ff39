"""How many lanes, and how: what was asked for wins, then what was measured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.lanerecords import Compiling, LaneProbe, Rehearsal
from sweeps.lanes import lane_plan, lanes_asked, pays_to_compile, quickest, rehearsal
from sweeps.records import Budget
from sweeps.spec import LanesSpec, PrunerSpec, RangeTestSpec, WorkersSpec
from tests.doubles import a_spec

PAYS = LaneProbe(most=64, alone=1.0, stacked={4: 0.9, 16: 0.5, 32: 0.4})
COSTS = LaneProbe(most=64, alone=1.0, stacked={4: 1.5, 16: 1.2, 32: 1.1})
TIGHT = LaneProbe(most=5, alone=1.0, stacked={4: 0.5})
QUICK = LaneProbe(most=64, alone=1.0, stacked={16: 0.95}, compiled=0.6, compile_seconds=20.0)
SLOW = LaneProbe(most=64, alone=1.0, stacked={16: 0.5}, compiled=0.48, compile_seconds=20.0)
CROWDED = LaneProbe(most=64, alone=1.0, stacked={16: 1.1, 4: 0.7})
CANNOT = LaneProbe(refused="the model branches on its data")


@pytest.mark.parametrize(
    ("asked", "probe", "count", "fused"),
    [
        (LanesSpec(), PAYS, 16, True),
        (LanesSpec(), COSTS, 1, False),
        (LanesSpec(), TIGHT, 5, True),
        (LanesSpec(), CROWDED, 4, True),
        (LanesSpec(), CANNOT, 1, False),
        (LanesSpec(count=32), PAYS, 32, True),
        (LanesSpec(count=32), COSTS, 32, False),
        (LanesSpec(count=32), CANNOT, 32, False),
        (LanesSpec(count=2), PAYS, 2, False),
        (LanesSpec(count=4, mode="fused"), COSTS, 4, True),
        (LanesSpec(mode="fused"), COSTS, 16, True),
        (LanesSpec(count=4, mode="fused"), CANNOT, 4, False),
        (LanesSpec(count=8, mode="looped"), None, 8, False),
        (LanesSpec(mode="looped"), None, 1, False),
    ],
)
def test_a_plan(asked: LanesSpec, probe: LaneProbe | None, count: int, fused: bool) -> None:
    plan = lane_plan(asked, workers=2, trials=256, probe=probe)
    assert (plan.count, plan.fused) == (count, fused)


@pytest.mark.parametrize(
    ("asked", "probe", "room"),
    [
        (LanesSpec(), PAYS, 32),
        (LanesSpec(), TIGHT, 5),
        (LanesSpec(count=4), PAYS, 4),
        (LanesSpec(compile="on"), PAYS, 4),
        (LanesSpec(), COSTS, 1),
        (LanesSpec(count=8), COSTS, 8),
        (LanesSpec(mode="looped"), None, 1),
    ],
)
def test_where_no_search_waits_more_lanes_train_at_once(asked: LanesSpec, probe: LaneProbe | None, room: int) -> None:
    assert lane_plan(asked, workers=2, trials=64, probe=probe).room == room


def test_lanes_that_crowd_each_other_do_so_in_range_tests_too() -> None:
    assert lane_plan(LanesSpec(), workers=2, trials=256, probe=CROWDED).room == 4


def test_a_plan_says_why_lanes_take_turns() -> None:
    assert "branches on its data" in lane_plan(LanesSpec(), workers=1, trials=64, probe=CANNOT).reason


@given(st.integers(1, 8), st.integers(1, 500), st.sampled_from([PAYS, COSTS, TIGHT, CROWDED, CANNOT]))
def test_lanes_left_to_us_fill_several_times_and_fit_into_memory(workers: int, trials: int, probe: LaneProbe) -> None:
    plan = lane_plan(LanesSpec(), workers=workers, trials=trials, probe=probe)
    assert 1 <= plan.count <= max(1, probe.most)
    assert plan.count == 1 or plan.count * workers * 4 <= trials


@pytest.mark.parametrize("asked", [LanesSpec(), LanesSpec(count=4), LanesSpec(mode="fused")], ids=str)
def test_what_is_measured_does_not_change_what_the_search_knows(asked: LanesSpec) -> None:
    plans = [lane_plan(asked, workers=2, trials=128, probe=probe) for probe in (PAYS, COSTS, TIGHT, CROWDED, CANNOT)]
    assert len({plan.reach for plan in plans}) == 1


@pytest.mark.parametrize(
    ("asked", "workers", "trials", "wanted"),
    [
        (LanesSpec(), 2, 72, True),
        (LanesSpec(count=1), 2, 72, False),
        (LanesSpec(mode="looped"), 2, 72, False),
        (LanesSpec(), 8, 8, False),
        (LanesSpec(count=4, mode="fused"), 1, 72, True),
    ],
)
def test_nothing_is_measured_where_it_can_change_nothing(
    asked: LanesSpec, workers: int, trials: int, wanted: bool
) -> None:
    measured = rehearsal(a_spec(lanes=asked), workers=workers, trials=trials, steps_per_epoch=10)
    assert (measured is not None) is wanted


def test_what_is_measured_is_what_the_sweep_will_do() -> None:
    spec = a_spec(budget=Budget(epochs=3), pruner=PrunerSpec(name="none"), lanes=LanesSpec(compile="off"))
    measured = rehearsal(spec, workers=2, trials=64, steps_per_epoch=10)
    assert measured == Rehearsal(lanes=4, workers=2, steps=32 * 30, compile="off")
    pruned = rehearsal(a_spec(budget=Budget(epochs=3)), workers=2, trials=64, steps_per_epoch=10)
    assert pruned == Rehearsal(lanes=4, workers=2, steps=16 * 30)
    asked = rehearsal(a_spec(lanes=LanesSpec(count=3)), workers=2, trials=64, steps_per_epoch=10)
    assert asked is not None
    assert (asked.lanes, asked.exact) == (3, True)


def test_range_tests_alone_have_all_their_lanes_at_once() -> None:
    spec = a_spec(trials=0, range_test=RangeTestSpec(seeds=3), workers=WorkersSpec(count=2))
    assert lanes_asked(spec) == LanesSpec(count=-(-3 * len(spec.optimizers) // 2))
    assert lanes_asked(a_spec(trials=0, lanes=LanesSpec(count=5))) == LanesSpec(count=5)


@pytest.mark.parametrize(
    ("asked", "probe", "fused", "compiled"),
    [
        (LanesSpec(), QUICK, True, True),
        (LanesSpec(), SLOW, True, False),
        (LanesSpec(), PAYS, True, False),
        (LanesSpec(), COSTS, False, False),
        (LanesSpec(compile="on"), PAYS, True, True),
        (LanesSpec(compile="on"), COSTS, False, False),
        (LanesSpec(mode="fused"), QUICK, True, True),
        (LanesSpec(mode="fused"), COSTS, True, False),
        (LanesSpec(compile="on", mode="looped"), None, False, False),
    ],
)
def test_lanes_are_compiled_if_that_is_quicker(asked: LanesSpec, probe: LaneProbe, fused: bool, compiled: bool) -> None:
    plan = lane_plan(asked, workers=2, trials=256, probe=probe)
    assert (plan.fused, plan.compiled) == (fused, compiled)


@pytest.mark.parametrize(
    ("compile", "steps", "alone", "stacked", "pays"),
    [
        ("auto", 10**6, 3e-4, 3e-4, True),
        ("auto", 10**5, 3e-4, 3e-4, False),
        ("auto", 10**7, 3e-4, 4.6e-4, False),
        ("auto", 0, 3e-4, 1e-4, False),
        ("on", 1, 3e-4, 1e-3, True),
        ("off", 10**9, 3e-4, 1e-4, False),
    ],
)
def test_compiling_pays_if_it_should_save_twice_its_time(
    compile: Compiling, steps: int, alone: float, stacked: float, pays: bool
) -> None:
    wanted = Rehearsal(lanes=32, steps=steps, compile=compile)
    assert pays_to_compile(wanted, parameters=10, alone=alone, stacked=stacked) is pays


def test_the_most_lanes_that_were_timed_are_the_ones_that_count() -> None:
    assert quickest({8: 1.1, 32: 0.4}, 64) == 64
    probe = LaneProbe(most=64, alone=1.0, stacked={4: 1.2, 16: 0.5})
    assert lane_plan(LanesSpec(), workers=1, trials=128, probe=probe).fused


@pytest.mark.parametrize(
    ("parameters", "steps", "pays"), [(10, 45_000, False), (10, 65_000, True), (100, 65_000, False)]
)
def test_compiling_must_save_twice_what_it_takes_for_so_many_parameters(
    parameters: int, steps: int, pays: bool
) -> None:
    # A third of 3 ms a step: 45 s and 65 s, against 30 s for ten parameters and 165 s for a hundred.
    wanted = Rehearsal(lanes=32, steps=steps)
    assert pays_to_compile(wanted, parameters=parameters, alone=4e-3, stacked=3e-3) is pays


def test_probes_alone_have_lanes_for_their_first_round() -> None:
    spec = a_spec(trials=0, range_test=RangeTestSpec(probe=3.0, seeds=1), workers=WorkersSpec(count=1))
    assert lanes_asked(spec).count == 10 * len(spec.optimizers)
