"""The LR range test: a ramp of growing LRs, and what its curves say about where to search.

Source: Smith, "Cyclical Learning Rates for Training Neural Networks" (arXiv 1506.01186), with the exponential
growth of today's tools.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sweeps.catalogue import optimizer_row
from sweeps.optimizers import OptimizerRow
from sweeps.records import Ramp, RangeTest
from sweeps.rules.bootstrap import interval
from sweeps.rules.points import valley
from sweeps.rules.readings import middle, middle_of
from sweeps.rules.shape import Shape, shape_of, shapes_of
from sweeps.trust import Evidence, doubts

_LOOKS = 25
"""How often a ramp is validated on its way."""
_COMPARED = ("valley", "minimum", "max/3")
"""The rules that the pick is held against: those that neither noise nor the scale of the loss leads astray."""
_BELOW, _ABOVE = 10.0, 3.0
"""The search reaches this factor below the pick, and above the LR at which the loss was lowest."""


def ramp_lrs(ramp: Ramp) -> list[float]:
    """The LR of every step, [steps], growing each step by the same factor, or amount if linear.

    >>> ramp_lrs(Ramp(low=0.01, high=1.0, steps=3))
    [0.01, 0.1, 1.0]
    >>> ramp_lrs(Ramp(low=0.25, high=0.75, steps=3, growth="linear"))
    [0.25, 0.5, 0.75]
    """
    shares = [step / (ramp.steps - 1) for step in range(1, ramp.steps - 1)]
    if ramp.growth == "linear":
        inner = [ramp.low + (ramp.high - ramp.low) * share for share in shares]
    else:
        inner = [ramp.low * (ramp.high / ramp.low) ** share for share in shares]
    return [ramp.low, *inner, ramp.high]


def watch_steps(ramp: Ramp) -> tuple[int, ...]:
    """How many steps are done whenever a ramp is validated, [points]: evenly, at most 25 times, the last at its end.

    >>> watch_steps(Ramp(low=0.01, high=1.0, steps=7)), len(watch_steps(Ramp(low=0.01, high=1.0, steps=100)))
    ((1, 2, 3, 4, 5, 6, 7), 25)
    """
    every = -(-ramp.steps // _LOOKS)
    return (*range(every, ramp.steps, every), ramp.steps)


def read_range_test(
    optimizer: str,
    seeds: Sequence[int],
    lrs: Sequence[float],
    losses: Sequence[Sequence[float]],
    *,
    metric_steps: Sequence[int] = (),
    metrics: Mapping[str, Sequence[Sequence[float]]] | None = None,
    bootstrap: bool = True,
) -> RangeTest:
    """Reads a range test's curves: the median valley over the seeds is the pick, and bounds lie around it.

    `lrs` is [steps]; `losses` is [seeds][steps], finite, cut short where a seed's loss turned NaN or infinite;
    `metrics` is [seeds][points] by name, after so many steps as `metric_steps` says.

    The search's upper bound is three times the LR of the lowest smoothed loss (median over the seeds): a ramp of
    few steps may not yet show what an LR does to a whole training. The lower one lies 10 times below the pick. The
    interval holds the 90 % bootstrap interval of the pick and what the rules `valley`, `minimum` and `max/3` say.
    Without `bootstrap`, which takes as long as a short training does, it holds what the rules say.

    A test in which most seeds learned nothing gives the catalogue's LR and bounds, and no interval. One that learned
    but raises doubts keeps its pick, and its bounds hold the catalogue's and the whole ramp.
    """
    row = optimizer_row(optimizer)
    bare = RangeTest(
        optimizer=optimizer,
        initial_lr=row.default_lr,
        low=row.lr.low,
        high=row.lr.high,
        trusted=False,
        reasons=(),
        seeds=tuple(seeds),
        lrs=tuple(lrs),
        losses=tuple(tuple(curve) for curve in losses),
        metric_steps=tuple(metric_steps),
        metrics={name: tuple(tuple(values) for values in each) for name, each in (metrics or {}).items()},
    )
    shapes = [shape for shape in shapes_of(bare) if shape is not None]
    learned = [shape for shape in shapes if shape.learned]
    if len(learned) * 2 <= len(losses):
        return replace(
            bare, reasons=(f"only {len(learned)} of {len(losses)} seeds lowered the loss anywhere on the ramp",)
        )
    return _concluded(bare, row, shapes, learned, bootstrap=bootstrap)


def _concluded(
    bare: RangeTest, row: OptimizerRow, shapes: Sequence[Shape], learned: Sequence[Shape], *, bootstrap: bool
) -> RangeTest:
    """What the curves of a test say that learned."""
    lrs = bare.lrs
    picks = [valley(lrs, shape.curve) for shape in learned]
    pick, lowest = middle(picks), middle([lrs[shape.lowest] for shape in learned])
    assert pick is not None
    assert lowest is not None
    rules = {name: lr for name in _COMPARED if (lr := middle_of(bare, name)) is not None}
    spread = (interval(lambda losses: _pick(lrs, losses), bare.losses) if bootstrap else None) or (pick, pick)
    likely = (min(pick, spread[0], *rules.values()), max(pick, spread[1], *rules.values()))
    low, high = min(pick / _BELOW, likely[0]), max(max(lowest, pick) * _ABOVE, likely[1])
    reasons = doubts(Evidence(row=row, lrs=lrs, shapes=shapes, picks=picks, pick=pick, rules=rules))
    if reasons:
        low, high = min(low, lrs[0], row.lr.low), max(high, lrs[-1], row.lr.high)
    return replace(bare, initial_lr=pick, low=low, high=high, interval=likely, trusted=not reasons, reasons=reasons)


def _pick(lrs: Sequence[float], losses: Sequence[float]) -> float | None:
    shape = shape_of(losses, len(lrs))
    return None if shape is None or not shape.learned else valley(lrs, shape.curve)
