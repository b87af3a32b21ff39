"""Makes picks the way a sweep does: range tests of all optimizers at once, then their probes at once."""

import math
from collections.abc import Mapping, Sequence

from benchmarks.picks.training import OBJECTIVE, OPTIMIZERS, job, ramp_job, reports, train, value_of
from sweeps.catalogue import optimizer_row
from sweeps.lrprobe import LrProbe, Means, Stretch, Verdict, probe_span, span_steps, untrained
from sweeps.rangetest import ramp_lrs, read_range_test
from sweeps.records import Job, Probed, Ramp, RangeTest, Report, Stop
from workers.cohort import Cohort
from workers.fused.stacking import Stacking
from workers.lane import Lane
from workers.prepared import PreparedTask

STEPS = 100
"""Of a range test: what the other tools take, and lrsweep where a training is not short."""
_MOST = 128
"""Lanes that are stacked at once."""


def curves(
    prepared: PreparedTask, ramps: Mapping[str, Ramp], seeds: Sequence[int], stacking: Stacking | None = None
) -> dict[str, list[list[float]]]:
    """The training loss of every step of a ramp, cut where it is not finite, [seeds][steps], by optimizer."""
    jobs = {name: [ramp_job(name, ramp, seed) for seed in seeds] for name, ramp in ramps.items()}
    every = [each for own in jobs.values() for each in own]
    trained = train(prepared, every, lambda report: list(report.step_losses), stacking)
    return {name: [_finite(trained[each.key]) for each in own] for name, own in jobs.items()}


def _finite(losses: Sequence[float]) -> list[float]:
    end = next((step for step, loss in enumerate(losses) if not math.isfinite(loss)), len(losses))
    return list(losses[:end])


def range_tests(stacking: Stacking, seeds: Sequence[int], budget: int) -> dict[str, RangeTest]:
    """A range test of every optimizer, over its own scale of LRs, before probes of so many steps a lane."""
    rows = {name: optimizer_row(torch_name) for name, (torch_name, _) in OPTIMIZERS.items()}
    ramps = {name: Ramp(low=row.lr.low, high=row.lr.high, steps=span_steps(budget)) for name, row in rows.items()}
    found = curves(stacking.prepared, ramps, seeds, stacking)
    # What a sweep's first look at a ramp sees.
    looks = [
        [Lane(stacking.prepared, job("SGD", "constant", 1e-3, seed, 1)).evaluate()[OBJECTIVE.metric]] for seed in seeds
    ]
    return {
        name: read_range_test(
            rows[name].name,
            seeds,
            ramp_lrs(ramps[name]),
            found[name],
            metric_steps=(1,),
            metrics={OBJECTIVE.metric: looks},
            bootstrap=False,
        )
        for name in ramps
    }


class _Run:
    """One optimizer's probe, and what its lanes have said so far. Lanes that wait for others simply run on."""

    def __init__(self, optimizer: str, schedule: str, probe: LrProbe, epochs: int):
        self.probe = probe
        self._optimizer, self._schedule, self._epochs = optimizer, schedule, epochs
        self._wanted: dict[str, Stretch] = {}
        self._values: dict[str, list[float]] = {}
        self._over: set[str] = set()

    def hear(self, said: Sequence[Report]) -> None:
        for report in said:
            if report.key in self._values:
                self._values[report.key].append(value_of(report))

    def decide(self) -> tuple[list[Job], set[str]]:
        """The jobs to begin, and the keys of lanes that are over."""
        new: list[Job] = []
        while True:
            for key, each in list(self._wanted.items()):
                values = self._values[key]
                exploded = bool(values) and math.isinf(values[-1])
                if exploded or len(values) >= each.epochs:
                    del self._wanted[key]
                    self.probe.tell(Probed(lr=each.lr, seed=each.seed, values=tuple(values), exploded=exploded))
            stretches = self.probe.ask()
            if not stretches:
                return new, self._over
            jobs = [job(self._optimizer, self._schedule, each.lr, each.seed, self._epochs) for each in stretches]
            self._wanted = {own.key: each for own, each in zip(jobs, stretches, strict=True)}
            self._over = self._values.keys() - self._wanted.keys()
            new += [own for own in jobs if own.key not in self._values]
            self._values |= {own.key: [] for own in new if own.key not in self._values}


def probes(
    stacking: Stacking,
    tests: Mapping[str, RangeTest],
    schedule: str,
    seeds: Sequence[int],
    epochs: int,
    spend: Means,
) -> dict[str, Verdict]:
    """The verdict of every optimizer's probe, all their lanes in one cohort; `spend` is what each may.

    As on a worker, the lanes of range tests and probes share one `stacking`.
    """
    runs = {}
    cohort = Cohort(stacking.prepared, fused=True, most=_MOST, stacking=stacking)
    for name, test in tests.items():
        low, high = probe_span(test)
        probe = LrProbe(
            low=low,
            high=high,
            seeds=seeds,
            epochs=epochs,
            objective=OBJECTIVE,
            untrained=untrained(test, OBJECTIVE.metric),
            afford=spend.afford,
            shared=spend.shared,
            at_once=spend.at_once,
        )
        runs[name] = _Run(name, schedule, probe, epochs)
        cohort.join(runs[name].decide()[0])
    for said in reports(cohort):
        over: set[str] = set()
        for run in runs.values():
            run.hear(said)
            new, done = run.decide()
            cohort.join(new)
            over |= done
        cohort.hear({each.key: Stop.PRUNED if each.key in over else None for each in said})
    assert cohort.fused, "the stacked lanes gave up"
    return {name: run.probe.verdict() for name, run in runs.items()}
