"""What OneCycleLR and CyclicLR take over: an optimizer's momentum, and where the LR begins."""

from collections.abc import Iterator

from sweeps.domains import Fixed, contains
from sweeps.finding import Finding, warning
from sweeps.lint.stretches import stretches
from sweeps.lint.subject import Subject, some

_MOMENTA = ("momentum", "one_minus_momentum", "betas", "beta1", "one_minus_beta1")
"""The settings that say what is cycled: momentum, or the first of the betas."""

_BEGINS = {"OneCycleLR": "1/div_factor of it, 1/25 unless given", "CyclicLR": "base_lr, a fourth of it unless given"}


def searched_momentum(subject: Subject) -> Iterator[Finding]:
    """A momentum that is searched, under schedulers that cycle it."""
    cycling = [
        scheduler.name
        for where, scheduler in subject.schedulers()
        if any(
            each.row.cycles_momentum and contains(each.given("cycle_momentum") or Fixed(value=True), True)
            for each in stretches(subject, where, scheduler.name, scheduler.params)
        )
    ]
    if not cycling:
        return
    settings = [(where, optimizer.params) for where, optimizer in subject.optimizers()]
    settings += [(f"groups.{each.group.name}", each.params) for each in subject.spec.groups]
    for where, params in settings:
        for key in _MOMENTA:
            if key in params and not isinstance(params[key], Fixed):
                yield warning(
                    f"{where}.{key}",
                    f"{some(cycling)} will cycle it, whatever it is: what is searched says nothing there",
                    "search it in a sweep of its own, or give cycle_momentum: false there",
                )


def warmup_before_cycle(subject: Subject) -> Iterator[Finding]:
    """A warm-up in front of a cycle, which begins low again."""
    for where, scheduler in subject.schedulers():
        if "warmup" in scheduler.params and scheduler.name in _BEGINS:
            yield warning(
                f"{where}.warmup",
                f"the LR rises to the trial's, and then {scheduler.name} begins at {_BEGINS[scheduler.name]}",
                "leave it out: the cycle has a rise of its own",
            )
