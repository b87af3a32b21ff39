"""Where a pair's next trial puts its initial LR: up and down from the best LR known, by ever smaller factors."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sweeps.catalogue import scheduler_row
from sweeps.domains import Domain, Range, Value, contains
from sweeps.objective import Objective
from sweeps.pairs import Pair
from sweeps.records import Outcome, Proposal, TrialResult

_FEW = 3
"""Trials below which a pair wants a turn although there is nothing to climb from."""
_FACTORS = (10**0.5, 10**0.25, 10**0.125)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A trial as far as it is known: `value` is None while it trains, and for one that was not trained to its end."""

    pair: Pair
    lr: float
    value: float | None = None


def tried_so_far(proposals: Sequence[Proposal], known: Mapping[int, TrialResult]) -> Sequence[Tried]:
    """Every trial that was proposed, those whose results are known with their value."""
    complete = {number: result.value for number, result in known.items() if result.outcome is Outcome.COMPLETE}
    return [
        Tried(pair=(each.optimizer, each.scheduler), lr=each.initial_lr, value=complete.get(each.number))
        for each in proposals
    ]


def next_lr(pair: Pair, tried: Sequence[Tried], domain: Domain, objective: Objective) -> float | None:
    """The LR to try next for a pair; None where there is nothing to go by, or nothing left near the best.

    First the best LR of the same optimizer under any schedule that reads its LR the same way; then, around the pair's
    own best, LRs higher and lower by factors of 10^(1/2), 10^(1/4) and 10^(1/8) (a pattern search on a log scale:
    Hooke and Jeeves, 1961). An LR that was tried nearer than half a step is left out.

    >>> from sweeps.domains import Range
    >>> start = Tried(pair=("Adam", "none"), lr=0.001, value=0.5)
    >>> lr = next_lr(("Adam", "none"), [start], Range(low=1e-4, high=0.1, log=True), Objective())
    >>> round(lr, 5), next_lr(("SGD", "none"), [start], Range(low=1e-4, high=0.1, log=True), Objective())
    (0.00316, None)
    """
    if not _climbs(domain):
        return None
    own = [trial for trial in tried if trial.pair == pair]
    alike = [trial for trial in tried if trial.pair[0] == pair[0] and _is_peak(trial.pair) == _is_peak(pair)]
    there, here = _best(alike, objective), _best(own, objective)
    candidates = [] if there is None else [(there.lr, _FACTORS[-1])]
    if here is not None:
        candidates += [(here.lr * turn, factor) for factor in _FACTORS for turn in (factor, 1 / factor)]
    for lr, factor in candidates:
        apart = math.log(factor) / 2
        if contains(domain, lr) and all(abs(math.log(trial.lr / lr)) > apart for trial in own):
            return lr
    return None


def next_turn(
    pairs: Sequence[Pair], tried: Sequence[Tried], lrs: Mapping[str, Domain], objective: Objective
) -> Mapping[str, Value] | None:
    """What the least tried pair that wants a turn tries next; None where all LRs have been climbed to their end.

    `lrs` are the optimizers' domains. A pair that was hardly tried, or whose LR cannot be climbed, leaves its LR open.
    """
    times = Counter(trial.pair for trial in tried)
    for pair in sorted(pairs, key=lambda each: times[each]):
        optimizer, scheduler = pair
        point: Mapping[str, Value] = {"optimizer": optimizer, "scheduler": scheduler}
        if (lr := next_lr(pair, tried, lrs[optimizer], objective)) is not None:
            return {**point, f"{optimizer}.lr": lr}
        if times[pair] < _FEW or not _climbs(lrs[optimizer]):
            return point
    return None


def next_climb(tried: Sequence[Tried], lrs: Mapping[str, Domain], objective: Objective) -> Mapping[str, Value] | None:
    """What the best pair tries next that has an LR left near its best; None where all have been climbed to their end.

    >>> from sweeps.domains import Range
    >>> tried = [Tried(pair=("Adam", "none"), lr=1e-3, value=0.5), Tried(pair=("SGD", "none"), lr=0.1, value=0.4)]
    >>> lrs = {"Adam": Range(low=1e-4, high=0.1, log=True), "SGD": Range(low=1e-4, high=1.0, log=True)}
    >>> next_climb(tried, lrs, Objective())
    {'optimizer': 'SGD', 'scheduler': 'none', 'SGD.lr': 0.316...}
    """
    values = [(trial.value, trial.pair) for trial in tried if trial.value is not None]
    values.sort(reverse=objective.direction == "maximize")
    for optimizer, scheduler in dict.fromkeys(pair for _, pair in values):
        lr = next_lr((optimizer, scheduler), tried, lrs[optimizer], objective)
        if lr is not None:
            return {"optimizer": optimizer, "scheduler": scheduler, f"{optimizer}.lr": lr}
    return None


def _climbs(domain: Domain) -> bool:
    """True if LRs of this domain lie on a logarithmic scale, with room above and below."""
    return isinstance(domain, Range) and domain.log


def _best(trials: Sequence[Tried], objective: Objective) -> Tried | None:
    best: tuple[Tried, float] | None = None
    for trial in trials:
        if trial.value is not None and (best is None or objective.better(trial.value, best[1])):
            best = trial, trial.value
    return best and best[0]


def _is_peak(pair: Pair) -> bool:
    return scheduler_row(pair[1]).is_peak
