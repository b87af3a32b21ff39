"""Schedulers made of schedulers: whose argument is whose, how long each part lasts, and which clock they all go by.

Their arguments are flat: `schedulers` names the parts, and part i's own arguments are written `i.argument`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from sweeps.domains import Value
from sweeps.paramnames import params_of
from sweeps.schedulers import WARM_UP, Clock, scheduler_row


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One scheduler inside another, with its own arguments; they may hold parts in turn."""

    name: str
    params: Mapping[str, Value]


def parts(params: Mapping[str, Value]) -> tuple[Part, ...]:
    """The parts that a nested scheduler's arguments name, in their order; none for any other scheduler.

    >>> parts({"schedulers": ("LinearLR", "StepLR"), "milestones": (5,), "1.gamma": 0.5})[1]
    Part(name='StepLR', params={'gamma': 0.5})
    """
    names = params.get("schedulers", ())
    assert isinstance(names, tuple)
    return tuple(Part(name=str(name), params=params_of(params, str(index))) for index, name in enumerate(names))


def clock_of(name: str, params: Mapping[str, Value]) -> Clock:
    """What a scheduler counts: a nested one counts steps for all of its parts if any of them goes by steps.

    >>> clock_of("ChainedScheduler", {"schedulers": ("ConstantLR", "OneCycleLR")})
    'step'

    Raises ValueError for an unknown scheduler, a part's among them.
    """
    clocks = {clock_of(part.name, part.params) for part in parts(params)}
    return "step" if "step" in clocks else scheduler_row(name).clock


def moves_by_step(name: str, params: Mapping[str, Value]) -> bool:
    """True if the LR may change at every step: by a step-wise scheduler, or in a warm-up."""
    return "warmup" in params or clock_of(name, params) == "step"


def without_warm_up(params: Mapping[str, Value]) -> dict[str, Value]:
    """The scheduler's own arguments.

    >>> without_warm_up({"warmup": 3, "T_max": 20})
    {'T_max': 20}
    """
    return {key: value for key, value in params.items() if key not in WARM_UP}


def warm_up_epochs(params: Mapping[str, Value]) -> float:
    """How long the warm-up in front lasts, in epochs; 0 without one."""
    return float(params.get("warmup", 0.0))  # type: ignore[arg-type]


def stretches(name: str, params: Mapping[str, Value], ticks: int) -> tuple[int, ...]:
    """How many ticks each part is made for, [parts]: from milestone to milestone, or all of them side by side.

    >>> stretches("SequentialLR", {"schedulers": ("LinearLR", "StepLR"), "milestones": (5,)}, 20)
    (5, 15)
    >>> stretches("ChainedScheduler", {"schedulers": ("ConstantLR", "StepLR")}, 20)
    (20, 20)

    Raises ValueError for less than two parts in a row, or unless there is one milestone fewer.
    """
    count = len(parts(params))
    if name != "SequentialLR":
        return (ticks,) * count
    milestones = params.get("milestones", ())
    assert isinstance(milestones, tuple)
    if count < 2 or len(milestones) != count - 1:
        raise ValueError(
            f"{name} has {count} schedulers and {len(milestones)} milestones; give at least two schedulers, and one "
            "milestone fewer"
        )
    return tuple(max(1, int(end) - int(start)) for start, end in pairwise((0, *milestones, ticks)))


def why_no_part(outer: str, index: int, inner: str) -> str | None:
    """Why a scheduler cannot be a part of another at this place, and what to do; None where it can.

    >>> why_no_part("ChainedScheduler", 1, "none")
    'none is no scheduler of torch; for a constant LR give ConstantLR with factor 1'
    """
    row = scheduler_row(inner)
    if row.clock == "none":
        return f"{inner} is no scheduler of torch; for a constant LR give ConstantLR with factor 1"
    if row.clock == "metric":
        return f"{inner} waits for a metric, which {outer} does not pass on; use it alone"
    if outer == "SequentialLR" and inner == "SequentialLR":
        return "torch miscounts a SequentialLR inside another; put its schedulers and milestones into the outer one"
    if outer == "SequentialLR" and row.nests and index > 0:
        return f"torch cannot go over to a {inner}, only begin with it; put it first"
    return None


def unasked(name: str, params: Mapping[str, Value], ticks: int) -> dict[str, Value]:
    """What a scheduler and its parts take from a length in ticks of their clock, where `params` do not say.

    >>> unasked("SequentialLR", {"schedulers": ("ConstantLR", "CosineAnnealingLR"), "milestones": (5,)}, 20)
    {'1.T_max': 15}

    Raises ValueError for milestones that do not fit the parts.
    """
    found = {key: rule(ticks) for key, rule in scheduler_row(name).from_budget.items() if key not in params}
    for index, (part, length) in enumerate(zip(parts(params), stretches(name, params, ticks), strict=True)):
        found |= {f"{index}.{key}": value for key, value in unasked(part.name, part.params, length).items()}
    return found
