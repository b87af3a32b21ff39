"""How many trials each worker trains at once, and how: from what was asked for and what a few steps have shown."""

from sweeps.records import LanePlan, LaneProbe
from sweeps.spec import LanesSpec, SweepSpec

_GENERATIONS = 8
"""How often the lanes of a sweep are filled: a sweep that fills them all at once learns nothing on its way."""
_GAIN = 0.9
"""Stacked steps must be this much quicker to be worth it, measuring being noisy."""


def lane_plan(asked: LanesSpec, *, workers: int, trials: int, probe: LaneProbe | None) -> LanePlan:
    """The plan of a sweep of so many trials.

    >>> probe = LaneProbe(most=64, alone=1.0, stacked={4: 0.8, 16: 0.4, 32: 0.3})
    >>> lane_plan(LanesSpec(), workers=2, trials=256, probe=probe)
    LanePlan(count=16, fused=True, reason='stacked, a step takes 0.4 times as long as alone', reach=16)
    """
    turns = asked.count or 1
    if asked.mode == "looped" or probe is None:
        return LanePlan(count=turns, reason="asked for" if asked.count else "", reach=turns)
    reach = asked.count or max(1, trials // (workers * _GENERATIONS))
    count = min(reach, probe.most)
    fused, reason = _verdict(asked, count, probe)
    return LanePlan(count=count if fused else turns, fused=fused, reason=reason, reach=reach)


def _verdict(asked: LanesSpec, count: int, probe: LaneProbe) -> tuple[bool, str]:
    """Whether to stack so many lanes, and why."""
    if probe.refused is not None:
        return False, f"lanes take turns: {probe.refused}"
    if asked.mode == "fused":
        return True, "asked for"
    measured = [lanes for lanes in probe.stacked if lanes <= count]
    if not measured:
        return False, f"too few lanes to gain anything by stacking: {count}"
    ratio = probe.stacked[max(measured)] / probe.alone
    said = f"stacked, a step takes {ratio:.2g} times as long as alone"
    return (True, said) if ratio <= _GAIN else (False, f"lanes take turns: {said}")


def wants_probe(asked: LanesSpec, *, workers: int, trials: int) -> bool:
    """True if measuring can change the plan."""
    return asked.mode != "looped" and asked.count != 1 and trials > workers


def search_window(spec: SweepSpec, plan: LanePlan) -> int:
    """How many of the trials before a proposal it does not know: enough for every lane to have a successor waiting."""
    return spec.sampler.window or 2 * spec.workers.count * plan.reach
