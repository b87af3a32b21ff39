"""Measures one task: what every rule and the probe pick, and what the picks come to with the oracle's seeds."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch

from benchmarks.picks.oracle import FLOOR_SEEDS, GRID, Oracle, outcomes
from benchmarks.picks.oracle import SEEDS as ORACLE_SEEDS
from benchmarks.picks.probing import STEPS, probes, range_tests
from benchmarks.picks.rules import rule_picks
from benchmarks.picks.tasks import TASKS
from benchmarks.picks.training import OPTIMIZERS, SCHEDULERS, Finals, job, reports
from sweeps.lanerecords import LaneProbe
from sweeps.lrprobe import means
from sweeps.records import Job
from workers.cohort import Cohort
from workers.lane import Lane, PreparedTask

PROBE, RANGE_TEST, FLOOR = "lrsweep: probe", "lrsweep: range test, three seeds", "the whole grid at full budget"
SEEDS = 3
_COUNTS = (1, 8)
"""Lanes of each optimizer that are timed."""
_RUNS = 3.0
"""What a pick may cost, in ordinary trainings."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One pick: its regret, what it cost in ordinary trainings, and for the probe whether it said the truth."""

    task: str
    optimizer: str
    schedule: str
    rule: str
    repeat: int
    lr: float | None
    regret: float
    cost: float
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
    lanes = _costs(prepared, task.epochs)
    ramp = STEPS / (prepared.train.per_epoch * task.epochs)

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
                cost=SEEDS * len(GRID),
            )
    for repeat in range(repeats):
        seeds = [100 + 10 * repeat + number for number in range(SEEDS)]
        ruler = _Ruler(prepared, task.epochs)
        tests = range_tests(prepared, seeds)
        tested = ruler.cost()
        spend = means(lanes, epochs=task.epochs, picks=len(OPTIMIZERS), runs=_RUNS - tested)
        taken = {RANGE_TEST: {each: test.initial_lr for each, test in tests.items()}}
        if repeat < rules:
            taken |= rule_picks(prepared, seeds[0])
        for schedule in SCHEDULERS:
            ruler.start()
            verdicts = probes(prepared, tests, schedule, seeds, task.epochs, spend)
            cost = tested + ruler.cost()
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

    def __init__(self, prepared: PreparedTask, epochs: int):
        self._prepared, self._epochs = prepared, epochs
        self._before = _ordinary(prepared, epochs)
        self.start()

    def start(self) -> None:
        """Begins to measure."""
        self._began = time.process_time()

    def cost(self) -> float:
        """What has been done since, for each optimizer's pick, in ordinary trainings."""
        seconds = (time.process_time() - self._began) / len(OPTIMIZERS)
        before, self._before = self._before, _ordinary(self._prepared, self._epochs)
        return seconds / fmean((before, self._before))


def _ordinary(prepared: PreparedTask, epochs: int) -> float:
    """CPU seconds of a training of one lane, the mean over optimizers and schedules."""
    return fmean(
        _seconds(prepared, [job(optimizer, schedule, 1e-3, 0, epochs)], fused=False)
        for optimizer in OPTIMIZERS
        for schedule in SCHEDULERS
    )


def _costs(prepared: PreparedTask, epochs: int) -> LaneProbe:
    """CPU seconds of a step of one lane, alone and stacked, all that belongs to it counted in."""
    steps = prepared.train.per_epoch * epochs
    stacked = {}
    for count in _COUNTS:
        jobs = [job(optimizer, "constant", 1e-3, seed, epochs) for optimizer in OPTIMIZERS for seed in range(count)]
        stacked[len(jobs)] = _seconds(prepared, jobs, fused=True) / len(jobs) / steps
    return LaneProbe(alone=_ordinary(prepared, epochs) / steps, stacked=stacked)


def _seconds(prepared: PreparedTask, jobs: Sequence[Job], *, fused: bool) -> float:
    began = time.process_time()
    cohort = Cohort(prepared, fused=fused, most=len(jobs))
    cohort.join(jobs)
    for said in reports(cohort):
        cohort.hear({each.key: None for each in said})
    return time.process_time() - began
