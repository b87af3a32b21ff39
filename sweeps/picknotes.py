"""What to beware of in a pick, in sentences: what stands before the colon is enough for a table."""

from collections.abc import Iterator, Sequence

from sweeps.domains import Choice, Domain, Fixed, Range
from sweeps.edges import edge
from sweeps.objective import Objective
from sweeps.pickevidence import Luck, Stressed

SOME_SEEDS = "not trained on every seed: the others were not reached"
PRUNED = "pruned, not trained to the end"
_SURE = 0.95
"""A winner that would win again so often needs no note."""


def bound_notes(lr: float, domain: Domain) -> Iterator[str]:
    """That an LR lies at the end of what was searched, and what to search instead."""
    match domain:
        case Range(low=low, high=high):
            match edge(lr, low, high):
                case "upper":
                    yield (
                        f"at the upper bound {high:.3g} of what was searched: a higher LR may be better; "
                        f"search lr: {{low: {low:.3g}, high: {10 * high:.3g}}}"
                    )
                case "lower":
                    yield (
                        f"at the lower bound {low:.3g} of what was searched: a lower LR may be better; "
                        f"search lr: {{low: {low / 10:.3g}, high: {high:.3g}}}"
                    )
        case Choice(values=values) if len(values) > 1 and lr in (min(values), max(values)):
            beyond = "above" if lr == max(values) else "below"
            yield f"at the end of the values that were tried: one beyond may be better; list one {beyond} {lr:.3g}, too"
        case Choice() | Fixed():
            return


def luck_notes(luck: Luck | None) -> Iterator[str]:
    """How often the winner would win again, and how much of its value is luck.

    >>> found = Luck(noise=0.02, source="seeds", wins=0.63, optimism=0.0124, rivals=3)
    >>> list(luck_notes(found))
    ['would win again in 63 % of repeats: expect it about 0.012 worse than its value (noise read from seeds)']
    """
    if luck is not None and luck.wins < _SURE:
        yield (
            f"would win again in {100 * luck.wins:.0f} % of repeats: expect it about {luck.optimism:.2g} worse than "
            f"its value (noise read from {luck.source})"
        )


def stability_notes(stability: Sequence[Stressed], objective: Objective, value: float | None) -> Iterator[str]:
    """That the lowest multiple explodes, so that the pick stands next to the edge; that one did better than the pick.

    `value` is the pick's own from the same seed; None if it was not trained to the end.
    """
    lowest = min(stability, key=lambda each: each.factor, default=None)
    if lowest is not None and lowest.exploded:
        yield (
            f"explodes at {lowest.factor:g} times this LR: the edge of stability is less than a factor of "
            f"{lowest.factor:g} away; {lowest.initial_lr / lowest.factor / 2:.3g} is safer"
        )
    best, at = value, None
    for each in stability:
        if best is not None and each.value is not None and objective.better(each.value, best):
            best, at = each.value, each
    if at is not None:
        yield (
            f"did better at {at.factor:g} times this LR: {best:.4g} instead of {value:.4g} from the same seed; search "
            f"LRs around {at.initial_lr:.3g} as well"
        )
