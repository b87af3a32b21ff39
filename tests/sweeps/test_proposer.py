"""Proposals and verdicts follow from spec, seed and history alone, and are what Optuna itself would say."""

import functools
import itertools
import math
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState

from sweeps.domains import Choice, Fixed, Range, contains
from sweeps.errors import UserError
from sweeps.objective import Objective
from sweeps.proposer import OptunaProposer
from sweeps.pruning import rungs
from sweeps.records import Budget, Outcome, Proposal, TrialResult
from sweeps.space import search_space
from sweeps.spec import (
    LanesSpec,
    OptimizerSpec,
    PrunerSpec,
    SamplerSpec,
    SchedulerSpec,
    StartSpec,
    SweepSpec,
    WorkersSpec,
)
from tests.doubles import a_spec
from tests.sweeps.simulation import (
    EPOCHS,
    PRUNERS,
    SAMPLERS,
    Simulation,
    a_proposer,
    as_text,
    resume,
    simulate,
    simulated_spec,
    taken_up,
)

every_search = pytest.mark.parametrize(("sampler", "pruner"), list(itertools.product(SAMPLERS, PRUNERS)))
paces = st.integers(0, 10_000)
LANES = 4
"""Lanes of a sweep on one worker."""


@functools.cache
def one_by_one(sampler: str, pruner: str) -> Simulation:
    """The sweep on one worker: the reference that the others are compared with."""
    return simulate(simulated_spec(sampler, pruner))


# --- the same sweep, whatever the workers do


@every_search
def test_the_simulated_sweep_has_something_to_get_wrong(sampler: str, pruner: str) -> None:
    sweep = one_by_one(sampler, pruner)
    assert len(sweep.proposals) == sweep.spec.trials
    tried = {(each.optimizer, each.scheduler, each.initial_lr) for each in sweep.proposals}
    assert len(tried) == sweep.spec.trials
    outcomes = Counter(result.outcome for result in sweep.results.values())
    assert outcomes[Outcome.COMPLETE] > 1
    assert (outcomes[Outcome.PRUNED] > 0) is (pruner != "none")
    assert outcomes[Outcome.DIVERGED] + outcomes[Outcome.FAILED] > 0


@every_search
def test_the_same_spec_and_seed_propose_the_same_and_another_seed_does_not(sampler: str, pruner: str) -> None:
    spec = simulated_spec(sampler, pruner)
    assert as_text(simulate(spec)) == as_text(one_by_one(sampler, pruner))
    assert simulate(replace(spec, seed=8)).proposals != one_by_one(sampler, pruner).proposals


@every_search
@given(pace=paces, workers=st.integers(2, 8))
@settings(max_examples=12)
def test_the_order_in_which_results_arrive_changes_nothing(sampler: str, pruner: str, pace: int, workers: int) -> None:
    reference = one_by_one(sampler, pruner)
    sweep = simulate(reference.spec, workers=workers, pace=pace)
    assert sweep.proposals == reference.proposals
    assert sweep.verdicts == reference.verdicts
    assert repr(sorted(sweep.results.items())) == repr(sorted(reference.results.items()))


@every_search
@given(pace=paces, events=st.integers(1, 70))
@settings(max_examples=12)
def test_a_sweep_that_was_stopped_goes_on_as_if_it_had_not(sampler: str, pruner: str, pace: int, events: int) -> None:
    reference = one_by_one(sampler, pruner)
    stopped = Simulation(reference.spec, a_proposer(reference.spec), 3, random.Random(pace)).run(events)
    sweep = resume(reference.spec, stopped.history(), workers=3, pace=pace + 1)
    assert sweep.proposals == reference.proposals
    assert stopped.verdicts | sweep.verdicts == reference.verdicts
    assert repr(sorted(sweep.results.items())) == repr(sorted(reference.results.items()))


@pytest.mark.parametrize("sampler", SAMPLERS)
@given(pace=paces, events=st.integers(1, 70))
@settings(max_examples=12)
def test_the_same_holds_for_several_seeds(sampler: str, pace: int, events: int) -> None:
    spec = simulated_spec(sampler, "asha", seeds=(3, 1), trials=8)
    reference = simulate(spec)
    stopped = Simulation(spec, a_proposer(spec), 3, random.Random(pace)).run(events)
    sweep = resume(spec, stopped.history(), workers=2, pace=pace)
    assert sweep.proposals == reference.proposals
    assert stopped.verdicts | sweep.verdicts == reference.verdicts


def on_lanes(spec: SweepSpec, *, places: int = LANES) -> Simulation:
    """A sweep about to begin on one worker that has places for so many of the lanes that its search reckons with."""
    return Simulation(spec, a_proposer(spec, lanes=LANES), places, random.Random(0))


every_search_in_step = pytest.mark.parametrize(
    ("sampler", "pruner"), list(itertools.product(SAMPLERS, ("asha", "hyperband", "none")))
)


@every_search_in_step
@given(places=st.integers(1, LANES), rounds=st.integers(1, 60), back=st.integers(0, 3))
@settings(max_examples=5)
def test_one_workers_sweep_is_the_same_in_fewer_places_and_if_it_was_left(
    sampler: str, pruner: str, places: int, rounds: int, back: int
) -> None:
    spec = simulated_spec(sampler, pruner, workers=WorkersSpec(count=1), trials=64)
    reference = on_lanes(spec).run_in_step()
    stopped = on_lanes(spec, places=places).run_in_step(rounds)
    sweep = taken_up(spec, stopped.history(), a_proposer(spec, lanes=LANES), workers=places)
    for trial in sweep.running:
        # Their last checkpoints are older than their last reports.
        del trial.series[max(0, len(trial.series) - back) :]
    sweep.run_in_step()
    assert sweep.proposals == reference.proposals
    assert stopped.verdicts | sweep.verdicts == reference.verdicts
    assert repr(sorted(sweep.results.items())) == repr(sorted(reference.results.items()))


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
@pytest.mark.parametrize("pruner", ["asha", "hyperband", "none"])
def test_one_worker_has_no_empty_place_while_there_is_something_to_propose(pruner: str, seeds: tuple[int, ...]) -> None:
    """Five starting points, one lane too many, and trials that fail and diverge are among them."""
    spec = simulated_spec(
        "tpe", pruner, workers=WorkersSpec(count=1), trials=90, seeds=seeds, lanes=LanesSpec(count=LANES)
    )
    sweep = on_lanes(spec).run_in_step()
    assert {Outcome.FAILED, Outcome.DIVERGED} < {result.outcome for result in sweep.results.values()}
    assert len(sweep.results) == 90 * len(seeds)
    assert sweep.idle == 0


def test_hash_randomization_changes_nothing() -> None:
    code = (
        "from tests.sweeps.simulation import as_text, simulate, simulated_spec;"
        "[print(as_text(simulate(simulated_spec(sampler, 'asha')))) for sampler in ('tpe', 'quasi-random')]"
    )
    said = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1]
    assert said[0] == "".join(as_text(one_by_one(sampler, "asha")) + "\n" for sampler in ("tpe", "quasi-random"))


@pytest.mark.parametrize(
    ("sampler", "other"),
    [
        ("tpe", {"seeds": (99,)}),
        ("tpe", {"schedulers": (SchedulerSpec(name="ExponentialLR"),), "starts": ()}),
        ("tpe", {"optimizers": (OptimizerSpec(name="AdamW", params={"betas": Choice(values=((0.5, 0.9),))}),)}),
        ("cma-es", {"seed": 8}),
    ],
)
def test_a_history_that_another_spec_made_is_refused(sampler: str, other: dict[str, Any]) -> None:
    spec = simulated_spec(sampler, "none")
    with pytest.raises(UserError, match=r"trial \d+ cannot be proposed again as it was: .+ start a new sweep"):
        resume(replace(spec, **other), one_by_one(sampler, "none").history())


# --- what is proposed


@every_search
def test_every_proposal_lies_in_its_domains_and_has_its_own_parameters_only(sampler: str, pruner: str) -> None:
    sweep = one_by_one(sampler, pruner)
    space = search_space(sweep.spec, [], EPOCHS)
    for proposal in sweep.proposals:
        own = {"lr": proposal.initial_lr, **proposal.optimizer_params}
        domains = space.optimizers[proposal.optimizer]
        assert set(own) == set(domains)
        assert all(contains(domains[name], value) for name, value in own.items())
        domains = space.schedulers[proposal.scheduler]
        assert set(proposal.scheduler_params) == set(domains)
        assert all(contains(domains[name], value) for name, value in proposal.scheduler_params.items())
        assert isinstance(proposal.scheduler_params.get("step_size", 1), int)


@pytest.mark.parametrize("sampler", ["tpe", "quasi-random", "random"])
def test_known_good_points_come_first_then_every_pair_then_the_sampler(sampler: str) -> None:
    proposals = one_by_one(sampler, "asha").proposals
    first = proposals[0]
    assert (first.optimizer, first.scheduler, first.initial_lr) == ("SGD", "StepLR", 0.02)
    assert (first.optimizer_params["momentum"], first.scheduler_params["gamma"]) == (0.9, 0.5)
    assert [(each.optimizer, each.scheduler) for each in proposals[1:5]] == [
        ("SGD", "none"),
        ("AdamW", "none"),
        ("SGD", "StepLR"),
        ("AdamW", "StepLR"),
    ]
    origins = [each.origin for each in proposals]
    assert origins[:5] == ["start"] * 5
    assert {*origins[5:]} == ({"sampler", "turn", "climb"} if sampler == "tpe" else {"sampler"})
    assert [each.number for each in proposals] == list(range(16))


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_every_other_turn_goes_to_a_pair_that_was_tried_little(seeds: tuple[int, ...]) -> None:
    proposals = simulate(simulated_spec("tpe", "asha", trials=30, seeds=seeds)).proposals
    pairs = [(each.optimizer, each.scheduler) for each in proposals]
    turns = [each.number for each in proposals if each.origin == "turn"]
    assert len(turns) >= 12
    for number in turns:
        tried = Counter(pairs[:number])
        assert tried[pairs[number]] <= median(tried.values())
    assert min(Counter(pairs).values()) >= 4 * len(seeds)


PAIRS = Choice(values=((0.9, 0.999), (0.8, 0.9)))
MILESTONES = Choice(values=((2, 4), (3,)))


def grid_spec(**given: Any) -> SweepSpec:
    """2 x (3 x 2) points of SGD and AdamW with pairs and milestones among them, 18 in all."""
    defaults = {
        "optimizers": (
            OptimizerSpec(name="SGD", lr=Choice(values=(0.1, 0.01, 0.001)), params={"momentum": Fixed(value=0.9)}),
            OptimizerSpec(name="AdamW", lr=Fixed(value=0.01), params={"betas": PAIRS}),
            OptimizerSpec(name="Adagrad", lr=Fixed(value=0.02)),
        ),
        "schedulers": (
            SchedulerSpec(name="none"),
            SchedulerSpec(name="MultiStepLR", params={"milestones": MILESTONES}),
        ),
        "sampler": SamplerSpec(name="grid"),
        "pruner": PrunerSpec(name="none"),
        "budget": Budget(epochs=EPOCHS),
        "trials": 18,
    }
    return a_spec(**{**defaults, **given})


@pytest.mark.parametrize("pruner", ["none", "asha"])
def test_a_grid_has_every_point_exactly_once(pruner: str) -> None:
    spec = grid_spec(pruner=PrunerSpec(name=pruner), trials=1000)
    proposals = simulate(spec, workers=2).proposals
    expected = Counter(
        (name, lr, betas, scheduler, milestones)
        for name, lr, betas in [
            *(("SGD", lr, None) for lr in (0.1, 0.01, 0.001)),
            *(("AdamW", 0.01, betas) for betas in PAIRS.values),
            ("Adagrad", 0.02, None),
        ]
        for scheduler, milestones in [("none", None), *(("MultiStepLR", each) for each in MILESTONES.values)]
    )
    assert expected == Counter(
        (
            each.optimizer,
            each.initial_lr,
            each.optimizer_params.get("betas"),
            each.scheduler,
            each.scheduler_params.get("milestones"),
        )
        for each in proposals
    )
    assert {each.origin for each in proposals} == {"grid"}


def test_a_grid_may_be_cut_short() -> None:
    proposals = simulate(grid_spec(trials=5)).proposals
    assert proposals == simulate(grid_spec()).proposals[:5]


def test_a_starting_point_may_hold_pairs_and_milestones() -> None:
    params = {"AdamW.betas": (0.8, 0.9), "MultiStepLR.milestones": (3,)}
    spec = grid_spec(
        sampler=SamplerSpec(name="tpe", startup_trials=4),
        starts=(StartSpec(optimizer="AdamW", scheduler="MultiStepLR", lr=0.01, params=params),),
    )
    first = simulate(spec).proposals[0]
    assert first.optimizer_params["betas"] == (0.8, 0.9)
    assert first.scheduler_params["milestones"] == (3,)


@pytest.mark.parametrize("sampler", [*SAMPLERS, "grid"])
def test_every_configuration_is_repeated_for_every_seed(sampler: str) -> None:
    seeds = (5, 0, 3)
    base = grid_spec() if sampler == "grid" else simulated_spec(sampler, "none")
    proposals = simulate(replace(base, seeds=seeds, trials=7), workers=4).proposals
    assert [each.seed for each in proposals] == list(seeds) * 7
    configurations = [
        {
            (each.optimizer, each.scheduler, each.initial_lr, tuple(each.params.items()))
            for each in proposals[at : at + 3]
        }
        for at in range(0, 21, 3)
    ]
    assert all(len(same) == 1 for same in configurations)
    assert len(set.union(*configurations)) == 7


@pytest.mark.parametrize("seeds", [(0,), (0, 1), (0, 1, 2, 3)])
def test_quasi_random_points_fill_the_range_evenly_however_many_seeds(seeds: tuple[int, ...]) -> None:
    lr = Range(low=1e-4, high=1.0, log=True)
    spec = a_spec(
        optimizers=(OptimizerSpec(name="SGD", lr=lr, params={"momentum": Fixed(value=0.9)}),),
        schedulers=(SchedulerSpec(name="none"),),
        sampler=SamplerSpec(name="quasi-random"),
        pruner=PrunerSpec(name="none"),
        budget=Budget(epochs=EPOCHS),
        seeds=seeds,
        trials=33,
    )
    space = search_space(spec, [], EPOCHS)
    proposer = OptunaProposer(spec, space, [], EPOCHS, 1)
    lrs = [proposal.initial_lr for proposal in iter(proposer.ask, None)][:: len(seeds)][:32]
    decades = Counter(math.floor(math.log10(each)) for each in lrs)
    assert decades == {-4: 8, -3: 8, -2: 8, -1: 8}


# --- what is learned


def proposer_for(spec: SweepSpec, epochs: int = EPOCHS) -> OptunaProposer:
    """A proposer without any starting points."""
    return OptunaProposer(spec, search_space(spec, [], epochs), [], epochs, 1)


def lr_spec(sampler: str, pruner: str = "none", **given: Any) -> SweepSpec:
    defaults = {
        "optimizers": (
            OptimizerSpec(name="SGD", lr=Range(low=1e-4, high=10.0, log=True), params={"momentum": Fixed(value=0.9)}),
        ),
        "schedulers": (SchedulerSpec(name="none"),),
        "sampler": SamplerSpec(name=sampler, startup_trials=8),
        "pruner": PrunerSpec(name=pruner),
        "budget": Budget(epochs=EPOCHS),
        "workers": WorkersSpec(count=1),
        "trials": 30,
    }
    return a_spec(**{**defaults, **given})


def tell(proposer: OptunaProposer, proposal: Proposal, outcome: Outcome, value: float | None) -> None:
    series = () if value is None else (value,)
    proposer.tell(TrialResult(proposal=proposal, outcome=outcome, value=value, epochs=len(series), objectives=series))


def proposals_after(
    spec: SweepSpec, trains: Callable[[Proposal], tuple[Outcome, float | None]], starts: Sequence[Any] = ()
) -> list[Proposal]:
    """All proposals of a sweep whose trials take one epoch."""
    proposer = OptunaProposer(spec, search_space(spec, [], EPOCHS), starts, EPOCHS, 1)
    proposals = []
    while proposal := proposer.ask():
        outcome, value = trains(proposal)
        if value is not None:
            proposer.report(proposal.number, 1, value)
        tell(proposer, proposal, outcome, value)
        proposals.append(proposal)
    return proposals


def share_that_diverges(sampler: str, *, below: Outcome, above: Outcome, pruner: str = "none") -> float:
    """Of the later half of 40 proposals, in five sweeps: LRs above 0.1, where every trial ends as `above` says."""

    def trains(proposal: Proposal) -> tuple[Outcome, float | None]:
        return (above if proposal.initial_lr > 0.1 else below), 5 + abs(math.log10(proposal.initial_lr) + 2)

    later = [
        proposal.initial_lr > 0.1
        for seed in range(5)
        for proposal in proposals_after(lr_spec(sampler, pruner, seed=seed, trials=40), trains)[20:]
    ]
    return sum(later) / len(later)


@pytest.mark.parametrize(("below", "pruner"), [(Outcome.COMPLETE, "none"), (Outcome.PRUNED, "asha")])
def test_tpe_learns_to_avoid_lrs_that_diverge(below: Outcome, pruner: str) -> None:
    blind = share_that_diverges("random", below=below, above=Outcome.DIVERGED, pruner=pruner)
    assert blind == pytest.approx(2 / 5, abs=0.1)  # two of the range's five decades
    assert share_that_diverges("tpe", below=below, above=Outcome.DIVERGED, pruner=pruner) < blind / 2


def test_a_failure_teaches_nothing_about_the_lr() -> None:
    # Were divergence told as a failure, TPE would take the LRs that fail for unexplored ones and prefer them.
    assert share_that_diverges("tpe", below=Outcome.COMPLETE, above=Outcome.FAILED) > 0.5


def test_cma_es_learns_and_survives_divergence() -> None:
    spec = lr_spec(
        "cma-es",
        optimizers=(
            OptimizerSpec(
                name="SGD",
                lr=Range(low=1e-4, high=10.0, log=True),
                params={"weight_decay": Range(low=1e-6, high=1e-1, log=True), "momentum": Fixed(value=0.9)},
            ),
        ),
        trials=60,
    )

    def trains(proposal: Proposal) -> tuple[Outcome, float | None]:
        if proposal.initial_lr > 1:
            return Outcome.DIVERGED, None
        return Outcome.COMPLETE, abs(math.log10(proposal.initial_lr) + 1)

    far = [abs(math.log10(each.initial_lr) + 1) for each in proposals_after(spec, trains)]
    assert sum(far[-20:]) < sum(far[:20]) / 2


def test_a_maximized_objective_is_maximized() -> None:
    spec = lr_spec("tpe", objective=Objective(metric="val/accuracy", direction="maximize"), trials=40)
    proposals = proposals_after(spec, lambda each: (Outcome.COMPLETE, -abs(math.log10(each.initial_lr) + 2)))
    # By chance it would be 1.25 decades.
    assert median(abs(math.log10(each.initial_lr) + 2) for each in proposals[-10:]) < 0.7


def test_a_proposal_waits_for_the_results_that_it_must_know() -> None:
    proposer = proposer_for(lr_spec("tpe", workers=WorkersSpec(count=2)))
    first = [proposer.ask() for _ in range(4)]
    assert None not in first
    assert proposer.ask() is None
    assert not proposer.exhausted
    for proposal in reversed(first[1:]):  # a window of 4: proposal 4 knows trial 0, and waits for no other
        tell(proposer, proposal, Outcome.COMPLETE, 1.0)
        assert proposer.ask() is None
    tell(proposer, first[0], Outcome.COMPLETE, 1.0)
    assert all(proposer.ask() is not None for _ in range(4))
    assert proposer.ask() is None


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_starting_points_wait_for_nothing_and_know_nothing(seeds: tuple[int, ...]) -> None:
    """Their free hyperparameters are the same whatever has ended by then."""
    spec = simulated_spec("tpe", "asha", trials=24, seeds=seeds, workers=WorkersSpec(count=1))
    spec = replace(spec, sampler=SamplerSpec(startup_trials=1))
    early, late = a_proposer(spec), a_proposer(spec)
    starts = [asked for _ in range(5 * len(seeds)) if early.starting and (asked := early.ask())]
    assert len(starts) == 5 * len(seeds)  # one that is given, and one for each pair
    assert not early.starting
    for first in starts:
        assert late.starting
        assert late.ask() == first
        tell(late, first, Outcome.COMPLETE, 1.0)
    assert early.ask() is None
    for first in starts:
        tell(early, first, Outcome.COMPLETE, 1.0)
    assert early.ask() == late.ask() is not None


def test_a_search_that_learns_nothing_waits_for_nothing() -> None:
    proposer = proposer_for(lr_spec("random", trials=30))
    assert len(list(iter(proposer.ask, None))) == 30
    assert proposer.exhausted


# --- when a trial is pruned


def optuna_prunes(
    pruner: optuna.pruners.BasePruner, curves: Sequence[Sequence[float]], *, kept: int, direction: str
) -> list[int | None]:
    """Where a plain sequential Optuna study prunes each curve (None: nowhere).

    The first `kept` are never pruned, and none after its last epoch, when nothing is left to be saved.
    """
    study = optuna.create_study(
        study_name="lrsweep", pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=0), direction=direction
    )
    ends: list[int | None] = []
    for number, curve in enumerate(curves):
        trial = study.ask()
        for epoch, value in enumerate(curve, start=1):
            trial.report(value, epoch)
            if trial.should_prune() and number >= kept and epoch < len(curve):
                study.tell(trial, state=TrialState.PRUNED)
                ends.append(epoch)
                break
        else:
            study.tell(trial, curve[-1])
            ends.append(None)
    return ends


def we_prune(spec: SweepSpec, curves: Sequence[Sequence[float]], *, kept: int, lanes: int) -> list[int | None]:
    """Where the proposer prunes each curve at a rung, on one worker whose lanes train in step."""
    space = search_space(spec, [], EPOCHS)
    proposer = OptunaProposer(spec, space, [{"optimizer": "SGD"}] * kept, EPOCHS, lanes)
    ends: dict[int, int | None] = {}
    running: list[tuple[Proposal, Iterator[tuple[int, float]]]] = []
    while len(ends) < len(curves):
        while len(running) < lanes and (new := proposer.ask()):
            running.append((new, enumerate(curves[new.number], start=1)))
        for trial in list(running):
            proposal, (epoch, value) = trial[0], next(trial[1])
            prune = proposer.report(proposal.number, epoch, value)
            assert proposer.report(proposal.number, epoch, value + 1) is prune
            prune &= epoch in rungs(spec.pruner, EPOCHS)
            if prune or epoch == EPOCHS:
                ends[proposal.number] = epoch if prune else None
                tell(proposer, proposal, Outcome.PRUNED if prune else Outcome.COMPLETE, curves[proposal.number][-1])
                running.remove(trial)
    return [end for _, end in sorted(ends.items())]


curves_of_trials = st.lists(
    st.lists(st.integers(0, 30).map(float), min_size=EPOCHS, max_size=EPOCHS), min_size=2, max_size=14
)


@pytest.mark.parametrize("kept", [0, 2])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize(
    ("given_pruner", "optunas"),
    [
        (
            PrunerSpec(name="asha", first_rung=1, reduction_factor=2),
            lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2),
        ),
        (
            PrunerSpec(name="asha", first_rung=2, reduction_factor=3),
            lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=2, reduction_factor=3),
        ),
        (
            PrunerSpec(name="hyperband", first_rung=1, reduction_factor=2),
            lambda: optuna.pruners.HyperbandPruner(min_resource=1, max_resource=EPOCHS, reduction_factor=2),
        ),
        (
            PrunerSpec(name="median", first_rung=2, startup_trials=3),
            lambda: optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=2, interval_steps=2),
        ),
        (PrunerSpec(name="none"), optuna.pruners.NopPruner),
    ],
    ids=["asha", "asha 2 3", "hyperband", "median", "none"],
)
@given(curves=curves_of_trials, lanes=st.integers(1, 5))
@settings(max_examples=12)
def test_verdicts_are_those_of_optunas_own_pruner_in_a_plain_loop(
    given_pruner: PrunerSpec,
    optunas: Callable[[], optuna.pruners.BasePruner],
    direction: Any,
    kept: int,
    curves: list[list[float]],
    lanes: int,
) -> None:
    spec = lr_spec(
        "random",
        pruner="none",
        objective=Objective(direction=direction),
        trials=len(curves),
    )
    # The median is one of trials that have ended: with a window of 1 all before have.
    window = 1 if given_pruner.name == "median" else None
    spec = replace(spec, pruner=given_pruner, sampler=replace(spec.sampler, window=window))
    assert we_prune(spec, curves, kept=kept, lanes=lanes) == optuna_prunes(
        optunas(), curves, kept=kept, direction=direction
    )


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_a_starting_point_is_trained_to_the_end_on_every_seed(seeds: tuple[int, ...]) -> None:
    spec = simulated_spec("tpe", "asha", seeds=seeds, workers=WorkersSpec(count=1))
    proposer = a_proposer(replace(spec, sampler=replace(spec.sampler, window=1)))
    outcomes = []
    for _ in range(5 * len(seeds)):
        proposal = proposer.ask()
        assert proposal is not None
        # Each is worse than all before it: nothing but a starting point would be kept.
        outcomes.append(any(proposer.report(proposal.number, epoch, 1.0 + proposal.number) for epoch in (1, 2, 4)))
        tell(proposer, proposal, Outcome.COMPLETE, 1.0 + proposal.number)
    assert not any(outcomes)
    proposal = proposer.ask()
    assert proposal is not None
    assert proposer.report(proposal.number, 1, 1000.0)


# --- the study that others can read


def test_the_exported_study_holds_every_trial_as_it_ended(tmp_path: Path) -> None:
    sweep = one_by_one("tpe", "asha")
    url = f"sqlite:///{tmp_path / 'study.db'}"
    proposer = a_proposer(sweep.spec)
    proposer.replay(sweep.history())
    proposer.export(url, "mine")
    study = optuna.load_study(study_name="mine", storage=url)
    assert study.direction.name == "MINIMIZE"
    states = {
        Outcome.COMPLETE: TrialState.COMPLETE,
        Outcome.DIVERGED: TrialState.COMPLETE,
        Outcome.PRUNED: TrialState.PRUNED,
        Outcome.FAILED: TrialState.FAIL,
    }
    assert {result.outcome for result in sweep.results.values()} >= {Outcome.COMPLETE, Outcome.PRUNED}
    for trial, result in zip(study.trials, sweep.history(), strict=True):
        assert result.outcome is not None
        assert trial.state is states[result.outcome]
        assert trial.params["optimizer"] == result.proposal.optimizer
        assert trial.params[f"{result.proposal.optimizer}.lr"] == result.proposal.initial_lr
        finite = [value for value in result.objectives if math.isfinite(value)]
        if result.outcome is Outcome.COMPLETE:
            assert trial.value == result.value
            assert trial.intermediate_values[EPOCHS] == result.value
        if result.outcome is Outcome.DIVERGED:
            assert trial.value == math.inf
        if result.outcome is Outcome.PRUNED:
            assert trial.intermediate_values == {epoch: min(finite[:epoch]) for epoch in range(1, len(finite) + 1)}


def test_an_unfinished_sweep_can_be_exported(tmp_path: Path) -> None:
    spec = simulated_spec("tpe", "asha")
    half = Simulation(spec, a_proposer(spec), 3, random.Random(0)).run(20)
    proposer = a_proposer(spec)
    proposer.replay(half.history())
    url = f"sqlite:///{tmp_path / 'study.db'}"
    proposer.export(url, "half")
    trials = optuna.load_study(study_name="half", storage=url).trials
    assert len(trials) == len(half.history())
    assert {trial.number for trial in trials if trial.state is TrialState.RUNNING} == {
        result.proposal.number for result in half.history() if result.outcome is None
    }
