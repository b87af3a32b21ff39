"""Range tests in a terminal: the answer, what every rule says, and the curve that all of it was read off."""

import math
from collections.abc import Mapping, Sequence

from rich.table import Table

from service.cli.output import results
from service.cli.terminalplot import line_plot
from sweeps.medians import median_curve
from sweeps.records import RangeTest
from sweeps.rules import RULES, RuleReading, apply_rules

_EXPLODED = 1.5
"""What exceeds so many times the first loss is not drawn: it would press the rest into a flat line."""
_MEANING, _COLUMN = 50, 31
"""Columns of the terminal that the rules and their meanings take, and those of an optimizer."""
_WIDEST = 100
"""Columns of a plot."""


def print_range_tests(tests: Sequence[RangeTest], group: str | None) -> None:
    """Prints the answer for every optimizer, then all rules side by side, then the curves."""
    console = results()
    for test in tests:
        console.print(answer(test, group), markup=False, soft_wrap=True)
    print_rules({test.optimizer: apply_rules(test) for test in tests})
    for test in tests:
        print(curve_plot(test, min(console.width, _WIDEST)))


def answer(test: RangeTest, group: str | None) -> str:
    """What to start an optimizer, or one parameter group of it, with, and whether to believe it."""
    name = test.optimizer if group is None else f"{test.optimizer}, group {group}"
    if not test.trusted:
        doubts = "".join(f"\n  {reason}" for reason in test.reasons)
        return f"{name}: not to be trusted; {test.initial_lr:.2e} is no more than a guess, because{doubts}"
    span = "" if test.interval is None else f", anything from {test.interval[0]:.1e} to {test.interval[1]:.1e} may do"
    return f"{name}: start at {test.initial_lr:.2e}{span} (trusted)"


def print_rules(readings: Mapping[str, Mapping[str, RuleReading]]) -> None:
    """Prints what rules read off the range test of each optimizer, in as many tables as it takes to fit the width."""
    console = results()
    optimizers = list(readings)
    at_once = max(1, (console.width - _MEANING) // _COLUMN)
    for start in range(0, len(optimizers), at_once):
        console.print(rules_table({name: readings[name] for name in optimizers[start : start + at_once]}))


def rules_table(readings: Mapping[str, Mapping[str, RuleReading]]) -> Table:
    """A row per rule, a column per optimizer: what the rule reads off its range test, and the interval of that."""
    rules = list(dict.fromkeys(rule for of_test in readings.values() for rule in of_test))
    table = Table("rule", title="What each rule reads off the same curves, median over the seeds (90 % interval)")
    for optimizer in readings:
        table.add_column(optimizer, no_wrap=True)
    table.add_column("meaning")
    for rule in rules:
        cells = (_cell(of_test[rule]) for of_test in readings.values())
        table.add_row(rule, *cells, f"{RULES[rule].meaning} ({RULES[rule].tool})")
    return table


def _cell(reading: RuleReading) -> str:
    if reading.lr is None:
        return "-"
    low, high = reading.interval or (reading.lr, reading.lr)
    return f"{reading.lr:.1e} ({low:.1e} to {high:.1e})"


def curve_plot(test: RangeTest, width: int) -> str:
    """The median training loss over the LR, as far as it has not exploded."""
    curve = median_curve(test.losses)
    limit = _EXPLODED * abs(curve[0]) if curve else math.inf
    kept = [(lr, loss) for lr, loss in zip(test.lrs, curve, strict=False) if loss <= limit]
    line = (test.optimizer, [lr for lr, _ in kept], [loss for _, loss in kept])
    title = f"{test.optimizer}: training loss over the LR, median of {len(test.seeds)} seeds"
    return f"{title}\n{line_plot([line], x_label='LR', y_label='loss', width=width, log_x=True)}"
