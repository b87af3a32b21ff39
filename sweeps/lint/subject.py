"""What the rules look at: a spec with what is known of its task by now, and its values in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sweeps.domains import Domain, Fixed, Range, Value, values_of
from sweeps.records import RangeTest
from sweeps.spec import OptimizerSpec, SchedulerSpec, SweepSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A spec; how many steps its task has in an epoch and what its range tests found, once that is known."""

    spec: SweepSpec
    steps_per_epoch: int | None = None
    tests: Sequence[RangeTest] = ()

    @property
    def epochs(self) -> int | None:
        """The budget in epochs; None while that is not known."""
        if self.spec.budget.epochs is not None or self.steps_per_epoch is None:
            return self.spec.budget.epochs
        return self.spec.budget.total_epochs(self.steps_per_epoch)

    @property
    def steps(self) -> int | None:
        """The budget in optimizer steps; None while that is not known."""
        if self.spec.budget.steps is not None or self.steps_per_epoch is None:
            return self.spec.budget.steps
        return self.spec.budget.total_steps(self.steps_per_epoch)

    def optimizers(self) -> Iterator[tuple[str, OptimizerSpec]]:
        """Every optimizer with its place."""
        for index, optimizer in enumerate(self.spec.optimizers):
            yield f"optimizers[{index}].{optimizer.name}", optimizer

    def schedulers(self) -> Iterator[tuple[str, SchedulerSpec]]:
        """Every scheduler with its place."""
        for index, scheduler in enumerate(self.spec.schedulers):
            yield f"schedulers[{index}].{scheduler.name}", scheduler


def span(domain: Domain) -> tuple[float, float]:
    """The least and the greatest number that may come; of a list of numbers its last one counts.

    >>> span(Fixed(value=(5, 10)))
    (10, 10)
    """
    if isinstance(domain, Range):
        return domain.low, domain.high
    numbers = [_last(value) for value in values_of(domain)]
    return min(numbers), max(numbers)


def _last(value: Value) -> float:
    last = value[-1] if isinstance(value, tuple) else value
    assert isinstance(last, int | float)
    return last


def may_be(domain: Domain, value: float) -> str:
    """That an argument has this value, or may have it where it is searched.

    >>> may_be(Fixed(value=5), 5), may_be(Range(low=5, high=9, integer=True), 9)
    ('is 5', 'may be 9')
    """
    return f"{'is' if isinstance(domain, Fixed) else 'may be'} {value:.4g}"


def some(names: Sequence[str], most: int = 3) -> str:
    """The names in a sentence, the first few of many.

    >>> some(["StepLR", "CyclicLR"]), some(["StepLR", "CyclicLR", "SWALR", "LambdaLR", "LinearLR"])
    ('StepLR, CyclicLR', 'StepLR, CyclicLR, SWALR and 2 more')
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
