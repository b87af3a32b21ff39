"""The tables of what was measured, as Markdown."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean, median
from typing import TypeVar

from benchmarks.picks.measured import FLOOR, PROBE, Measured
from benchmarks.picks.training import SCHEDULERS

_Key = TypeVar("_Key")


def regrets(rows: Sequence[Measured]) -> Iterable[str]:
    """Regret of every rule, median / 90th percentile / worst, its cost and how far repeats lie apart."""
    yield "| pick | constant LR | cosine | cost, in a text's trainings | in a lane's alone | apart, median / 90th |"
    yield "|---|---|---|---|---|---|"
    for rule, own in _grouped(rows, lambda row: row.rule).items():
        columns = [_three([row.regret for row in own if row.schedule == schedule]) for schedule in SCHEDULERS]
        costs = [f"{fmean(each):.2g} (at most {max(each):.2g})" for each in _costs(own)]
        yield f"| {rule} | {' | '.join((*columns, *costs, _apart(own)))} |"


def by_task(rows: Sequence[Measured]) -> Iterable[str]:
    """The probe's regret and cost on every task, beside what the whole grid comes to under either schedule."""
    yield "| task | constant LR | cosine | the whole grid | cost, in a text's trainings | in a lane's alone |"
    yield "|---|---|---|---|---|---|"
    for task, rules in _grouped(rows, lambda row: row.task).items():
        own, grid = ([row for row in rules if row.rule == rule] for rule in (PROBE, FLOOR))
        columns = [_three([row.regret for row in own if row.schedule == schedule]) for schedule in SCHEDULERS]
        costs = [f"{fmean(each):.2f} (at most {max(each):.2f})" for each in _costs(own)] or ["-", "-"]
        yield f"| {task} | {' | '.join((*columns, _three([row.regret for row in grid]), *costs))} |"


def within(rows: Sequence[Measured], most: float = 3.0) -> str:
    """How many of the probe's picks keep to so many trainings."""
    costs = _costs([row for row in rows if row.rule == PROBE])
    if not costs:
        return "No picks were made."
    text, lane = (f"{fmean(each <= most for each in own):.1%}" for own in costs)
    return (
        f"Of the probe's picks {text} cost at most {most:g} trainings of a text's loop, the range test included, and "
        f"{lane} at most {most:g} of a lane alone."
    )


def _costs(rows: Sequence[Measured]) -> list[tuple[float, ...]]:
    """The costs in a text's trainings and in those of a lane alone, [2][rows]."""
    return list(zip(*(row.cost for row in rows), strict=True))


def calibration(rows: Sequence[Measured]) -> str:
    """How often the probe is trusted, and what its interval then holds."""
    own = [row for row in rows if row.rule == PROBE]
    trusted = [row for row in own if row.trusted]
    if not trusted:
        return f"Of {len(own)} picks none was trusted."
    return (
        f"Of {len(own)} picks {len(trusted)} were trusted; of these, {fmean(row.holds_band for row in trusted):.1%} of "
        f"the intervals hold the oracle's whole band and {fmean(row.holds_best for row in trusted):.1%} its best LR; "
        f"they span a factor of {median(row.width for row in trusted):.0f} (median)."
    )


def worst(rows: Sequence[Measured], most: int = 10) -> Iterable[str]:
    """The probe's worst picks."""
    own = sorted((row for row in rows if row.rule == PROBE), key=lambda row: -row.regret)
    for row in own[:most]:
        yield f"- {row.task}, {row.optimizer}, {row.schedule}, repeat {row.repeat}: {row.regret:.3f} at {row.lr:.3g}"


def _three(values: Sequence[float]) -> str:
    if not values:
        return "-"
    ordered = sorted(values)
    ninetieth = ordered[min(len(ordered) - 1, math.ceil(0.9 * len(ordered)) - 1)]
    return f"{median(values):.3f} / {ninetieth:.3f} / {max(values):.2f}"


def _apart(rows: Sequence[Measured]) -> str:
    cells = _grouped(rows, lambda row: (row.task, row.optimizer, row.schedule)).values()
    known = [[row.lr for row in cell if row.lr is not None] for cell in cells if len(cell) > 1]
    factors = sorted(max(lrs) / min(lrs) for lrs in known if lrs)
    return f"{median(factors):.1f} / {factors[int(0.9 * (len(factors) - 1))]:.1f}" if factors else "-"


def _grouped(rows: Iterable[Measured], key: Callable[[Measured], _Key]) -> dict[_Key, list[Measured]]:
    groups: dict[_Key, list[Measured]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups
