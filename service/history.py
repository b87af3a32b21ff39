"""A sweep's trials with their objective epoch by epoch, of any archive: what Optuna, curves and frames are made of."""

import math
from collections import defaultdict
from collections.abc import Iterator

from service.archive import Archive
from service.records import ReportRecord
from service.store import Store
from sweeps.records import TrialResult
from sweeps.specfile import known_spec


def reports(archive: Archive, sweep_id: str) -> Iterator[ReportRecord]:
    """Every report of a sweep, in the order in which they came."""
    last = 0
    while page := archive.reports(sweep_id, after=last):
        last = page[-1].id
        yield from page


def history(archive: Archive, sweep_id: str) -> list[TrialResult]:
    """The trials by number; an epoch without an objective is NaN in the series."""
    # A store reads one column of its reports, where a server sends all of them.
    return archive.history(sweep_id) if isinstance(archive, Store) else history_of_reports(archive, sweep_id)


def history_of_reports(archive: Archive, sweep_id: str) -> list[TrialResult]:
    """What `Store.history` gives, of an archive that has none."""
    metric = known_spec(archive.sweep(sweep_id).spec).objective.metric
    # Trials before reports: of a trial that is seen to have ended, every report is then there to be read.
    trials = archive.trials(sweep_id)
    series: defaultdict[int, dict[int, float]] = defaultdict(dict)
    for report in reports(archive, sweep_id):
        series[report.number][report.epoch] = report.metrics.get(metric, math.nan)
    return [
        TrialResult(
            proposal=trial.proposal,
            outcome=trial.outcome,
            value=trial.value,
            epochs=trial.epochs,
            objectives=tuple(
                series[trial.proposal.number].get(epoch, math.nan) for epoch in range(1, trial.epochs + 1)
            ),
            error=trial.error,
        )
        for trial in trials
    ]
