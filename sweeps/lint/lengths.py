"""Schedules that are shorter or longer than the stretch of the budget that they have."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sweeps.domains import Domain, Fixed
from sweeps.finding import Finding, error, warning
from sweeps.lint.stretches import Stretch, stretches
from sweeps.lint.subject import Subject, may_be, span


@dataclass(frozen=True, slots=True, kw_only=True)
class _Length:
    """The argument that says how long a scheduler takes, and what happens if that is not its stretch."""

    argument: str
    longer: str
    shorter: str = ""
    """Nothing to say if it is empty: it then stays where it came to."""
    longest: int = 0
    """The greatest value that does no harm, counted from the stretch: -1 where the LR changes only after so many."""
    shortest: int = 0
    """The least one, likewise."""


_LENGTHS: Mapping[str, _Length] = {
    "StepLR": _Length(argument="step_size", longer="the LR never changes", longest=-1),
    "MultiStepLR": _Length(argument="milestones", longer="its last milestone never happens", longest=-1),
    "CosineAnnealingLR": _Length(
        argument="T_max",
        longer="the LR does not come down to eta_min",
        shorter="after that the LR rises again",
        shortest=-1,
    ),
    "CosineAnnealingWarmRestarts": _Length(argument="T_0", longer="the LR neither comes down to eta_min nor restarts"),
    "ConstantLR": _Length(argument="total_iters", longer="the LR is multiplied by factor throughout", longest=-1),
    "LinearLR": _Length(argument="total_iters", longer="the LR does not come to end_factor"),
    "PolynomialLR": _Length(
        argument="total_iters", longer="the LR does not come down to 0", shorter="after that the LR is 0"
    ),
    "CyclicLR": _Length(argument="step_size_up", longer="the LR never comes to its peak"),
    "SWALR": _Length(argument="anneal_epochs", longer="the LR does not come to swa_lr"),
}


def lengths(subject: Subject) -> Iterator[Finding]:
    """A schedule that lasts longer than the budget, or ends before it and then does harm."""
    for stretch in _all(subject):
        rule = _LENGTHS.get(stretch.name)
        domain = stretch.given(rule.argument) if rule else None
        if rule is None or domain is None or stretch.length is None:
            continue
        place, mend = f"{stretch.where}.{rule.argument}", _mend(stretch, rule.argument, rule.longest)
        least, greatest = span(domain)
        if greatest > stretch.length + rule.longest:
            yield warning(place, f"{may_be(domain, greatest)} {_has(stretch)}: {rule.longer}", mend)
        if rule.shorter and least < stretch.length + rule.shortest:
            yield warning(place, f"{may_be(domain, least)} {_has(stretch)}: {rule.shorter}", mend)


def _all(subject: Subject) -> Iterator[Stretch]:
    """Every scheduler with its parts, those of single groups among them."""
    for where, scheduler in subject.schedulers():
        yield from stretches(subject, where, scheduler.name, scheduler.params)
    for group in (each.group for each in subject.spec.groups):
        if group.scheduler is not None:
            fixed = {key: Fixed(value=value) for key, value in group.scheduler_params.items()}
            where = f"groups.{group.name}.scheduler.{group.scheduler}"
            yield from stretches(subject, where, group.scheduler, fixed)


def _has(stretch: Stretch) -> str:
    return f"{stretch.unit}, and it has {stretch.length}"


def _mend(stretch: Stretch, argument: str, longest: int = 0) -> str:
    follows = argument in stretch.row.from_budget or argument in stretch.row.from_steps
    most = (stretch.length or 0) + longest
    return "leave it out to have it follow the budget" if follows else f"give at most {most}"


def total_steps(subject: Subject) -> Iterator[Finding]:
    """OneCycleLR's total_steps: torch raises on the step after them."""
    for stretch in _all(subject):
        domain: Domain | None = stretch.domains.get("total_steps")
        if domain is None or stretch.length is None:
            continue
        place, mend = f"{stretch.where}.total_steps", _mend(stretch, "total_steps")
        least, greatest = span(domain)
        if least < stretch.length:
            yield error(place, f"{may_be(domain, least)} {_has(stretch)}: torch raises on the next step", mend)
        if greatest > stretch.length:
            yield warning(place, f"{may_be(domain, greatest)} {_has(stretch)}: the cycle is cut short", mend)


def plateau(subject: Subject) -> Iterator[Finding]:
    """A ReduceLROnPlateau whose patience outlasts the budget."""
    for stretch in _all(subject):
        domain = stretch.given("patience") if stretch.name == "ReduceLROnPlateau" else None
        if domain is None or stretch.length is None:
            continue
        # The first epoch is always the best so far, and the LR falls after patience + 1 that are not.
        greatest, most = span(domain)[1], stretch.length - 3
        if greatest > most:
            mend = f"give at most {most}" if most >= 0 else "give a larger budget"
            what = f"{may_be(domain, greatest)} {_has(stretch)}: the LR can never fall"
            yield warning(f"{stretch.where}.patience", what, mend)


def warmup_fits(subject: Subject) -> Iterator[Finding]:
    """A warm-up that takes all of the budget."""
    for where, scheduler in subject.schedulers():
        domain = scheduler.params.get("warmup")
        if domain is None or subject.epochs is None:
            continue
        greatest = span(domain)[1]
        if greatest >= subject.epochs:
            what = f"{may_be(domain, greatest)} epochs, and a trial has {subject.epochs}: the warm-up never ends"
            yield warning(f"{where}.warmup", what, f"give less than {subject.epochs}")
