"""When a range test must not be trusted: reasons for doubt, each with its numbers."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sweeps.edges import edge
from sweeps.optimizers import OptimizerRow
from sweeps.rules.shape import Shape

RULES_APART, SEEDS_APART = 100.0, 10.0
"""The factors beyond which rules, and the picks of single seeds, disagree."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What doubts are raised against: the shapes of the curves, the picks of the seeds that learned, and all in all.

    `rules` holds what other rules make of the same curves.
    """

    row: OptimizerRow
    lrs: Sequence[float]
    shapes: Sequence[Shape]
    picks: Sequence[float]
    pick: float
    rules: Mapping[str, float]


def _is_calm(seen: Evidence) -> bool:
    return sum(not shape.turned_up for shape in seen.shapes) * 2 > len(seen.shapes)


def _no_divergence(seen: Evidence) -> str | None:
    if seen.row.lr_says != "every step" or not _is_calm(seen):
        return None
    calm = sum(not shape.turned_up for shape in seen.shapes)
    return (
        f"on {calm} of {len(seen.shapes)} seeds the loss never turned up, up to an LR of {seen.lrs[-1]:.2g}: larger "
        "ones may do as well"
    )


def _at_edge(seen: Evidence) -> str | None:
    low, high = seen.lrs[0], seen.lrs[-1]
    end = edge(seen.pick, low, high)
    return end and f"its suggestion, {seen.pick:.2g}, lies at the {end} end of its ramp, {low:.2g} to {high:.2g}"


def _rules_disagree(seen: Evidence) -> str | None:
    apart = max(seen.rules.values(), default=1.0) / min(seen.rules.values(), default=1.0)
    if apart <= RULES_APART:
        return None
    each = ", ".join(f"{name} {lr:.2g}" for name, lr in sorted(seen.rules.items(), key=lambda item: item[1]))
    return f"the rules disagree {apart:.0f}-fold: {each}"


def _seeds_disagree(seen: Evidence) -> str | None:
    low, high = min(seen.picks), max(seen.picks)
    return f"the seeds disagree {high / low:.0f}-fold: {low:.2g} to {high:.2g}" if high / low > SEEDS_APART else None


def _first_step_only(seen: Evidence) -> str | None:
    if seen.row.lr_says != "first step":
        return None
    return f"the LR is only the size of {seen.row.name}'s first step, which then sets its own"


def _clamped(seen: Evidence) -> str | None:
    if seen.row.lr_says != "up to 1/sqrt(step)":
        return None
    clamp = next((lr for step, lr in enumerate(seen.lrs, start=1) if lr * math.sqrt(step) > 1), math.inf)
    if seen.pick < clamp and not _is_calm(seen):
        return None
    return (
        f"{seen.row.name} clamps the LR at 1/sqrt(step), which its ramp reached at {clamp:.2g}: it shows no end of LRs"
    )


DOUBTS: tuple[Callable[[Evidence], str | None], ...] = (
    _first_step_only,
    _clamped,
    _no_divergence,
    _at_edge,
    _rules_disagree,
    _seeds_disagree,
)


def doubts(seen: Evidence) -> tuple[str, ...]:
    """All reasons not to trust a range test that learned; none if there are none."""
    return tuple(reason for doubt in DOUBTS if (reason := doubt(seen)))
