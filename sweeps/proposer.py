"""Proposes trials: Optuna's ask and tell, in memory, the same for the same spec, seed and history.

Which result is known when follows from numbers and epochs, not from the clock (sweeps/known.py): so a sweep on many
workers proposes the same twice, whichever worker was quicker.
"""

import math
from collections.abc import Container, Mapping, Sequence
from typing import Any

import optuna
from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

from sweeps.climbing import Tried, next_climb, next_turn, tried_so_far
from sweeps.domains import Choice, Domain, Domains, Fixed, Range, Value, contains
from sweeps.errors import UserError
from sweeps.known import knowledge, verdict_window
from sweeps.optunaparts import category, pruner_of, quiet, samplers_of
from sweeps.paramnames import params_of
from sweeps.records import Outcome, Proposal, TrialResult
from sweeps.space import Point, SearchSpace
from sweeps.spec import SweepSpec
from sweeps.startingpoints import FOLK_ORIGIN, folk_points

optuna.logging.set_verbosity(optuna.logging.ERROR)

_STUDY = "lrsweep"
"""Hyperband deals trials to brackets by the study's name, so it must not change."""
_STARTING = ("start", FOLK_ORIGIN)
"""The origins of starting points, which know no result and are not pruned."""


class _HorizonStorage(InMemoryStorage):
    """An in-memory study in which a judge sees only trials below a number."""

    horizon: int | None = None

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        # TPE notes for a running trial also values of parameters that the trial turned out not to have, and
        # then avoids those; the store does not know them, so a rebuilt study would propose something else.
        if not key.startswith("tpe:relative_params"):
            super().set_trial_system_attr(trial_id, key, value)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        trials = super().get_all_trials(study_id, deepcopy, states)
        if self.horizon is None:
            return trials
        return [trial for trial in trials if trial.number < self.horizon]


class OptunaProposer:
    """A Proposer over an Optuna study that is never stored: the store's history rebuilds it.

    It reckons with `reach` lanes a worker.
    """

    def __init__(self, spec: SweepSpec, space: SearchSpace, starts: Sequence[Point], epochs: int, reach: int):
        self._spec, self._space = spec, space
        origin = "grid" if spec.sampler.name == "grid" else "start"
        self._starts = [(point, origin) for point in starts]
        self._starts += [(point, FOLK_ORIGIN) for point in folk_points(spec, space)]
        self._total = min(spec.trials, len(starts)) if spec.sampler.name == "grid" else spec.trials
        self._knowledge = knowledge(spec, reach=reach, epochs=epochs)
        self._verdict_window = verdict_window(spec, reach)
        self._storage = _HorizonStorage()
        with quiet():
            self._study = optuna.create_study(
                storage=self._storage,
                study_name=_STUDY,
                direction=spec.objective.direction,
                pruner=pruner_of(spec.pruner, epochs),
            )
        self._sampler_of = samplers_of(spec, space)
        self._trials: list[optuna.Trial] = []
        self._proposals: list[Proposal] = []
        self._results: dict[int, TrialResult] = {}
        self._known: dict[int, TrialResult] = {}
        self._verdicts: dict[tuple[int, int], bool] = {}

    @property
    def exhausted(self) -> bool:
        return len(self._proposals) >= self._total * len(self._spec.seeds)

    @property
    def starting(self) -> bool:
        config = len(self._proposals) // len(self._spec.seeds)
        return config < len(self._starts) and self._starts[config][1] in _STARTING

    def ask(self) -> Proposal | None:
        if self.exhausted or not (self.starting or self._knowledge.complete()):
            return None
        self._learn()
        number, repeat = len(self._proposals), len(self._proposals) % len(self._spec.seeds)
        if repeat:
            return self._ask(point_of(self._proposals[-1]), origin="repeat")
        config = number // len(self._spec.seeds)
        if config < len(self._starts):
            point, origin = self._starts[config]
            return self._ask(point, origin=origin)
        if self._spec.sampler.name == "tpe":
            if config % 2 and (turn := self._turn()) is not None:
                return self._ask(turn, origin="turn")
            if config >= self._total / 2 and (climb := self._climb()) is not None:
                return self._ask(climb, origin="climb")
        return self._ask(None, origin="sampler")

    def report(self, number: int, epoch: int, value: float) -> bool:
        if (number, epoch) not in self._verdicts:
            self._verdicts[number, epoch] = self._judge(number, epoch, value)
        if not self._verdicts[number, epoch]:
            self._knowledge.goes_on(number, epoch)
        return self._verdicts[number, epoch]

    def _judge(self, number: int, epoch: int, value: float) -> bool:
        trial = self._trials[number]
        trial.report(value, epoch)
        self._storage.horizon = max(0, number - self._verdict_window + 1)
        try:
            # A starting point stands for its pair of optimizer and scheduler: it is judged, for others to be
            # compared with it, but trained to the end on every seed, so that every pair has one value that counts.
            return bool(trial.should_prune()) and self._origin(number) not in _STARTING
        finally:
            self._storage.horizon = None

    def _origin(self, number: int) -> str:
        """Where the configuration of a trial came from, on whichever of its seeds."""
        return self._proposals[number - number % len(self._spec.seeds)].origin

    def tell(self, result: TrialResult) -> None:
        self._results[result.proposal.number] = result
        self._knowledge.ended(result)

    def replay(self, history: Sequence[TrialResult]) -> None:
        for result in history:
            if result.outcome is not None:
                self.tell(result)
        for result in history:
            self._repeat(result.proposal)
            for epoch in range(1, len(result.objectives) + 1):
                value = self._spec.objective.of(result.objectives[:epoch])
                if value is not None and math.isfinite(result.objectives[epoch - 1]):
                    self.report(result.proposal.number, epoch, value)

    def _repeat(self, proposal: Proposal) -> None:
        """Makes a proposal again. CMA-ES learns only from what it drew itself, so it must draw it again."""
        self._learn()
        redraw = self._spec.sampler.name == "cma-es" and proposal.origin == "sampler"
        try:
            again = self._ask(None if redraw else point_of(proposal), origin=proposal.origin)
        except ValueError:  # Optuna's, for a value that is not among its choices
            again = None
        if again != proposal:
            raise UserError(
                f"trial {proposal.number} cannot be proposed again as it was: another version of Optuna or of the "
                "spec made this sweep; start a new sweep, with its best configurations as `starts`"
            )

    def export(self, storage_url: str, name: str) -> None:
        """Writes all that was learned as an Optuna study, for optuna-dashboard and Optuna's own analyses."""
        for number in sorted(self._results.keys() - self._known.keys()):
            self._apply(number)
        with quiet():
            study = optuna.create_study(storage=storage_url, study_name=name, direction=self._spec.objective.direction)
            study.add_trials(self._study.get_trials())

    def _learn(self) -> None:
        """Tells Optuna what the next proposal is the first to know."""
        for number in self._knowledge.propose(knowing=not self.starting):
            self._known[number] = self._results[number]
            self._apply(number)

    def _turn(self) -> Point | None:
        """TPE soon keeps to the best pair, but people want an LR for every one of them."""
        return next_turn(tuple(self._space.arms()), self._tried(), self._lrs(), self._spec.objective)

    def _climb(self) -> Point | None:
        """TPE spreads what few trials are left, where the best LR is known to lie near those that were best."""
        return next_climb(self._tried(), self._lrs(), self._spec.objective)

    def _tried(self) -> Sequence[Tried]:
        return tried_so_far(self._proposals, self._known)

    def _lrs(self) -> Mapping[str, Domain]:
        return {name: domains["lr"] for name, domains in self._space.optimizers.items()}

    def _ask(self, fixed: Point | None, *, origin: str) -> Proposal:
        number = len(self._proposals)
        with quiet():
            self._study.sampler = self._sampler_of(number)
            if fixed is not None:
                self._study.enqueue_trial(self._by_dimension(fixed))
            trial = self._study.ask()
            proposal = self._suggest(trial, number, origin, fixed or {})
        self._trials.append(trial)
        self._proposals.append(proposal)
        return proposal

    def _by_dimension(self, point: Point) -> dict[str, Any]:
        """A point as Optuna's parameters: the choice of a scheduler may be a dimension of the optimizer's own."""
        dimension, _ = self._space.scheduler_dimension(str(point["optimizer"]))
        return {dimension if name == "scheduler" else name: category(value) for name, value in point.items()}

    def _suggest(self, trial: optuna.Trial, number: int, origin: str, fixed: Point) -> Proposal:
        optimizer = str(_suggest(trial, "optimizer", Choice(values=tuple(self._space.optimizers))))
        scheduler = str(_suggest(trial, *self._space.scheduler_dimension(optimizer)))
        repeat = number % len(self._spec.seeds)
        chosen = (self._origin(number) if repeat else origin) in _STARTING
        given = fixed if chosen else {}
        params = _suggest_all(trial, optimizer, self._space.optimizers[optimizer], given)
        return Proposal(
            number=number,
            optimizer=optimizer,
            scheduler=scheduler,
            initial_lr=float(params.pop("lr")),  # type: ignore[arg-type]
            optimizer_params=params,
            scheduler_params=_suggest_all(trial, scheduler, self._space.schedulers[scheduler], given),
            seed=self._spec.seeds[repeat],
            origin=origin,
        )

    def _apply(self, number: int) -> None:
        """Tells Optuna one result. Divergence is a bad result; failures and cancellations say nothing."""
        result = self._results[number]
        trial = self._trials[number]
        match result.outcome:
            case _ if not contains(self._space.optimizers[result.proposal.optimizer]["lr"], result.proposal.initial_lr):
                # It was given, and lies outside of what is searched.
                self._study.tell(trial, state=TrialState.FAIL)
            case Outcome.COMPLETE if result.value is not None:
                self._study.tell(trial, result.value)
            case Outcome.DIVERGED:
                if self._spec.sampler.name == "tpe":
                    # TPE ranks every pruned trial below one that was told a value, even the worst; an infeasible
                    # one it ranks below all.
                    trial.set_constraint("diverged", 1.0)
                self._study.tell(trial, self._spec.objective.worst)
            case Outcome.PRUNED:
                self._study.tell(trial, state=TrialState.PRUNED)
            case _:
                self._study.tell(trial, state=TrialState.FAIL)


def point_of(proposal: Proposal) -> Point:
    """All that a proposal chose, by full name."""
    return {
        "optimizer": proposal.optimizer,
        "scheduler": proposal.scheduler,
        f"{proposal.optimizer}.lr": proposal.initial_lr,
        **proposal.params,
    }


def _suggest_all(trial: optuna.Trial, owner: str, domains: Domains, given: Point) -> dict[str, Value]:
    """A value in each domain; what is given beyond the domains stays as it is, and Optuna hears nothing of it."""
    own = params_of(given, owner)
    beyond = {name: value for name, value in own.items() if name not in domains or not contains(domains[name], value)}
    return {
        name: _suggest(trial, f"{owner}.{name}", domain) for name, domain in domains.items() if name not in beyond
    } | beyond


def _suggest(trial: optuna.Trial, name: str, domain: Domain) -> Value:
    match domain:
        case Fixed(value=value):
            return value
        case Choice(values=values):
            labels = {category(value): value for value in values}
            return labels[trial.suggest_categorical(name, list(labels))]
        case Range(integer=True):
            return trial.suggest_int(name, int(domain.low), int(domain.high), log=domain.log)
        case Range():
            return trial.suggest_float(name, domain.low, domain.high, log=domain.log)
