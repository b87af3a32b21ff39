"""The tables of what was measured, as Markdown."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean, median
from typing import TypeVar

from benchmarks.picks.measured import PROBE, Measured
from benchmarks.picks.training import SCHEDULERS

_Key = TypeVar("_Key")


def regrets(rows: Sequence[Measured]) -> Iterable[str]:
    """Regret of every rule, median / 90th percentile / worst, its cost and how far repeats lie apart."""
    yield "| pick | constant LR | cosine | cost, in a text's trainings | in a lane's alone | apart, median / 90th |"
    yield "|---|---|---|---|---|---|"
    for rule, own in _grouped(rows, lambda row: row.rule).items():
        columns = [_three([row.regret for row in own if row.schedule == schedule]) for schedule in SCHEDULERS]
        costs = [
            f"{fmean(each):.2g} (at most {max(each):.2g})" for each in zip(*(row.cost for row in own), strict=True)
        ]
        yield f"| {rule} | {' | '.join((*columns, *costs, _apart(own)))} |"


def by_task(rows: Sequence[Measured]) -> Iterable[str]:
    """The probe's regret and cost on every task."""
    yield "| task | constant LR | cosine | cost, in a text's trainings | in a lane's alone |"
    yield "|---|---|---|---|---|"
    for task, own in _grouped([row for row in rows if row.rule == PROBE], lambda row: row.task).items():
        columns = [_three([row.regret for row in own if row.schedule == schedule]) for schedule in SCHEDULERS]
        costs = [f"{fmean(each):.2f}" for each in zip(*(row.cost for row in own), strict=True)]
        yield f"| {task} | {' | '.join((*columns, *costs))} |"


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
