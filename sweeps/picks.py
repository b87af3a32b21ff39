"""Which initial LR to recommend for every optimizer and scheduler, and on what evidence."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean

from sweeps.domains import Choice, Domain, Fixed, Range
from sweeps.objective import Objective
from sweeps.records import Outcome, Pick, TrialResult
from sweeps.space import SearchSpace

_CLOSE = 0.05
"""Values within this share of the best count as just as good: the span of their LRs goes into the pick."""
_AT_BOUND = 1.25
"""A best LR within this factor of a bound may lie beyond it."""
_PRUNED_ONLY = "pruned trials only: none of this pair was trained to the end"


def picks(results: Sequence[TrialResult], space: SearchSpace, objective: Objective) -> list[Pick]:
    """The best configuration of every (optimizer, scheduler), best pair first.

    A configuration counts once all its seeds are COMPLETE, with the mean of their values; so one diverging seed
    puts it out. A pair without any falls back to its best PRUNED trial and says so; a pair in which nothing
    reached a rung has no pick.
    """
    found = [pick for arm, trials in _by_arm(results) if (pick := _pick(arm, trials, space, objective))]
    sign = 1 if objective.direction == "minimize" else -1
    return sorted(found, key=lambda pick: (_PRUNED_ONLY in pick.notes, sign * pick.value))


def _by_arm(results: Sequence[TrialResult]) -> Iterable[tuple[tuple[str, str], list[TrialResult]]]:
    arms: dict[tuple[str, str], list[TrialResult]] = defaultdict(list)
    for result in results:
        arms[result.proposal.optimizer, result.proposal.scheduler].append(result)
    return arms.items()


def _pick(arm: tuple[str, str], trials: Sequence[TrialResult], space: SearchSpace, objective: Objective) -> Pick | None:
    ended = [trial for trial in trials if trial.outcome is not None]
    configs = list(_configurations(ended))
    complete = [config for config in configs if all(trial.outcome is Outcome.COMPLETE for trial in config)]
    pruned = [[trial] for trial in ended if trial.outcome is Outcome.PRUNED]
    ranked = _ranked(complete or pruned, objective)
    if not ranked:
        return None
    value, best = ranked[0]
    close = [config for other, config in ranked if abs(other - value) <= _CLOSE * abs(value)]
    lrs = [config[0].proposal.initial_lr for config in close]
    proposal = best[0].proposal
    notes = () if complete else (_PRUNED_ONLY,)
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
        notes=(*notes, *_bound_notes(proposal.initial_lr, space.optimizers[arm[0]]["lr"])),
    )


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


def _bound_notes(lr: float, domain: Domain) -> Iterator[str]:
    match domain:
        case Range(low=low, high=high):
            if lr > high / _AT_BOUND:
                yield f"at the upper bound {high:.3g} of what was searched: a higher LR may be better"
            if lr < low * _AT_BOUND:
                yield f"at the lower bound {low:.3g} of what was searched: a lower LR may be better"
        case Choice(values=values) if len(values) > 1 and lr in (min(values), max(values)):
            yield "at the end of the values that were tried: one beyond may be better"
        case Choice() | Fixed():
            return
