"""The rules, and what they find in a spec."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from sweeps.finding import Finding
from sweeps.lint import bounds, cycles, leftout, lengths, optimizers, rungs, trials
from sweeps.lint.subject import Subject
from sweeps.records import RangeTest
from sweeps.spec import SweepSpec


def pairs_that_cannot_work(subject: Subject) -> Iterator[Finding]:
    """Pairs that are left out from the start."""
    found = leftout.cannot_work(subject.spec)
    yield from (each.finding for each in found)
    yield from leftout.starts_left_out(subject.spec, {pair for each in found for pair in each.pairs})


RULES: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    pairs_that_cannot_work,
    optimizers.lbfgs_by_step,
    optimizers.rprop_schedules,
    optimizers.rprop_range_test,
    optimizers.adafactor_clamp,
    optimizers.cycled_momentum,
    cycles.searched_momentum,
    cycles.warmup_before_cycle,
    lengths.lengths,
    lengths.total_steps,
    lengths.plateau,
    lengths.warmup_fits,
    rungs.judged_while_warming_up,
    rungs.judged_in_high_half,
    rungs.judged_before_first_milestone,
    trials.pairs_without_a_turn,
    trials.repeated_trials,
    bounds.range_test_at_edge,
)


def lint(spec: SweepSpec, *, steps_per_epoch: int | None = None, tests: Sequence[RangeTest] = ()) -> list[Finding]:
    """All findings in a spec. Those that need to know the task's steps per epoch, or its range tests, wait for them."""
    subject = Subject(spec=spec, steps_per_epoch=steps_per_epoch, tests=tests)
    return [replace(finding, rule=rule.__name__.replace("_", "-")) for rule in RULES for finding in rule(subject)]


def news(before: Sequence[Finding], now: Sequence[Finding]) -> list[Finding]:
    """The findings that were not there before; one that only words it anew is none."""
    said = {(each.rule, each.severity, each.where) for each in before}
    return [each for each in now if (each.rule, each.severity, each.where) not in said]
