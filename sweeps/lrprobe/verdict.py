"""What a probe concludes: the LR, the interval that it lies in, and whether to trust either."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sweeps.lrprobe.evidence import Evidence
from sweeps.records import Probed

_LEVEL = 0.02
"""Share of the improvement within which LRs count as just as good: the pick is the middle of them."""
_CLOSE = 0.06
"""Share of the improvement within which an LR may be as good as the best on other seeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A recommended LR with the interval that holds the best one, and the lanes that speak for it.

    `trusted` is False with `reasons` where they do not say enough; `initial_lr` is then the best guess.
    """

    initial_lr: float
    interval: tuple[float, float]
    trusted: bool
    reasons: tuple[str, ...]
    probe: tuple[Probed, ...]


def conclude(evidence: Evidence, *, epochs: int, seeds: int, step: float) -> Verdict:
    """The verdict on lanes of so many epochs and seeds, over a grid whose LRs lie a factor of `step` apart.

    The pick is the middle, on a log scale, of the LRs next to the best one whose mean over the seeds is as good; the
    interval reaches one grid step beyond those that may be. Raises ValueError if nothing was trained yet.
    """
    lrs = evidence.lrs
    if not lrs:
        raise ValueError("the probe has trained nothing yet: ask() it for lanes, and tell() it what they came to")
    stable = evidence.stable(lrs)
    if not stable:
        return _verdict(evidence, [lrs[0]], [lrs[0]], step, (f"every LR explodes, down to {lrs[0]:.3g}",))
    complete = [lr for lr in stable if evidence.seeds(lr, epochs)]
    if not complete:
        return _verdict(evidence, stable[:1], stable[:1], step, ("no LR was trained to the end without exploding",))
    most = max(evidence.seeds(lr, epochs) for lr in complete)
    finalists = [lr for lr in complete if evidence.seeds(lr, epochs) == most]
    best = min(finalists, key=evidence.last)
    scale = max(0.0, evidence.start() - evidence.last(best))
    gaps = {lr: evidence.gap(lr, best, epochs) for lr in complete}
    level = _around(gaps, best, _LEVEL * scale, step)
    close = _around(gaps, best, _CLOSE * scale, step)
    return _verdict(evidence, level, close, step, tuple(_doubts(evidence, best, most, epochs, seeds)))


def _verdict(
    evidence: Evidence, level: Sequence[float], close: Sequence[float], step: float, reasons: tuple[str, ...]
) -> Verdict:
    return Verdict(
        initial_lr=(level[0] * level[-1]) ** 0.5,
        interval=(close[0] / step, close[-1] * step),
        trusted=not reasons,
        reasons=reasons,
        probe=evidence.lanes,
    )


def _around(gaps: Mapping[float, float], best: float, slack: float, step: float) -> list[float]:
    """The LRs next to the best one, ascending and without a hole, that are at most `slack` worse."""
    found = [best]
    for lr in sorted(lr for lr in gaps if lr > best):
        if gaps[lr] > slack or lr > 1.01 * step * found[-1]:
            break
        found.append(lr)
    for lr in sorted((lr for lr in gaps if lr < best), reverse=True):
        if gaps[lr] > slack or found[0] > 1.01 * step * lr:
            break
        found.insert(0, lr)
    return found


def _doubts(evidence: Evidence, best: float, most: int, epochs: int, seeds: int) -> list[str]:
    lrs = evidence.lrs
    doubts = []
    if most < seeds:
        doubts.append(f"the best LR was trained to the end on {most} of {seeds} seeds: more was not affordable")
    if best == lrs[0]:
        doubts.append(f"the best LR is the lowest that was tried, {best:.3g}: a lower one may be better")
    if best == lrs[-1]:
        doubts.append(f"the best LR is the highest that was tried, {best:.3g}: a higher one may be better")
    gain = evidence.start() - evidence.last(best)
    if gain <= 2 * evidence.spread(best, epochs):
        doubts.append("LRs differ less than seeds do: the curve is flat, or the budget is too short to learn anything")
    return doubts
