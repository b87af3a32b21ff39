"""A sweep without training: trials whose curves follow from their proposals, on workers whose pace is drawn."""

import hashlib
import json
import math
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from sweeps.domains import Choice, Range
from sweeps.pairs import Pair
from sweeps.proposer import OptunaProposer
from sweeps.pruning import rungs
from sweeps.records import Budget, Outcome, Proposal, TrialResult
from sweeps.space import search_space
from sweeps.spec import (
    OptimizerSpec,
    PrunerSpec,
    SamplerSpec,
    SchedulerSpec,
    StartSpec,
    SweepSpec,
    WorkersSpec,
)
from sweeps.startingpoints import starting_points
from tests.doubles import a_spec

EPOCHS = 6
SAMPLERS = ("tpe", "quasi-random", "random", "cma-es")
PRUNERS = ("asha", "hyperband", "median", "none")


def simulated_spec(sampler: str, pruner: str, **given: object) -> SweepSpec:
    """A sweep with conditional, listed, logarithmic, whole and paired parameters; one plain space for CMA-ES."""
    sgd = OptimizerSpec(
        name="SGD",
        lr=Range(low=1e-4, high=1.0, log=True),
        params={"weight_decay": Range(low=1e-6, high=1e-2, log=True)},
    )
    adamw = OptimizerSpec(
        name="AdamW",
        lr=Range(low=1e-5, high=0.5, log=True),
        params={"betas": Choice(values=((0.9, 0.99), (0.8, 0.9)))},
    )
    step = SchedulerSpec(
        name="StepLR", params={"step_size": Range(low=1, high=5, integer=True), "gamma": Range(low=0.1, high=0.9)}
    )
    mixed = sampler != "cma-es"
    start = StartSpec(optimizer="SGD", scheduler="StepLR", lr=0.02, params={"SGD.momentum": 0.9, "StepLR.gamma": 0.5})
    defaults = {
        "budget": Budget(epochs=EPOCHS),
        "optimizers": (sgd, adamw)
        if mixed
        else (replace(sgd, params={**sgd.params, "momentum": Choice(values=(0.9,))}),),
        "schedulers": (SchedulerSpec(name="none"), step) if mixed else (SchedulerSpec(name="none"),),
        "sampler": SamplerSpec(name=sampler, startup_trials=4),
        "pruner": PrunerSpec(name=pruner, first_rung=1, reduction_factor=2, startup_trials=3),
        "starts": (start,) if mixed else (),
        "workers": WorkersSpec(count=3),
        "trials": 16,
        "seed": 7,
    }
    return a_spec(**{**defaults, **given})


def a_proposer(spec: SweepSpec, left_out: Collection[Pair] = (), *, lanes: int = 1) -> OptunaProposer:
    """The real proposer of a spec without range tests, for so many lanes a worker."""
    space = search_space(spec, [], EPOCHS, left_out)
    return OptunaProposer(spec, space, starting_points(spec, space, []), EPOCHS, lanes)


def noise(*facts: object) -> float:
    """A number in [0, 1) that follows from the facts alone."""
    return int.from_bytes(hashlib.sha256(repr(facts).encode()).digest()[:4]) / 2**32


def objective(proposal: Proposal, epoch: int) -> float:
    """The metric after an epoch: LRs around 0.02 are best; NaN where the trial diverges."""
    if proposal.initial_lr > 0.1 and epoch == 1 + int(3 * noise("when", proposal.number)):
        return math.nan
    far = abs(math.log10(proposal.initial_lr) + 1.7)
    return far + 1 / epoch + 0.3 * noise(proposal.number, epoch)


@dataclass(slots=True)
class Running:
    """A trial in training and its objective so far."""

    proposal: Proposal
    series: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Simulation:
    """Drives a proposer as a sweep does. What it saw, it keeps: proposals, verdicts at rungs, results."""

    spec: SweepSpec
    proposer: OptunaProposer
    workers: int
    pace: random.Random
    proposals: list[Proposal] = field(default_factory=list)
    verdicts: dict[tuple[int, int], bool] = field(default_factory=dict)
    results: dict[int, TrialResult] = field(default_factory=dict)
    running: list[Running] = field(default_factory=list)
    idle: int = 0

    def run(self, events: int | None = None) -> "Simulation":
        """Goes on to the end, or for so many epochs of any trials."""
        while events is None or events > 0:
            self.fill()
            if not self.running:
                assert self.proposer.exhausted
                return self
            self.train(self.pace.choice(self.running))
            events = None if events is None else events - 1
        return self

    def run_in_step(self, rounds: int | None = None) -> "Simulation":
        """The same on lanes that all train an epoch a round; counts the places that stay empty for one."""
        while (self.fill() or self.running) and (rounds is None or rounds > 0):
            self.idle += 0 if self.proposer.exhausted else self.workers - len(self.running)
            for trial in sorted(self.running, key=lambda each: each.proposal.number):
                self.train(trial)
            rounds = None if rounds is None else rounds - 1
        return self

    def fill(self) -> None:
        """Begins what is proposed, as far as there is room."""
        while len(self.running) < self.workers and (proposal := self.proposer.ask()):
            self.proposals.append(proposal)
            self.running.append(Running(proposal))

    def train(self, trial: Running) -> None:
        """One more epoch of one trial."""
        number, epoch = trial.proposal.number, len(trial.series) + 1
        if epoch == 3 and noise("broken", number) < 0.1:
            self.end(trial, Outcome.FAILED)
            return
        trial.series.append(objective(trial.proposal, epoch))
        if math.isnan(trial.series[-1]):
            self.end(trial, Outcome.DIVERGED)
        else:
            best = self.spec.objective.of(trial.series)
            assert best is not None
            prune = self.proposer.report(number, epoch, best)
            if epoch in rungs(self.spec.pruner, EPOCHS):
                self.verdicts[number, epoch] = prune
                if prune:
                    self.end(trial, Outcome.PRUNED)
            elif epoch == EPOCHS:
                self.end(trial, Outcome.COMPLETE)

    def end(self, trial: Running, outcome: Outcome) -> None:
        """Tells how a trial ended."""
        self.running.remove(trial)
        result = self.record(trial, outcome)
        self.results[trial.proposal.number] = result
        self.proposer.tell(result)

    def record(self, trial: Running, outcome: Outcome | None) -> TrialResult:
        """What a store remembers of a trial."""
        return TrialResult(
            proposal=trial.proposal,
            outcome=outcome,
            value=self.spec.objective.of(trial.series),
            epochs=len(trial.series),
            objectives=tuple(trial.series),
            error="boom" if outcome is Outcome.FAILED else None,
        )

    def history(self) -> list[TrialResult]:
        """What a store remembers by now, the unfinished trials among it."""
        unfinished = {trial.proposal.number: self.record(trial, None) for trial in self.running}
        return [trial for _, trial in sorted({**self.results, **unfinished}.items())]


def simulate(spec: SweepSpec, *, workers: int = 1, pace: int = 0, left_out: Collection[Pair] = ()) -> Simulation:
    """A whole sweep on so many workers at a pace drawn from a seed."""
    return Simulation(spec, a_proposer(spec, left_out), workers, random.Random(pace)).run()


def resume(
    spec: SweepSpec,
    history: Sequence[TrialResult],
    *,
    workers: int = 1,
    pace: int = 0,
    left_out: Collection[Pair] = (),
) -> Simulation:
    """The rest of a sweep of which this much is remembered; unfinished trials go on where they were."""
    return taken_up(spec, history, a_proposer(spec, left_out), workers=workers, pace=pace).run()


def taken_up(
    spec: SweepSpec, history: Sequence[TrialResult], proposer: OptunaProposer, *, workers: int, pace: int = 0
) -> Simulation:
    """A sweep of which this much is remembered, about to go on."""
    simulation = Simulation(spec, proposer, workers, random.Random(pace))
    proposer.replay(history)
    simulation.proposals = [trial.proposal for trial in history]
    simulation.results = {trial.proposal.number: trial for trial in history if trial.outcome is not None}
    simulation.running = [Running(trial.proposal, list(trial.objectives)) for trial in history if trial.outcome is None]
    return simulation


def as_text(simulation: Simulation) -> str:
    """Proposals and verdicts, for comparison between processes."""
    verdicts = sorted((*key, verdict) for key, verdict in simulation.verdicts.items())
    return json.dumps([[repr(proposal) for proposal in simulation.proposals], verdicts], indent=1)
