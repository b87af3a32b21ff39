"""A spec's search space holds what was given, what range tests found, and what rows search unasked; nothing else."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from sweeps.catalogue import OPTIMIZERS, optimizer_row
from sweeps.domains import Choice, Fixed, Range
from sweeps.groups import ParamGroup
from sweeps.jobs import range_test_jobs, range_tested, trial_job
from sweeps.param import Param
from sweeps.records import Budget, Proposal, Ramp
from sweeps.space import SearchSpace, hyperparameters, representative, search_space
from sweeps.spec import GroupSpec, OptimizerSpec, PrunerSpec, RangeTestSpec, SamplerSpec, SchedulerSpec, StartSpec
from sweeps.startingpoints import starting_points
from tests.doubles import a_range_test, a_spec

FOLK = Choice(values=(0.01, 0.001, 0.0001))


def test_an_lr_comes_from_the_user_then_from_the_range_test_then_from_the_catalogue() -> None:
    given = Range(low=0.001, high=0.1, log=True)
    tests = [a_range_test("SGD", 0.1), a_range_test("AdamW", 0.01)]
    spec = a_spec(
        optimizers=(
            OptimizerSpec(name="SGD", lr=given),
            OptimizerSpec(name="AdamW"),
            OptimizerSpec(name="RMSprop"),
        )
    )
    space = search_space(spec, tests, epochs=12)
    assert space.optimizers["SGD"]["lr"] == given
    assert space.optimizers["AdamW"]["lr"] == Range(low=0.001, high=0.03, log=True)
    assert space.optimizers["RMSprop"]["lr"] == OPTIMIZERS["RMSprop"].lr


def test_everybody_has_their_own_parameters_only() -> None:
    spec = a_spec(optimizers=(OptimizerSpec(name="SGD", params={"nesterov": Fixed(value=True)}),))
    space = search_space(spec, [], epochs=12)
    assert set(space.optimizers["SGD"]) == {"lr", "momentum", "nesterov"}
    assert space.schedulers == {"none": {}, "StepLR": {"step_size": Fixed(value=4)}}
    assert set(space.flat()) == {
        "optimizer",
        "scheduler",
        "SGD.lr",
        "SGD.momentum",
        "SGD.nesterov",
        "StepLR.step_size",
    }


GROUPS = (
    GroupSpec(
        group=ParamGroup(name="head", patterns=("fc.*",)),
        params={"lr_multiplier": Range(low=1, high=100, log=True), "momentum": Choice(values=(0.5, 0.9))},
    ),
    GroupSpec(group=ParamGroup(name="low", patterns=("features.*",)), params={"lr_multiplier": Fixed(value=0.1)}),
)


def test_optimizers_search_those_settings_of_groups_that_they_have() -> None:
    spec = a_spec(groups=GROUPS)
    space = search_space(spec, [], epochs=12)
    assert set(space.optimizers["AdamW"]) == {"lr", "weight_decay", "head.lr_multiplier", "low.lr_multiplier"}
    assert set(space.optimizers["SGD"]) == {
        "lr",
        "momentum",
        "head.lr_multiplier",
        "head.momentum",
        "low.lr_multiplier",
    }
    assert space.flat()["SGD.head.lr_multiplier"] == Range(low=1, high=100, log=True)


def test_a_class_by_path_searches_every_setting_of_groups() -> None:
    lion = OptimizerSpec(name="mine:Lion")
    assert set(hyperparameters(lion, GROUPS)) == {"head.lr_multiplier", "head.momentum", "low.lr_multiplier"}


def test_range_tests_and_starting_points_have_one_value_of_each_group() -> None:
    spec = a_spec(groups=GROUPS, optimizers=(OptimizerSpec(name="SGD"),), range_test=RangeTestSpec(seeds=1))
    (job,) = range_test_jobs(spec, spec.optimizers[0])
    expected = {"momentum": 0.9, "head.lr_multiplier": 1.0, "head.momentum": 0.5, "low.lr_multiplier": 0.1}
    assert job.optimizer_params == expected
    assert job.groups == tuple(each.group for each in GROUPS)
    tests = [a_range_test("SGD", 0.1)]
    point = starting_points(spec, search_space(spec, tests, epochs=12), tests)[0]
    assert {key.removeprefix("SGD."): value for key, value in point.items() if "." in key} == {"lr": 0.1, **expected}


def test_what_is_given_under_another_name_is_not_searched_twice() -> None:
    given = {"one_minus_momentum": Fixed(value=0.1)}
    assert set(hyperparameters(OptimizerSpec(name="SGD", params=given), ())) == {"one_minus_momentum"}


def test_a_grid_is_the_product_of_all_values_of_every_pair() -> None:
    spec = a_spec(
        optimizers=(
            OptimizerSpec(name="SGD", lr=FOLK, params={"momentum": Choice(values=(0.5, 0.9))}),
            OptimizerSpec(name="AdamW", lr=FOLK),
        ),
        schedulers=(SchedulerSpec(name="none"), SchedulerSpec(name="StepLR", params={"gamma": FOLK})),
        sampler=SamplerSpec(name="grid"),
    )
    space = search_space(spec, [], epochs=12)
    points = list(space.grid())
    sgd, adamw = 3 * 2, 3  # AdamW's weight decay is a range that nobody asked for: a grid leaves it alone
    assert len(points) == (sgd + adamw) * (1 + 3)
    assert len({tuple(sorted(point.items())) for point in points}) == len(points)
    assert starting_points(spec, space, []) == points
    expected = {
        ("SGD", lr, momentum, scheduler, gamma)
        for lr, momentum in itertools.product(FOLK.values, (0.5, 0.9))
        for scheduler, gamma in [("none", None), *(("StepLR", gamma) for gamma in FOLK.values)]
    }
    assert {
        (p["optimizer"], p["SGD.lr"], p["SGD.momentum"], p["scheduler"], p.get("StepLR.gamma"))
        for p in points
        if p["optimizer"] == "SGD"
    } == expected


def test_a_range_cannot_be_listed() -> None:
    space = SearchSpace(optimizers={"SGD": {"lr": Range(low=0.1, high=1.0)}}, schedulers={"none": {}})
    with pytest.raises(ValueError, match="a range cannot be listed: give the values one by one"):
        list(space.grid())


def test_the_users_points_come_first_then_every_pair_at_its_range_tests_pick() -> None:
    start = StartSpec(optimizer="SGD", scheduler="StepLR", lr=0.05, params={"SGD.momentum": 0.9})
    spec = a_spec(starts=(start,))
    tests = [a_range_test("SGD", 0.1), a_range_test("AdamW", 0.01, trusted=False)]
    points = starting_points(spec, search_space(spec, tests, epochs=12), tests)
    assert points == [
        {"optimizer": "SGD", "scheduler": "StepLR", "SGD.lr": 0.05, "SGD.momentum": 0.9},
        {"optimizer": "SGD", "scheduler": "none", "SGD.momentum": 0.9, "SGD.lr": 0.1},
        {"optimizer": "AdamW", "scheduler": "none"},
        {"optimizer": "SGD", "scheduler": "StepLR", "SGD.momentum": 0.9, "SGD.lr": 0.1},
        {"optimizer": "AdamW", "scheduler": "StepLR"},
    ]


def test_a_range_tests_pick_is_tried_with_the_hyperparameters_of_the_range_test() -> None:
    spec = a_spec(optimizers=(OptimizerSpec(name="AdamW", params={"weight_decay": Range(low=0.1, high=0.4)}),))
    tests = [a_range_test("AdamW", 0.01)]
    (job,) = range_test_jobs(replace(spec, range_test=RangeTestSpec(seeds=1)), spec.optimizers[0])
    for point in starting_points(spec, search_space(spec, tests, epochs=12), tests):
        assert point["AdamW.lr"] == 0.01
        assert {"weight_decay": point["AdamW.weight_decay"]} == job.optimizer_params


def test_a_pick_outside_of_what_is_searched_is_no_starting_point() -> None:
    spec = a_spec(optimizers=(OptimizerSpec(name="SGD", lr=FOLK),), schedulers=(SchedulerSpec(name="none"),))
    tests = [a_range_test("SGD", 0.1)]
    assert starting_points(spec, search_space(spec, tests, epochs=12), tests) == [
        {"optimizer": "SGD", "scheduler": "none"}
    ]


@pytest.mark.parametrize(("trials", "starts", "count"), [(1, 0, 0), (4, 0, 2), (20, 0, 4), (4, 1, 2), (4, 3, 3)])
def test_pairs_fill_at_most_half_of_the_trials_and_the_users_points_are_all_kept(
    trials: int, starts: int, count: int
) -> None:
    given = tuple(StartSpec(optimizer="SGD", scheduler="none", lr=0.1 / n) for n in range(1, starts + 1))
    spec = a_spec(trials=trials, starts=given)
    points = starting_points(spec, search_space(spec, [], epochs=12), [])
    assert len(points) == count
    assert [point["SGD.lr"] for point in points[:starts]] == [start.lr for start in given]


@pytest.mark.parametrize(
    ("optimizer", "domain", "value"),
    [
        ("SGD", {"momentum": Fixed(value=0.8)}, 0.8),
        ("SGD", {"momentum": Choice(values=(0.9, 0.0))}, 0.9),
        ("AdamW", {"weight_decay": Range(low=1e-5, high=1e-1, log=True)}, 0.01),
        ("AdamW", {"weight_decay": Range(low=0.1, high=0.4)}, 0.25),
        ("AdamW", {"weight_decay": Range(low=1e-4, high=1e-3 / 10 * 4, log=True)}, 2e-4),
        ("ASGD", {"t0": Range(low=2, high=7, integer=True)}, 4),
        ("Adam", {"one_minus_beta1": Range(low=0.01, high=0.3, log=True)}, 0.1),
        ("Adam", {"beta2": Range(low=0.9, high=0.99)}, 0.945),
        ("mine:Lion", {"decay": Range(low=0, high=1)}, 0.5),
        ("SGD", {"head.lr_multiplier": Range(low=4, high=100, log=True)}, 20),
        ("SGD", {"head.momentum": Range(low=0, high=0.9)}, 0.0),
    ],
)
def test_a_range_test_uses_one_value_of_each_domain(optimizer: str, domain: dict[str, Any], value: float) -> None:
    ((name, found),) = representative(domain, optimizer).items()
    assert found == pytest.approx(value)
    params = {**optimizer_row(optimizer).searchable, "lr_multiplier": Param(low=0), "decay": Param()}
    assert params[name.rpartition(".")[2]].accepts(found)


def test_an_optimizer_is_range_tested_unless_its_lrs_are_listed() -> None:
    optimizers = (
        OptimizerSpec(name="SGD"),
        OptimizerSpec(name="AdamW", lr=Range(low=1e-4, high=1e-2, log=True)),
        OptimizerSpec(name="Adam", lr=FOLK),
        OptimizerSpec(name="RMSprop", lr=Fixed(value=0.01)),
    )
    assert [each.name for each in range_tested(a_spec(optimizers=optimizers))] == ["SGD", "AdamW"]
    assert list(range_tested(a_spec(optimizers=optimizers, range_test=None))) == []


def test_range_test_jobs_ramp_over_the_given_range_or_the_optimizers_own_scale() -> None:
    spec = a_spec(range_test=RangeTestSpec(steps=50, seeds=2), pruner=PrunerSpec(name="asha"))
    own, given = (
        list(range_test_jobs(spec, OptimizerSpec(name="AdamW", lr=lr)))
        for lr in (None, Range(low=1e-4, high=1e-2, log=True))
    )
    assert [job.ramp for job in own] == [Ramp(low=1e-6, high=1.0, steps=50)] * 2
    assert [job.ramp for job in given] == [Ramp(low=1e-4, high=1e-2, steps=50)] * 2
    assert [job.initial_lr for job in given] == [1e-4] * 2
    assert [job.seed for job in own] == [0, 1]
    assert len({job.key for job in own}) == 2
    assert all(job.budget == Budget(steps=50) and job.rungs == () and job.scheduler == "none" for job in own)
    assert own[0].optimizer_params == {"weight_decay": 0.01}


def test_a_trials_job_says_all_that_the_proposal_and_the_spec_say() -> None:
    spec = a_spec(pruner=PrunerSpec(name="asha", first_rung=2))
    proposal = Proposal(
        number=7,
        optimizer="SGD",
        scheduler="StepLR",
        initial_lr=0.1,
        optimizer_params={"momentum": 0.9},
        scheduler_params={"step_size": 4},
        seed=5,
    )
    job = trial_job(spec, proposal, epochs=12, checkpoints="/somewhere")
    assert (job.key, job.checkpoint) == ("trial 7", "/somewhere/trial-7.pt")
    assert job.rungs == (2, 6)
    assert (job.initial_lr, job.seed, job.budget, job.objective) == (0.1, 5, spec.budget, spec.objective)
    assert (job.optimizer_params, job.scheduler_params) == ({"momentum": 0.9}, {"step_size": 4})
    assert trial_job(spec, proposal, epochs=12, checkpoints=None).checkpoint is None
