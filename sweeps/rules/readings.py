"""All rules applied to the curves of a range test, at any time after it: nothing is trained again."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median_high, median_low

from sweeps.records import RangeTest
from sweeps.rules.bootstrap import interval
from sweeps.rules.table import RULES, Rule

_ACCURACIES = ("accuracy", "acc")
"""The last part of a metric's name that says that it is an accuracy: `val/accuracy`."""

Read = Callable[[Sequence[float]], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleReading:
    """What one rule reads off a range test.

    `lr` is the geometric median over the seeds that gave one, None if none did; `seeds` holds each seed's own, [seeds].
    `interval` is the 90 % bootstrap interval of the median, and holds it. `read_from` names the series: `train/loss`,
    or the accuracy.
    """

    rule: str
    lr: float | None
    interval: tuple[float, float] | None
    seeds: tuple[float | None, ...]
    read_from: str


def apply_rules(test: RangeTest) -> Mapping[str, RuleReading]:
    """What every rule reads off a range test, by the rule's name. The same test gives the same readings."""
    return {name: apply_rule(test, name) for name in RULES}


def apply_rule(test: RangeTest, name: str) -> RuleReading:
    """What one rule reads off a range test. Raises KeyError for a name that RULES does not have."""
    read_from, read, curves = _read_with(test, RULES[name])
    seeds = tuple(read(curve) for curve in curves)
    lr, spread = middle([lr for lr in seeds if lr is not None]), interval(read, curves)
    return RuleReading(
        rule=name,
        lr=lr,
        interval=None if lr is None or spread is None else (min(lr, spread[0]), max(lr, spread[1])),
        seeds=seeds,
        read_from=read_from,
    )


def middle_of(test: RangeTest, name: str) -> float | None:
    """A reading's `lr` alone, which is quicker to have."""
    _, read, curves = _read_with(test, RULES[name])
    return middle([lr for curve in curves if (lr := read(curve)) is not None])


def _read_with(test: RangeTest, rule: Rule) -> tuple[str, Read, Sequence[Sequence[float]]]:
    """The series that a rule reads, how it reads one seed's, and those of all seeds."""
    watched = next((name for name in test.metrics if name.rpartition("/")[2] in _ACCURACIES), None)
    if rule.from_accuracy is None or watched is None or not any(test.metrics[watched]):
        return "train/loss", partial(rule.read, test.lrs), test.losses
    lrs = [test.lrs[step - 1] for step in test.metric_steps]
    return watched, partial(rule.from_accuracy, lrs), test.metrics[watched]


def middle(lrs: Sequence[float]) -> float | None:
    """The median of LRs on a logarithmic scale; None of none.

    >>> middle([0.01, 100.0, 4.0]), middle([0.5, 2.0]), middle([])
    (4.0, 1.0, None)
    """
    if not lrs:
        return None
    return math.sqrt(median_low(lrs) * median_high(lrs)) if len(lrs) % 2 == 0 else median_low(lrs)
