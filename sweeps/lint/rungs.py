"""Rungs at which a trial is judged by an LR that is not yet, or just not, the one that its schedule is about."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sweeps.domains import Choice, Domain, Fixed, Range
from sweeps.finding import Finding, warning
from sweeps.lint.stretches import Stretch, stretches
from sweeps.lint.subject import Subject, span
from sweeps.pruning import rungs
from sweeps.spec import PrunerSpec, SchedulerSpec

_FINE = 1000
"""Steps an epoch that are assumed while the task is unknown, for schedules that say nothing in steps."""
_IN_STEPS = frozenset(
    {"total_steps", "step_size_up", "step_size_down", "milestones", "total_iters", "T_0", "step_size"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clocked:
    """A scheduler of the spec, with its parts, on a task with so many steps an epoch."""

    where: str
    spec: SchedulerSpec
    stretches: tuple[Stretch, ...]
    steps_per_epoch: int

    def epochs(self, ticks: float) -> float:
        """Ticks of its clock in epochs."""
        return ticks / self.steps_per_epoch if self.stretches[0].by_step else ticks

    def last_tick(self, epoch: int) -> int:
        """The tick that ends an epoch, which counts from 1."""
        return (epoch * self.steps_per_epoch if self.stretches[0].by_step else epoch) - 1


def judged_while_warming_up(subject: Subject) -> Iterator[Finding]:
    """The first rung inside a warm-up, or inside the rise that a scheduler begins with."""
    for scheduler in _clocked(subject):
        if what := _warming_up(scheduler, subject.spec.pruner, subject.epochs or 0):
            yield warning(scheduler.where, what, _mend(subject))


def judged_in_high_half(subject: Subject) -> Iterator[Finding]:
    """A rung in the high half of a cycle, where a trial looks worse than one whose LR is low by then."""
    for scheduler in _clocked(subject):
        if what := _high_half(scheduler, subject.spec.pruner, subject.epochs or 0):
            yield warning(scheduler.where, what, _mend(subject))


def judged_before_first_milestone(subject: Subject) -> Iterator[Finding]:
    """The first rung before a given first milestone, where several schedulers are compared.

    Unasked, milestones follow the budget: that says no more about rungs than the constant LR beside them does.
    """
    for scheduler in _clocked(subject):
        if what := _before_milestone(subject, scheduler, subject.spec.pruner):
            yield warning(scheduler.where, what, _mend(subject))


def _clocked(subject: Subject) -> Iterator[_Clocked]:
    if subject.epochs is None:
        return
    steps_per_epoch = subject.steps_per_epoch or _FINE
    known = replace(subject, steps_per_epoch=steps_per_epoch)
    for where, spec in subject.schedulers():
        found = tuple(stretches(known, where, spec.name, spec.params))
        in_steps = found[0].by_step and any(key.rpartition(".")[2] in _IN_STEPS for key in spec.params)
        if subject.steps_per_epoch or not in_steps:
            yield _Clocked(where=where, spec=spec, stretches=found, steps_per_epoch=steps_per_epoch)


def _warming_up(scheduler: _Clocked, pruner: PrunerSpec, epochs: int) -> str:
    warmup = scheduler.spec.params.get("warmup")
    delay = span(warmup)[1] if warmup else 0.0
    whole, *parts = scheduler.stretches
    begin_with_it = [part for part in parts if part.start is not None and part.start == whole.start]
    rise = max(map(_rise, (whole, *begin_with_it)))
    until = delay + scheduler.epochs(rise)
    first = next(iter(rungs(pruner, epochs)), None)
    if not until or first is None or first > until:
        return ""
    return f"its LR rises until epoch {until:.3g}, and trials are judged after epoch {first} already"


def _rise(stretch: Stretch) -> float:
    """Ticks in which it comes up to the initial LR."""
    match stretch.name:
        case "LinearLR" if _low(stretch, "start_factor") < _high(stretch, "end_factor"):
            rise = _high(stretch, "total_iters")
        case "ConstantLR" if _low(stretch, "factor") < 1:
            rise = _high(stretch, "total_iters")
        case "OneCycleLR":
            rise = _high(stretch, "pct_start") * _high(stretch, "total_steps") - 1
        case _:
            rise = 0.0
    return rise if stretch.length is None else min(rise, stretch.length)


def _low(stretch: Stretch, argument: str) -> float:
    domain = stretch.taken(argument)
    return span(domain)[0] if domain else 0.0


def _high(stretch: Stretch, argument: str) -> float:
    domain = stretch.taken(argument)
    return span(domain)[1] if domain else 0.0


def _high_half(scheduler: _Clocked, pruner: PrunerSpec, epochs: int) -> str:
    for rung, stretch in itertools.product(rungs(pruner, epochs), scheduler.stretches):
        if stretch.start is None or stretch.length is None:
            continue
        tick = scheduler.last_tick(rung) - stretch.start
        if 0 <= tick < stretch.length and _is_high(stretch, tick):
            return f"epoch {rung}, after which trials are judged, lies in the high half of a cycle"
    return ""


def _is_high(stretch: Stretch, tick: int) -> bool:
    match stretch.name:
        case "CosineAnnealingWarmRestarts":
            lengths = itertools.product(_samples(stretch.taken("T_0")), _samples(stretch.taken("T_mult")))
            return any(_restarted_lately(tick, int(first), int(growth)) for first, growth in lengths)
        case "CyclicLR":
            ups = [int(up) for up in _samples(stretch.taken("step_size_up"))]
            downs = [int(down) for down in _samples(stretch.taken("step_size_down"))]
            return any(_near_peak(tick, up, down) for up in ups for down in downs or [up])
        case _:
            return False


def _restarted_lately(tick: int, first: int, growth: int) -> bool:
    """True in the first half of a cosine after its first restart: until then every schedule is high."""
    start, length = 0, first
    if growth == 1:
        start = tick // first * first
    while growth > 1 and tick >= start + length:
        start, length = start + length, length * growth
    return start > 0 and 2 * (tick - start) < length > 1


def _near_peak(tick: int, up: int, down: int) -> bool:
    place = tick % (up + down)
    return place / up > 0.5 if place <= up else (place - up) / down < 0.5


def _samples(domain: Domain | None) -> tuple[float, ...]:
    """Values to try a domain by: all of a list, the ends of a range."""
    match domain:
        case Range(low=low, high=high):
            return low, high
        case Choice(values=values):
            return tuple(value for value in values if isinstance(value, int | float))
        case Fixed(value=int() | float() as value):
            return (value,)
        case _:
            return ()


def _before_milestone(subject: Subject, scheduler: _Clocked, pruner: PrunerSpec) -> str:
    whole, epochs = scheduler.stretches[0], subject.epochs or 0
    change = _first_change(whole)
    first = next(iter(rungs(pruner, epochs)), None)
    if change is None or first is None or whole.start is None or len(subject.spec.schedulers) == 1:
        return ""
    change += whole.start
    if not first < change < epochs:
        return ""
    return (
        f"its LR first changes after epoch {change}, and trials are judged against others after epoch {first} already"
    )


def _first_change(whole: Stretch) -> int | None:
    """The latest epoch at which the LR may first change, where the user says so."""
    match whole.name:
        case "StepLR" if "step_size" in whole.domains:
            return int(span(whole.domains["step_size"])[1])
        case "MultiStepLR" if "milestones" in whole.domains:
            domain = whole.domains["milestones"]
            values = (
                domain.values if isinstance(domain, Choice) else (domain.value,) if isinstance(domain, Fixed) else ()
            )
            return max((int(value[0]) for value in values if isinstance(value, tuple)), default=None)
        case _:
            return None


def _mend(subject: Subject) -> str:
    """The least first rung at which no rule of this file has anything to say."""
    pruner, epochs = subject.spec.pruner, subject.epochs or 0
    schedulers = list(_clocked(subject))
    for first_rung in range(pruner.first_rung + 1, epochs):
        tried = replace(pruner, first_rung=first_rung)
        if not any(
            _warming_up(each, tried, epochs)
            or _high_half(each, tried, epochs)
            or _before_milestone(subject, each, tried)
            for each in schedulers
        ):
            return f"write pruner: {{name: {pruner.name}, first_rung: {first_rung}}}, or pruner: none"
    return "write pruner: none"
