"""Schedulers and the stretches of the budget in which they act: after a warm-up, between two milestones."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from sweeps.domains import Domain, Domains, Fixed
from sweeps.lint.subject import Subject
from sweeps.nesting import clock_of
from sweeps.paramnames import params_of
from sweeps.schedulers import SCHEDULERS, WARM_UP, SchedulerRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A scheduler, or a part of a nested one, and when it acts, in ticks of its clock."""

    name: str
    where: str
    domains: Domains
    by_step: bool
    """Ticks are optimizer steps; else they are epochs."""
    start: int | None
    """Ticks of the trial before it begins; None while that is not known."""
    length: int | None
    """Ticks that it has; None while that is not known."""

    @property
    def row(self) -> SchedulerRow:
        """Its row in the catalogue."""
        return SCHEDULERS[self.name]

    @property
    def unit(self) -> str:
        """The word for its ticks."""
        return "steps" if self.by_step else "epochs"

    def given(self, argument: str) -> Domain | None:
        """What the user gave, or torch's default; None for what follows from the budget."""
        if argument in self.domains:
            return self.domains[argument]
        default = self.row.params[argument].default
        follows = argument in self.row.from_budget or argument in self.row.from_steps
        return None if follows or default is None else Fixed(value=default)

    def taken(self, argument: str) -> Domain | None:
        """What the user gave, or torch's default, or what follows from its length; None while that is not known."""
        rule = self.row.from_steps.get(argument) or self.row.from_budget.get(argument)
        if argument in self.domains or rule is None:
            return self.given(argument)
        return None if self.length is None else Fixed(value=rule(self.length))


def stretches(subject: Subject, where: str, name: str, domains: Domains) -> Iterator[Stretch]:
    """A scheduler of the spec, then its parts, and theirs, if it is a nested one."""
    fixed = {key: domain.value for key, domain in domains.items() if isinstance(domain, Fixed)}
    by_step = clock_of(name, fixed) == "step"
    ticks = subject.steps if by_step else subject.epochs
    start = _warmup(subject, domains, by_step)
    length = None if ticks is None or start is None else max(0, ticks - start)
    own = {key: domain for key, domain in domains.items() if key not in WARM_UP}
    yield from _nested(Stretch(name=name, where=where, domains=own, by_step=by_step, start=start, length=length))


def _warmup(subject: Subject, domains: Domains, by_step: bool) -> int | None:
    match domains.get("warmup"):
        case None:
            return 0
        case Fixed(value=epochs) if isinstance(epochs, int | float):
            if not by_step:
                return math.floor(epochs)
            return None if subject.steps_per_epoch is None else round(epochs * subject.steps_per_epoch)
        case _:
            return None


def _parts(domains: Domains) -> tuple[str, ...]:
    match domains.get("schedulers"):
        case Fixed(value=tuple() as names):
            return tuple(str(name) for name in names)
        case _:
            return ()


def _nested(whole: Stretch) -> Iterator[Stretch]:
    yield whole
    parts = _parts(whole.domains)
    bounds = _milestones(whole, len(parts))
    for index, (part, (start, end)) in enumerate(zip(parts, bounds, strict=True)):
        yield from _nested(
            Stretch(
                name=part,
                where=f"{whole.where}.schedulers[{index}].{part}",
                domains=params_of(whole.domains, str(index)),
                by_step=whole.by_step,
                start=None if start is None or whole.start is None else whole.start + start,
                length=None if start is None or end is None else max(0, end - start),
            )
        )


def _milestones(whole: Stretch, count: int) -> list[tuple[int | None, int | None]]:
    """When each part begins and ends, counted from the whole's start; without milestones all last as long as it."""
    match whole.domains.get("milestones"):
        case None:
            return [(0, whole.length)] * count
        case Fixed(value=tuple() as milestones) if len(milestones) == count - 1:
            return list(pairwise([0, *(int(each) for each in milestones), whole.length]))
        case _:
            return [(None, None)] * count
