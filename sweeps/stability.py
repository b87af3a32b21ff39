"""After the search: how near the edge of stability a pick is, from training it at multiples of its LR."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sweeps.dispatch import Dispatch
from sweeps.failures import last_line
from sweeps.finding import Finding, warning
from sweeps.jobs import trial_job
from sweeps.pickevidence import Stressed
from sweeps.picknotes import stability_notes
from sweeps.ports import Runner
from sweeps.records import Ended, Event, Job, Outcome, Pick, Report, Started, Stop, TrialResult
from sweeps.spec import SweepSpec

FACTORS = (2.0, 5.0, 10.0)
"""The multiples of a pick's LR that are trained."""


@dataclass(slots=True)
class _Lane:
    """A pick's configuration at a multiple of its LR, and its objective after each epoch."""

    pair: tuple[str, str]
    factor: float
    job: Job
    values: list[float] = field(default_factory=list)


class StabilityPhase:
    """Trains picks at 2, 5 and 10 times their LR, each on the first of its seeds, all at once.

    A lane is over when its loss turns non-finite. None of them is a trial, and nothing is recorded on the way: what
    was interrupted runs again.
    """

    def __init__(
        self,
        spec: SweepSpec,
        runner: Runner,
        picks: Sequence[Pick],
        results: Sequence[TrialResult],
        *,
        epochs: int,
        warn: Callable[[Finding], None] = lambda finding: None,
    ):
        self._spec, self._picks, self._warn = spec, picks, warn
        self._results: dict[tuple[str, str], list[Stressed]] = {}
        self._trials = {result.proposal.number: result for result in results}
        chosen = {"best": picks[:1], "all": picks, "off": []}[spec.stability]
        lanes = [_Lane(pair, factor, job) for pair, factor, job in _jobs(spec, chosen, self._trials, epochs)]
        self._dispatch = Dispatch(runner, warn)
        self._dispatch.add(lane.job for lane in lanes)
        self._lanes = {lane.job.key: lane for lane in lanes}

    def run(self, wanted: Callable[[], Stop | None], tick: float) -> list[Pick] | Stop:
        """The picks with what was found, or why it was told to stop meanwhile."""
        while self._lanes:
            if (told := wanted()) is not None:
                return told
            for event in self._dispatch.events(tick):
                self._take(event)
        return [self._with_stability(pick) for pick in self._picks]

    def _with_stability(self, pick: Pick) -> Pick:
        found = self._results.get((pick.optimizer, pick.scheduler), [])
        stability = tuple(sorted(found, key=lambda each: each.factor))
        trial = self._trials[pick.trials[0]]
        value = trial.value if trial.outcome is Outcome.COMPLETE else None
        notes = stability_notes(stability, self._spec.objective, value)
        return replace(pick, stability=stability, notes=(*pick.notes, *notes))

    def _take(self, event: Event) -> None:
        lane = self._lanes.get(event.key)
        if lane is None:
            return
        match event:
            case Started():
                del lane.values[event.epoch :]
            case Report():
                value = event.metrics.get(self._spec.objective.metric)
                lane.values.append(math.nan if value is None else value)
            case Ended(outcome=Outcome.FAILED | Outcome.CANCELLED):
                self._lose(lane, last_line(event.error or "it was stopped"))
            case Ended():
                self._end(lane, event)

    def _end(self, lane: _Lane, ended: Ended) -> None:
        del self._lanes[lane.job.key]
        exploded = ended.outcome is Outcome.DIVERGED or not all(map(math.isfinite, lane.values))
        self._results.setdefault(lane.pair, []).append(
            Stressed(
                factor=lane.factor,
                initial_lr=lane.job.initial_lr,
                value=None if exploded else self._spec.objective.of(lane.values),
                exploded=exploded,
            )
        )

    def _lose(self, lane: _Lane, reason: str) -> None:
        del self._lanes[lane.job.key]
        self._warn(
            warning(
                "stability",
                f"{lane.job.key} failed and is left out: {reason}",
                "the picks stand without it; stability: off does without such trainings",
            )
        )


def _jobs(
    spec: SweepSpec, picks: Sequence[Pick], trials: Mapping[int, TrialResult], epochs: int
) -> Iterator[tuple[tuple[str, str], float, Job]]:
    for pick in picks:
        pair, proposal = (pick.optimizer, pick.scheduler), trials[pick.trials[0]].proposal
        for factor in FACTORS:
            key = f"stability {pick.optimizer} x {pick.scheduler} at {factor:g} times its LR"
            job = trial_job(spec, replace(proposal, initial_lr=factor * proposal.initial_lr), epochs, None)
            yield pair, factor, replace(job, key=key, rungs=())
