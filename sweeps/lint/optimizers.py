"""Optimizers for which a schedule, a range test or an LR says less than it seems to."""

import math
from collections.abc import Iterator

from sweeps.catalogue import is_path, optimizer_row
from sweeps.domains import Domain, Range, contains
from sweeps.finding import Finding, warning
from sweeps.lint.stretches import stretches
from sweeps.lint.subject import Subject, some, span
from sweeps.spec import OptimizerSpec


def lbfgs_by_step(subject: Subject) -> Iterator[Finding]:
    """L-BFGS under an LR that changes from step to step."""
    by_step = [
        scheduler.name
        for where, scheduler in subject.schedulers()
        if next(stretches(subject, where, scheduler.name, scheduler.params)).by_step
    ]
    for where, optimizer in subject.optimizers():
        if optimizer.name == "LBFGS" and by_step:
            yield warning(
                where,
                f"{some(by_step)} will change its LR amid the steps that its estimate of curvature rests on",
                "give it schedulers that go by epochs, in a sweep of its own",
            )


def rprop_schedules(subject: Subject) -> Iterator[Finding]:
    """Rprop with any schedule: its LR is only the size of the first step."""
    moving = [scheduler.name for scheduler in subject.spec.schedulers if scheduler.name != "none"]
    for where, optimizer in subject.optimizers():
        if optimizer.name == "Rprop" and moving:
            yield warning(
                where,
                f"its LR is only the size of its first step: {some(moving)} will change nothing",
                "sweep it with scheduler none alone, in a sweep of its own",
            )


def rprop_range_test(subject: Subject) -> Iterator[Finding]:
    """Rprop's range test: the LR of a later step does nothing."""
    for where, optimizer in subject.optimizers():
        if optimizer.name == "Rprop" and subject.spec.range_test and _is_tested(optimizer):
            yield warning(
                f"{where}.lr",
                "its LR is only the size of its first step: a range test says nothing about it",
                "list its LRs, such as lr: [0.1, 0.01, 0.001]",
            )


def _is_tested(optimizer: OptimizerSpec) -> bool:
    return optimizer.lr is None or isinstance(optimizer.lr, Range)


def adafactor_clamp(subject: Subject) -> Iterator[Finding]:
    """Adafactor above 1/sqrt(step), where it clamps its LR (torch 2.13: rho = min(lr, 1/sqrt(step)))."""
    for where, optimizer in subject.optimizers():
        lr = _lr(subject, optimizer) if optimizer.name == "Adafactor" else None
        if lr is None or subject.steps is None:
            continue
        highest, clamp = span(lr)[1], 1 / math.sqrt(subject.steps)
        if highest > clamp:
            yield warning(
                f"{where}.lr",
                f"may be {highest:.2g}, and Adafactor clamps it at 1/sqrt(step), {clamp:.2g} after all "
                f"{subject.steps} steps: what lies above that makes less and less of a difference",
                f"search up to {clamp:.2g}",
            )


def _lr(subject: Subject, optimizer: OptimizerSpec) -> Domain | None:
    """The LRs that will be tried; None while a range test is to say it."""
    tested = next((Range(low=t.low, high=t.high) for t in subject.tests if t.optimizer == optimizer.name), None)
    unasked = None if subject.spec.range_test else optimizer_row(optimizer.name).lr
    return optimizer.lr or tested or unasked


def cycled_momentum(subject: Subject) -> Iterator[Finding]:
    """Momentum that is to be cycled, with optimizers that have none."""
    without = [
        optimizer.name
        for optimizer in subject.spec.optimizers
        if not is_path(optimizer.name) and not {"momentum", "betas"} & set(optimizer_row(optimizer.name).params)
    ]
    for where, scheduler in subject.schedulers():
        domain = scheduler.params.get("cycle_momentum")
        if domain is not None and contains(domain, True) and without:
            yield warning(
                f"{where}.cycle_momentum",
                f"{', '.join(without)} {'has' if len(without) == 1 else 'have'} no momentum to cycle: it is off there",
                "leave it out: momentum is cycled wherever there is one",
            )
