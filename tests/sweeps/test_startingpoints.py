"""What is tried first: range tests' picks, Smith's maximum for schedules with a peak, and the folk grid."""

import random
from dataclasses import replace

import pytest

from sweeps.domains import Choice, Domain, Fixed, Range
from sweeps.records import Probed, RangeTest
from sweeps.rules.readings import middle_of
from sweeps.space import SearchSpace, search_space
from sweeps.spec import OptimizerSpec, RangeTestSpec, SchedulerSpec, SweepSpec
from sweeps.startingpoints import FOLK_LRS, folk_points, starting_points
from tests.doubles import a_spec
from tests.sweeps.simulation import EPOCHS, Simulation, a_proposer, resume, simulate, simulated_spec

LRS = tuple(10 ** (-4 + 5 * step / 99) for step in range(100))
TEST = RangeTest(
    optimizer="SGD",
    initial_lr=0.02,
    low=0.002,
    high=3.0,
    trusted=True,
    reasons=(),
    seeds=(0,),
    lrs=LRS,
    losses=(tuple(2.0 - min(lr, 0.5) for lr in LRS[:75]) + tuple(3.0 * lr for lr in LRS[75:]),),
)
MAX = middle_of(TEST, "max")


def a_sweep(*schedulers: SchedulerSpec, lr: Domain | None = None, **given: object) -> SweepSpec:
    return a_spec(
        optimizers=(OptimizerSpec(name="SGD", lr=lr, params={"momentum": Fixed(value=0.9)}),),
        schedulers=schedulers,
        **given,
    )


def first_points(spec: SweepSpec, *tests: RangeTest) -> list[dict[str, object]]:
    return [dict(point) for point in starting_points(spec, search_space(spec, tests, EPOCHS), tests)]


def test_schedules_with_a_peak_begin_at_smiths_maximum_and_others_at_the_pick() -> None:
    assert MAX is not None
    assert 5 * TEST.initial_lr < MAX
    spec = a_sweep(*(SchedulerSpec(name=name) for name in ("none", "OneCycleLR", "CyclicLR")))
    own = {"optimizer": "SGD", "SGD.momentum": 0.9}
    assert first_points(spec, TEST) == [
        {**own, "scheduler": "none", "SGD.lr": TEST.initial_lr},
        {**own, "scheduler": "OneCycleLR", "SGD.lr": MAX, "OneCycleLR.div_factor": 10.0},
        {**own, "scheduler": "CyclicLR", "SGD.lr": MAX},
    ]


def test_an_optimizers_schedules_begin_at_the_pick_and_above_it_as_far_as_the_search_goes() -> None:
    names = ("none", "OneCycleLR", "StepLR", "CosineAnnealingLR", "ExponentialLR", "LinearLR")
    spec = a_sweep(*(SchedulerSpec(name=name) for name in names), lr=Range(low=0.001, high=0.1, log=True))
    times = {point["scheduler"]: point["SGD.lr"] / TEST.initial_lr for point in first_points(spec, TEST)}
    above = 10**0.5
    assert times == pytest.approx(
        {"none": 1, "OneCycleLR": 1, "StepLR": above, "CosineAnnealingLR": 1, "ExponentialLR": 1, "LinearLR": above}
    )


def test_a_probed_pick_is_where_all_schedules_begin() -> None:
    probed = replace(TEST, scheduler="none", probe=(Probed(lr=0.02, seed=0, values=(1.0,)),))
    spec = a_sweep(*(SchedulerSpec(name=name) for name in ("none", "StepLR", "CosineAnnealingLR")))
    assert {point["SGD.lr"] for point in first_points(spec, probed)} == {TEST.initial_lr}


def test_what_the_spec_gives_of_the_schedule_stays() -> None:
    spec = a_sweep(SchedulerSpec(name="OneCycleLR", params={"div_factor": Choice(values=(5.0, 50.0))}))
    (point,) = first_points(spec, TEST)
    assert point["SGD.lr"] == MAX
    assert "OneCycleLR.div_factor" not in point


@pytest.mark.parametrize(
    ("lr", "test", "begins"),
    [
        (Range(low=0.001, high=0.1, log=True), TEST, TEST.initial_lr),
        (Range(low=1e-5, high=1e-3, log=True), TEST, None),
        (None, replace(TEST, trusted=False), None),
        (None, replace(TEST, scheduler="OneCycleLR", probe=(Probed(lr=0.02, seed=0, values=(1.0,)),)), 0.02),
        (None, replace(TEST, losses=(tuple(1.0 + lr for lr in LRS),)), TEST.initial_lr),
    ],
    ids=["maximum outside", "both outside", "not trusted", "this schedule was probed", "no maximum"],
)
def test_the_pick_stands_in_where_the_maximum_may_not_or_need_not_be_tried(
    lr: Domain | None, test: RangeTest, begins: float | None
) -> None:
    spec = a_sweep(SchedulerSpec(name="OneCycleLR"), lr=lr)
    (point,) = first_points(spec, test)
    assert point.get("SGD.lr") == begins
    assert "OneCycleLR.div_factor" not in point


def test_a_range_test_of_one_group_says_nothing_about_a_trials_lr() -> None:
    spec = a_sweep(SchedulerSpec(name="OneCycleLR"), range_test=RangeTestSpec(group="head"))
    assert first_points(spec, TEST) == [{"optimizer": "SGD", "scheduler": "OneCycleLR"}]


# --- the folk grid


def a_folk_sweep(sampler: str = "tpe", **given: object) -> SweepSpec:
    return simulated_spec(sampler, "asha", **{"folk_grid": True, "trials": 24, "starts": (), **given})


def a_space(spec: SweepSpec) -> SearchSpace:
    return search_space(spec, [], EPOCHS)


def test_every_pair_has_the_folk_grid_and_it_differs_in_nothing_but_the_lr() -> None:
    spec = a_folk_sweep()
    points = [dict(point) for point in folk_points(spec, a_space(spec))]
    pairs = list(a_space(spec).arms())
    assert len(points) == 3 * len(pairs) == 12
    for place, (optimizer, scheduler) in enumerate(pairs):
        three = points[3 * place : 3 * place + 3]
        assert [point.pop(f"{optimizer}.lr") for point in three] == list(FOLK_LRS)
        assert {point["optimizer"] for point in three} == {optimizer}
        assert {point["scheduler"] for point in three} == {scheduler}
        assert three[0] == three[1] == three[2]


def test_without_being_asked_for_there_is_none() -> None:
    spec = a_folk_sweep(folk_grid=False)
    assert folk_points(spec, a_space(spec)) == []


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
@pytest.mark.parametrize("sampler", ["tpe", "quasi-random", "random"])
def test_the_folk_grid_comes_after_the_first_trials_and_is_trained_on_every_seed(
    sampler: str, seeds: tuple[int, ...]
) -> None:
    spec = a_folk_sweep(sampler, seeds=seeds)
    ran = simulate(spec, workers=3)
    origins = [each.origin for each in ran.proposals[:: len(seeds)]]
    assert origins.index("folk grid") == origins.count("start") == 4
    assert origins.count("folk grid") == 12
    assert len(origins) == 24
    folk = [
        each for each in ran.proposals if ran.proposals[each.number - each.number % len(seeds)].origin == "folk grid"
    ]
    assert sorted({each.initial_lr for each in folk}) == sorted(FOLK_LRS)
    assert all(verdict is False for (number, _), verdict in ran.verdicts.items() if ran.proposals[number] in folk)


@pytest.mark.parametrize(
    "lr",
    [Choice(values=(0.3, 0.03)), Fixed(value=0.2), Range(low=0.02, high=0.5, log=True)],
    ids=["list", "one", "range"],
)
def test_the_folk_grid_is_trained_even_outside_of_what_is_searched_which_learns_nothing_from_it(lr: Domain) -> None:
    optimizers = (OptimizerSpec(name="SGD", lr=lr),)
    given = {"optimizers": optimizers, "schedulers": (SchedulerSpec(name="none"),)}
    ran = simulate(a_folk_sweep(**given))
    lrs = [each.initial_lr for each in ran.proposals]
    assert set(FOLK_LRS) <= set(lrs)
    assert all(each.initial_lr >= 0.02 for each in ran.proposals if each.origin != "folk grid")


@pytest.mark.parametrize("events", range(5, 120, 23))
@pytest.mark.parametrize("seeds", [(0,), (3, 4)])
def test_a_sweep_with_a_folk_grid_goes_on_as_if_it_had_not_been_interrupted(
    events: int, seeds: tuple[int, ...]
) -> None:
    spec = a_folk_sweep(seeds=seeds)
    whole = simulate(spec)
    left = Simulation(spec, a_proposer(spec), 1, random.Random(0)).run(events)
    assert resume(spec, left.history()).proposals == whole.proposals
