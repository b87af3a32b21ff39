"""Range tests whose suggestion lies where they stopped looking."""

from collections.abc import Iterator

from sweeps.edges import edge
from sweeps.finding import Finding, warning
from sweeps.lint.subject import Subject


def range_test_at_edge(subject: Subject) -> Iterator[Finding]:
    """A range test that suggests an LR at an end of its ramp."""
    tests = {test.optimizer: test for test in subject.tests if test.trusted or test.interval is not None}
    for where, optimizer in subject.optimizers():
        if (test := tests.get(optimizer.name)) is None:
            continue
        low, high = test.lrs[0], test.lrs[-1]
        end = edge(test.initial_lr, low, high)
        if end is not None:
            wider = (low, high * 10) if end == "upper" else (low / 10, high)
            yield warning(
                f"{where}.lr",
                f"its range test suggests {test.initial_lr:.2g}, at the {end} end of its ramp, {low:.2g} to {high:.2g}",
                f"widen it: lr: {{low: {wider[0]:.2g}, high: {wider[1]:.2g}}}",
            )
