"""How many trials each worker trains at once, and how: from what was asked for and what a few steps have shown."""

from collections.abc import Mapping
from dataclasses import replace

from sweeps.lanerecords import LanePlan, LaneProbe, Rehearsal
from sweeps.spec import LanesSpec, SweepSpec

_GENERATIONS = 8
"""How often the lanes of a sweep are filled: a sweep that fills them all at once learns nothing on its way."""
AT_ONCE = 32
"""Lanes that train at once where no search waits for them: more are hardly quicker on a CPU."""
_GAIN = 0.9
"""Steps must be this much quicker to be worth it, measuring being noisy."""
_COMPILE_SECONDS, _PER_PARAMETER = 15.0, 1.5
"""What compiling takes at first, and for each parameter tensor of the model; from torch's own cache it takes less."""
_COMPILED = 2 / 3
"""The time of a compiled step over that of an eager one, expected."""
_PROBED = 10
"""Lanes that the probe of one optimizer trains in its first round, about."""
_KEPT = 0.5
"""The share of all steps that a sweep makes whose pruner ends trials early, expected."""


def lanes_asked(spec: SweepSpec) -> LanesSpec:
    """The lanes that a spec asks for; one of range tests alone, which no search waits for, has all of them at once."""
    if spec.trials or spec.lanes.count is not None or spec.range_test is None:
        return spec.lanes
    each = max(spec.range_test.seeds, _PROBED if spec.range_test.probe else 0)
    return replace(spec.lanes, count=-(-len(spec.optimizers) * each // spec.workers.count))


def lane_plan(asked: LanesSpec, *, workers: int, trials: int, probe: LaneProbe | None) -> LanePlan:
    """The plan of a sweep of so many trials.

    >>> probe = LaneProbe(most=64, alone=1.0, stacked={16: 0.4})
    >>> plan = lane_plan(LanesSpec(), workers=2, trials=256, probe=probe)
    >>> plan.count, plan.fused, plan.reason
    (16, True, 'stacked, a step takes 0.4 times as long as alone')
    """
    turns, reach = asked.count or 1, _reach(asked, workers, trials)
    if asked.mode == "looped" or probe is None:
        return LanePlan(count=turns, reason="asked for" if asked.count else "", reach=turns)
    fitting = min(reach, probe.most)
    count = quickest(probe.stacked, fitting)
    fused, compiled, reason = _verdict(asked, count, probe)
    if not fused:
        return LanePlan(count=turns, reason=reason, reach=reach)
    most = count if asked.count or compiled or count < fitting else min(AT_ONCE, probe.most)
    return LanePlan(count=count, fused=True, reason=reason, reach=reach, compiled=compiled, most=most)


def _reach(asked: LanesSpec, workers: int, trials: int) -> int:
    """How many lanes a worker the search can bear."""
    return asked.count or max(1, trials // (workers * _GENERATIONS))


def worth_it(seconds: float, instead_of: float) -> bool:
    """True if a way to train is clearly quicker than another, by seconds a step."""
    return seconds <= _GAIN * instead_of


def quickest(stacked: Mapping[int, float], count: int) -> int:
    """So many lanes, or fewer if a step of one is clearly quicker among them: those of a large model crowd each other.

    >>> quickest({32: 1.1, 8: 0.7}, 32), quickest({32: 0.72, 8: 0.7}, 32)
    (8, 32)
    """
    measured = {lanes: seconds for lanes, seconds in stacked.items() if lanes <= count}
    if not measured:
        return count
    fewer = min(measured, key=measured.__getitem__)
    return fewer if worth_it(measured[fewer], measured[max(measured)]) else count


def _verdict(asked: LanesSpec, count: int, probe: LaneProbe) -> tuple[bool, bool, str]:
    """Whether to stack so many lanes, whether to compile them, and why."""
    if probe.refused is not None:
        return False, False, f"lanes take turns: {probe.refused}"
    eager = _seconds(probe, count, compiled=False)
    quicker = probe.compiled is not None and eager is not None and worth_it(probe.compiled, eager)
    compiled = asked.compile == "on" or quicker
    if asked.mode == "fused":
        return True, compiled, "asked for"
    if (seconds := _seconds(probe, count, compiled=compiled)) is None:
        return False, False, f"too few lanes to gain anything by stacking: {count}"
    how = "stacked and compiled" if compiled and probe.compiled is not None else "stacked"
    said = f"{how}, a step takes {seconds / probe.alone:.2g} times as long as alone"
    if not worth_it(seconds, probe.alone):
        return False, False, f"lanes take turns: {said}"
    return True, compiled, said


def _seconds(probe: LaneProbe, count: int, *, compiled: bool) -> float | None:
    """What a step of one lane takes among so many, as far as that was measured."""
    if compiled and probe.compiled is not None:
        return probe.compiled
    measured = [lanes for lanes in probe.stacked if lanes <= count]
    return probe.stacked[max(measured)] if measured else None


def rehearsal(spec: SweepSpec, *, workers: int, trials: int, steps_per_epoch: int | None) -> Rehearsal | None:
    """What to measure before a sweep of so many trials; None if that can change nothing."""
    asked = lanes_asked(spec)
    if asked.mode == "looped" or asked.count == 1 or trials <= workers:
        return None
    steps = spec.budget.total_steps(steps_per_epoch or 1) * trials / workers
    kept = 1.0 if spec.pruner.name == "none" else _KEPT
    return Rehearsal(
        lanes=_reach(asked, workers, trials),
        exact=asked.count is not None,
        workers=workers,
        steps=round(steps * kept),
        compile=asked.compile,
    )


def pays_to_compile(wanted: Rehearsal, *, parameters: int, alone: float, stacked: float) -> bool:
    """True if a compiled step is asked for, or should save twice the time that compiling takes.

    `parameters` counts the model's tensors; `alone` and `stacked` are seconds of an eager step of one lane.

    >>> hour = Rehearsal(lanes=32, steps=10_000_000)
    >>> [pays_to_compile(hour, parameters=6, alone=3.6e-4, stacked=stacked) for stacked in (2.9e-4, 6e-4)]
    [True, False]
    """
    if wanted.compile != "auto":
        return wanted.compile == "on"
    saved = (min(alone, stacked) - _COMPILED * stacked) * wanted.steps
    return saved > 2 * (_COMPILE_SECONDS + _PER_PARAMETER * parameters)
