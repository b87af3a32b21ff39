"""Which initial LR to recommend for every optimizer and scheduler, and on what evidence."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean

from sweeps.luck import Candidate, luck
from sweeps.objective import Objective
from sweeps.pickevidence import FolkBest, Luck
from sweeps.picknotes import PRUNED, SOME_SEEDS, bound_notes, luck_notes
from sweeps.records import Outcome, Pick, TrialResult
from sweeps.space import SearchSpace
from sweeps.startingpoints import FOLK_ORIGIN

_CLOSE = 0.05
"""Values within this share of the best count as just as good: the span of their LRs goes into the pick."""


def picks(results: Sequence[TrialResult], space: SearchSpace, objective: Objective, seeds: Sequence[int]) -> list[Pick]:
    """The best configuration of every (optimizer, scheduler), best pair first.

    A configuration counts with the mean over its seeds, and only if none of them diverged, failed or was
    cancelled. Where a trial's best epoch counts, a PRUNED one is as good a witness as a COMPLETE one, since going
    on could only have improved it; where the last epoch counts, it stands in only for a pair without COMPLETE
    trials. A pick that rests on pruned trials says so.
    """
    arms = _by_arm(results)
    found = [pick for arm, trials in arms if (pick := _pick(arm, trials, space, objective, set(seeds)))]
    sign = 1 if objective.direction == "minimize" else -1
    return sorted(found, key=lambda pick: sign * pick.value)


def _by_arm(results: Sequence[TrialResult]) -> Iterable[tuple[tuple[str, str], list[TrialResult]]]:
    arms: dict[tuple[str, str], list[TrialResult]] = defaultdict(list)
    for result in results:
        arms[result.proposal.optimizer, result.proposal.scheduler].append(result)
    return arms.items()


def _pick(
    arm: tuple[str, str], trials: Sequence[TrialResult], space: SearchSpace, objective: Objective, seeds: set[int]
) -> Pick | None:
    ended = [trial for trial in trials if trial.outcome is not None]
    trained = [config for config in _configurations(ended) if _outcomes(config) <= {Outcome.COMPLETE, Outcome.PRUNED}]
    complete = [config for config in trained if Outcome.PRUNED not in _outcomes(config)]
    candidates = trained if objective.value == "best" or not complete else complete
    on_all_seeds = [config for config in candidates if _seeds(config) == seeds]
    ranked = _ranked(on_all_seeds or candidates, objective)
    if not ranked:
        return None
    value, best = ranked[0]
    close = [config for other, config in ranked if abs(other - value) <= _CLOSE * abs(value)]
    lrs = [config[0].proposal.initial_lr for config in close]
    proposal = best[0].proposal
    lucky = _luck([config for _, config in ranked if config in complete], best, objective)
    return Pick(
        optimizer=arm[0],
        scheduler=arm[1],
        initial_lr=proposal.initial_lr,
        value=value,
        params=proposal.params,
        trials=tuple(trial.proposal.number for trial in best),
        tried=len(ended),
        low=min(lrs),
        high=max(lrs),
        notes=(
            *[PRUNED] * (best not in complete),
            *[SOME_SEEDS] * (not on_all_seeds),
            *bound_notes(proposal.initial_lr, space.optimizers[arm[0]]["lr"]),
            *luck_notes(lucky),
        ),
        luck=lucky,
        folk_grid=_folk_best(ranked),
    )


def _luck(complete: Sequence[list[TrialResult]], best: list[TrialResult], objective: Objective) -> Luck | None:
    """How lucky the best is among the configurations that were trained to the end; None if it is none of them."""
    if best not in complete:
        return None
    params = best[0].proposal.params
    candidates = [
        Candidate(
            initial_lr=config[0].proposal.initial_lr,
            values={trial.proposal.seed: trial.value for trial in config if trial.value is not None},
            alike=config[0].proposal.params == params,
        )
        for config in complete
    ]
    return luck(candidates, sign=1 if objective.direction == "minimize" else -1)


def _folk_best(ranked: Sequence[tuple[float, list[TrialResult]]]) -> FolkBest | None:
    """The best of the folk grid; None where it was not asked for, or all of it exploded."""
    for value, config in ranked:
        if any(trial.proposal.origin == FOLK_ORIGIN for trial in config):
            return FolkBest(initial_lr=config[0].proposal.initial_lr, value=value)
    return None


def _seeds(config: Sequence[TrialResult]) -> set[int]:
    return {trial.proposal.seed for trial in config}


def _outcomes(config: Sequence[TrialResult]) -> set[Outcome | None]:
    return {trial.outcome for trial in config}


def _configurations(trials: Sequence[TrialResult]) -> Iterator[list[TrialResult]]:
    configs: dict[tuple[object, ...], list[TrialResult]] = defaultdict(list)
    for trial in trials:
        proposal = trial.proposal
        configs[proposal.initial_lr, *sorted((name, str(value)) for name, value in proposal.params.items())].append(
            trial
        )
    yield from configs.values()


def _ranked(configs: Sequence[list[TrialResult]], objective: Objective) -> list[tuple[float, list[TrialResult]]]:
    valued = [
        (fmean(trial.value for trial in config if trial.value is not None), config)
        for config in configs
        if all(trial.value is not None and math.isfinite(trial.value) for trial in config)
    ]
    return sorted(valued, key=lambda pair: pair[0], reverse=objective.direction == "maximize")
