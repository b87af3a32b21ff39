"""Measures one task: what every rule and the probe pick, and what the picks come to with the oracle's seeds."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch

from benchmarks.picks.oracle import FLOOR_SEEDS, GRID, Oracle, outcomes
from benchmarks.picks.oracle import SEEDS as ORACLE_SEEDS
from benchmarks.picks.ordinary import ordinary
from benchmarks.picks.probing import STEPS, probes, range_tests
from benchmarks.picks.rules import rule_picks
from benchmarks.picks.tasks import TASKS, PickTask
from benchmarks.picks.training import OPTIMIZERS, SCHEDULERS, Finals, job, seconds
from sweeps.lanerecords import LaneProbe
from sweeps.lrprobe import means
from workers.fused.stacking import Stacking
from workers.lane import Lane
from workers.prepared import PreparedTask

PROBE, RANGE_TEST, FLOOR = "lrsweep: probe", "lrsweep: range test, three seeds", "the whole grid at full budget"
SEEDS = 3
_COUNTS = (1, 8)
"""Lanes of each optimizer that are timed."""
_RUNS = 3.0
"""What a pick may cost, in ordinary trainings."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One pick: its regret, what it cost, and for the probe whether it said the truth.

    `cost` is in trainings of a text's loop and in those of a lane alone.
    """

    task: str
    optimizer: str
    schedule: str
    rule: str
    repeat: int
    lr: float | None
    regret: float
    cost: tuple[float, ...]
    trusted: bool = False
    holds_band: bool = False
    holds_best: bool = False
    width: float = 0.0


def measure(name: str, cache: Path, repeats: int, *, rules: int, floor: bool) -> Iterator[Measured]:
    """All picks for one task, with seeds that the oracle has not seen. Costs are CPU seconds of one thread.

    Other tools' rules are measured in the first `rules` repeats. `floor` adds what the whole grid at full budget picks
    with three other seeds: no rule can do better than its noise.
    """
    task = TASKS[name]
    prepared = PreparedTask.of(task, torch.device("cpu"))
    finals = Finals(prepared, cache / f"{name.replace(' ', '-')}.json")
    untrained = _untrained(prepared)
    oracles = {
        (optimizer, schedule): Oracle(
            means=outcomes(finals, optimizer, schedule, task.epochs, GRID), untrained=untrained
        )
        for optimizer in OPTIMIZERS
        for schedule in SCHEDULERS
    }
    lanes = _costs(task, prepared)
    steps = prepared.train.per_epoch * task.epochs
    ramp = (STEPS / steps,) * 2

    def regret(optimizer: str, schedule: str, lr: float | None) -> float:
        if lr is None:
            return 1.0
        return oracles[optimizer, schedule].regret(outcomes(finals, optimizer, schedule, task.epochs, [lr])[0])

    if floor:
        for optimizer, schedule in oracles:
            seen = outcomes(finals, optimizer, schedule, task.epochs, GRID, FLOOR_SEEDS)
            lr = GRID[seen.index(min(seen))]
            yield Measured(
                task=name,
                optimizer=optimizer,
                schedule=schedule,
                rule=FLOOR,
                repeat=0,
                lr=lr,
                regret=regret(optimizer, schedule, lr),
                cost=(SEEDS * len(GRID),) * 2,
            )
    for repeat in range(repeats):
        seeds = [100 + 10 * repeat + number for number in range(SEEDS)]
        ruler = _Ruler(task, prepared)
        stacking = Stacking(prepared)
        tests = range_tests(stacking, seeds, steps)
        tested = ruler.cost()
        spend = means(lanes, epochs=task.epochs, picks=len(OPTIMIZERS), runs=_RUNS - tested[1])
        taken = {RANGE_TEST: {each: test.initial_lr for each, test in tests.items()}}
        if repeat < rules:
            taken |= rule_picks(prepared, seeds[0])
        for schedule in SCHEDULERS:
            ruler.start()
            verdicts = probes(stacking, tests, schedule, seeds, task.epochs, spend)
            cost = tuple(map(sum, zip(tested, ruler.cost(), strict=True)))
            every = [{each: found.initial_lr for each, found in verdicts.items()}, *taken.values()]
            _trained(finals, schedule, task.epochs, every)
            for optimizer, verdict in verdicts.items():
                oracle, (low, high) = oracles[optimizer, schedule], verdict.interval
                yield Measured(
                    task=name,
                    optimizer=optimizer,
                    schedule=schedule,
                    rule=PROBE,
                    repeat=repeat,
                    lr=verdict.initial_lr,
                    regret=regret(optimizer, schedule, verdict.initial_lr),
                    cost=cost,
                    trusted=verdict.trusted,
                    holds_band=low <= oracle.band[0] and oracle.band[1] <= high,
                    holds_best=low <= oracle.best <= high,
                    width=high / low,
                )
            for rule, picks in taken.items():
                for optimizer, lr in picks.items():
                    yield Measured(
                        task=name,
                        optimizer=optimizer,
                        schedule=schedule,
                        rule=rule,
                        repeat=repeat,
                        lr=lr,
                        regret=regret(optimizer, schedule, lr),
                        cost=tested if rule == RANGE_TEST else ramp,
                    )


def _trained(finals: Finals, schedule: str, epochs: int, picks: Sequence[Mapping[str, float | None]]) -> None:
    """Trains all picks at once: one by one their regrets would cost many times as much."""
    lanes = [(optimizer, lr) for each in picks for optimizer, lr in each.items() if lr is not None]
    finals.of([job(optimizer, schedule, lr, seed, epochs) for optimizer, lr in lanes for seed in ORACLE_SEEDS])


def _untrained(prepared: PreparedTask) -> float:
    lanes = [Lane(prepared, job("SGD", "constant", 1e-3, seed, 1)) for seed in range(10)]
    return sum(lane.evaluate()["val/loss"] for lane in lanes) / len(lanes)


class _Ruler:
    """Measures what picks cost in ordinary trainings, which it times before and after: the machine's pace changes."""

    def __init__(self, task: PickTask, prepared: PreparedTask):
        self._task, self._prepared = task, prepared
        self._before = ordinary(task, prepared)
        self.start()

    def start(self) -> None:
        """Begins to measure."""
        self._began = time.process_time()

    def cost(self) -> tuple[float, float]:
        """What each optimizer's pick has taken since, in a text's trainings and in those of a lane alone."""
        seconds = (time.process_time() - self._began) / len(OPTIMIZERS)
        before, self._before = self._before, ordinary(self._task, self._prepared)
        return (
            seconds / fmean((before.text, self._before.text)),
            seconds / fmean((before.lane, self._before.lane)),
        )


def _costs(task: PickTask, prepared: PreparedTask) -> LaneProbe:
    """CPU seconds of a step of one lane, alone and stacked, all that belongs to it counted in."""
    steps = prepared.train.per_epoch * task.epochs
    stacked = {}
    for count in _COUNTS:
        jobs = [
            job(optimizer, "constant", 1e-3, seed, task.epochs) for optimizer in OPTIMIZERS for seed in range(count)
        ]
        stacked[len(jobs)] = seconds(prepared, jobs, fused=True) / len(jobs) / steps
    return LaneProbe(alone=ordinary(task, prepared).lane / steps, stacked=stacked)
