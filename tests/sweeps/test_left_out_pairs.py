"""Pairs that are left out are never proposed, and the search is otherwise what it always is."""

import itertools
import random
from collections import Counter
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.domains import Choice, Fixed, Range
from sweeps.errors import UserError
from sweeps.pairs import Pair, pairs_of, without
from sweeps.proposer import OptunaProposer
from sweeps.space import SearchSpace, search_space
from sweeps.spec import OptimizerSpec, SchedulerSpec, StartSpec, SweepSpec
from sweeps.startingpoints import starting_points
from tests.doubles import a_range_test
from tests.sweeps.simulation import EPOCHS, Simulation, a_proposer, resume, simulate, simulated_spec

SAMPLERS = ("tpe", "quasi-random", "random")
SCHEDULERS = ("none", "StepLR", "ExponentialLR")
OPTIMIZERS = ("SGD", "AdamW", "Adagrad")
PAIRS = list(itertools.product(OPTIMIZERS, SCHEDULERS))

SOME: dict[str, set[Pair]] = {
    "one pair": {("SGD", "StepLR")},
    "all but one of an optimizer": {("AdamW", "none"), ("AdamW", "StepLR")},
    "a whole optimizer": {("Adagrad", name) for name in SCHEDULERS},
    "a whole scheduler": {(name, "none") for name in OPTIMIZERS},
    "some of each": {("SGD", "none"), ("AdamW", "StepLR"), ("Adagrad", "ExponentialLR")},
    "a whole optimizer and some": {("Adagrad", name) for name in SCHEDULERS} | {("SGD", "none"), ("SGD", "StepLR")},
    "all but one pair": set(PAIRS) - {("AdamW", "ExponentialLR")},
}
every_case = pytest.mark.parametrize("left_out", SOME.values(), ids=list(SOME))


def a_spec_of_nine(sampler: str, pruner: str = "asha", **given: Any) -> SweepSpec:
    base = simulated_spec(sampler, pruner)
    defaults = {
        "optimizers": (*base.optimizers, OptimizerSpec(name="Adagrad", lr=Range(low=1e-3, high=1.0, log=True))),
        "schedulers": (*base.schedulers, SchedulerSpec(name="ExponentialLR")),
        "trials": 24,
    }
    return simulated_spec(sampler, pruner, **{**defaults, **given})


def pair_counts(sweep: Simulation) -> Counter[Pair]:
    return Counter((each.optimizer, each.scheduler) for each in sweep.proposals)


@pytest.mark.parametrize("sampler", SAMPLERS)
@every_case
def test_only_what_is_left_is_proposed_and_all_of_it(sampler: str, left_out: set[Pair]) -> None:
    sweep = simulate(a_spec_of_nine(sampler), left_out=left_out)
    assert len(sweep.proposals) == sweep.spec.trials
    assert set(pair_counts(sweep)) == set(PAIRS) - left_out


@every_case
def test_tpe_still_gives_every_pair_its_turn(left_out: set[Pair]) -> None:
    counts = pair_counts(simulate(a_spec_of_nine("tpe", trials=40), left_out=left_out))
    assert min(counts.values()) >= min(3, 20 // len(counts))


@pytest.mark.parametrize("sampler", SAMPLERS)
@given(left_out=st.sets(st.sampled_from(PAIRS), max_size=8), pace=st.integers(0, 100), events=st.integers(1, 60))
@settings(max_examples=10)
def test_the_same_pairs_left_out_give_the_same_search_however_it_is_run(
    sampler: str, left_out: set[Pair], pace: int, events: int
) -> None:
    spec = a_spec_of_nine(sampler, trials=12)
    reference = simulate(spec, left_out=left_out)
    assert simulate(spec, workers=4, pace=pace, left_out=left_out).proposals == reference.proposals
    stopped = Simulation(spec, a_proposer(spec, left_out), 3, random.Random(pace)).run(events)
    sweep = resume(spec, stopped.history(), workers=2, pace=pace, left_out=left_out)
    assert sweep.proposals == reference.proposals
    assert stopped.verdicts | sweep.verdicts == reference.verdicts


def test_who_meets_all_schedulers_shares_one_dimension_and_who_does_not_has_its_own() -> None:
    left_out = {("AdamW", "none"), ("AdamW", "StepLR"), ("Adagrad", "none")}
    space = search_space(a_spec_of_nine("tpe"), [], EPOCHS, left_out)
    every = Choice(values=SCHEDULERS)
    assert space.scheduler_dimension("SGD") == ("scheduler", every)
    assert space.scheduler_dimension("Adagrad") == ("Adagrad.scheduler", Choice(values=SCHEDULERS[1:]))
    assert space.scheduler_dimension("AdamW") == ("AdamW.scheduler", Fixed(value="ExponentialLR"))
    flat = space.flat()
    assert flat["scheduler"] == every
    assert {name for name in flat if name.endswith(".scheduler")} == {"Adagrad.scheduler", "AdamW.scheduler"}


def test_leaving_out_all_of_an_optimizer_is_never_having_listed_it() -> None:
    spec = a_spec_of_nine("tpe")
    left_out = {("Adagrad", name) for name in SCHEDULERS}
    shorter = without(spec, left_out)
    assert {each[0] for each in pairs_of(shorter)} == {"SGD", "AdamW"}
    assert simulate(spec, left_out=left_out).proposals == simulate(shorter).proposals


def test_a_grid_lacks_the_points_of_the_pairs() -> None:
    lr = Choice(values=(0.1, 0.01))
    spec = a_spec_of_nine(
        "grid",
        "none",
        optimizers=(OptimizerSpec(name="Adam", lr=lr), OptimizerSpec(name="Adagrad", lr=lr)),
        schedulers=(SchedulerSpec(name="none"), SchedulerSpec(name="StepLR")),
        starts=(),
        trials=8,
    )
    sweep = simulate(spec, left_out={("Adagrad", "StepLR")})
    assert pair_counts(sweep) == {("Adam", "none"): 2, ("Adam", "StepLR"): 2, ("Adagrad", "none"): 2}
    assert sweep.proposer.exhausted


def test_quasi_random_points_still_fill_the_range_evenly() -> None:
    spec = a_spec_of_nine("quasi-random", "none", starts=(), trials=256)
    space = search_space(spec, [], EPOCHS, {("SGD", "none")})
    proposer = OptunaProposer(spec, space, [], EPOCHS, 1)
    proposals = list(iter(proposer.ask, None))
    schedulers = Counter(each.scheduler for each in proposals if each.optimizer == "SGD")
    assert set(schedulers) == {"StepLR", "ExponentialLR"}
    assert min(schedulers.values()) > 0.4 * schedulers.total()


def test_starting_points_keep_to_what_is_left() -> None:
    starts = (
        StartSpec(optimizer="SGD", scheduler="none", lr=0.01),
        StartSpec(optimizer="SGD", scheduler="StepLR", lr=0.02),
    )
    spec = a_spec_of_nine("tpe", starts=starts)
    tests = [a_range_test("SGD", 0.1), a_range_test("Adagrad", 0.1)]
    left_out = {("SGD", "none"), *(("Adagrad", name) for name in SCHEDULERS)}
    points = starting_points(spec, search_space(spec, tests, EPOCHS, left_out), tests)
    assert points[0] == {"optimizer": "SGD", "scheduler": "StepLR", "SGD.lr": 0.02}
    assert [(point["optimizer"], point["scheduler"]) for point in points] == [
        ("SGD", "StepLR"),
        ("AdamW", "none"),
        ("SGD", "StepLR"),
        ("AdamW", "StepLR"),
        ("SGD", "ExponentialLR"),
        ("AdamW", "ExponentialLR"),
    ]


@every_case
def test_a_history_with_pairs_that_are_now_left_out_is_refused(left_out: set[Pair]) -> None:
    spec = a_spec_of_nine("random")
    history = simulate(spec).history()
    with pytest.raises(UserError, match=r"trial \d+ cannot be proposed again as it was"):
        resume(spec, history, left_out=left_out)


def test_the_exported_study_holds_every_trial_and_no_pair_that_is_left_out(tmp_path: Path) -> None:
    left_out = {("AdamW", "none"), ("AdamW", "StepLR"), ("Adagrad", "none")}
    sweep = simulate(a_spec_of_nine("tpe"), left_out=left_out)
    proposer = a_proposer(sweep.spec, left_out)
    proposer.replay(sweep.history())
    url = f"sqlite:///{tmp_path / 'study.db'}"
    proposer.export(url, "mine")
    trials = optuna.load_study(study_name="mine", storage=url).trials
    names = {"SGD": "scheduler", "Adagrad": "Adagrad.scheduler"}
    for trial, proposal in zip(trials, sweep.proposals, strict=True):
        assert trial.params["optimizer"] == proposal.optimizer
        assert trial.params.get(names.get(proposal.optimizer, ""), "ExponentialLR") == proposal.scheduler


def test_whoever_knows_nothing_of_what_was_left_out_can_export_it(tmp_path: Path) -> None:
    sweep = simulate(a_spec_of_nine("tpe"), left_out={("AdamW", "none"), *(("Adagrad", name) for name in SCHEDULERS)})
    proposer = a_proposer(sweep.spec)
    proposer.replay(sweep.history())
    proposer.export(f"sqlite:///{tmp_path / 'study.db'}", "mine")


def test_a_space_leaves_nothing_out_unless_it_is_told() -> None:
    space = SearchSpace(optimizers={"SGD": {}}, schedulers={"none": {}})
    assert space.flat() == {"optimizer": Choice(values=("SGD",)), "scheduler": Choice(values=("none",))}
