"""How many lanes, and how: what was asked for wins, then what was measured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.lanes import lane_plan, search_window, wants_probe
from sweeps.records import LanePlan, LaneProbe
from sweeps.spec import LanesSpec, SamplerSpec
from tests.doubles import a_spec

PAYS = LaneProbe(most=64, alone=1.0, stacked={4: 0.9, 16: 0.5, 32: 0.4})
COSTS = LaneProbe(most=64, alone=1.0, stacked={4: 1.5, 16: 1.2, 32: 1.1})
TIGHT = LaneProbe(most=5, alone=1.0, stacked={4: 0.5})
CANNOT = LaneProbe(refused="the model branches on its data")


@pytest.mark.parametrize(
    ("asked", "probe", "count", "fused"),
    [
        (LanesSpec(), PAYS, 16, True),
        (LanesSpec(), COSTS, 1, False),
        (LanesSpec(), TIGHT, 5, True),
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


def test_a_plan_says_why_lanes_take_turns() -> None:
    assert "branches on its data" in lane_plan(LanesSpec(), workers=1, trials=64, probe=CANNOT).reason


@given(st.integers(1, 8), st.integers(1, 500), st.sampled_from([PAYS, COSTS, TIGHT, CANNOT]))
def test_lanes_left_to_us_fill_several_times_and_fit_into_memory(workers: int, trials: int, probe: LaneProbe) -> None:
    plan = lane_plan(LanesSpec(), workers=workers, trials=trials, probe=probe)
    assert 1 <= plan.count <= max(1, probe.most)
    assert plan.count == 1 or plan.count * workers * 4 <= trials


@pytest.mark.parametrize("asked", [LanesSpec(), LanesSpec(count=4), LanesSpec(mode="fused")], ids=str)
def test_what_is_measured_does_not_change_what_the_search_knows(asked: LanesSpec) -> None:
    plans = [lane_plan(asked, workers=2, trials=128, probe=probe) for probe in (PAYS, COSTS, TIGHT, CANNOT)]
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
    assert wants_probe(asked, workers=workers, trials=trials) is wanted


def test_the_search_looks_back_far_enough_to_fill_every_lane() -> None:
    assert search_window(a_spec(), LanePlan(count=4, reach=8)) == 2 * a_spec().workers.count * 8
    assert search_window(a_spec(sampler=SamplerSpec(window=5)), LanePlan(reach=8)) == 5
