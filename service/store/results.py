"""What a sweep found out: trials, reports, curves, range tests, picks."""

import math
from collections import defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select

from service.records import Curve, ReportRecord, TrialRecord
from service.store.codec import to_values, unpack, unpack_named
from service.store.database import Database
from service.store.picks import pick_of
from service.store.rangetests import range_test
from service.store.refusals import NotFound
from service.store.reportorder import first_to_last, within
from service.store.tables import CurveRow, PickRow, RangeTestRow, ReportRow, TrialRow
from sweeps.records import Outcome, Pick, Proposal, RangeTest, TrialResult


class Results(Database):
    """Queries over the content of one sweep; a sweep without any yields empty lists."""

    def trials(self, sweep_id: str, *, after: int = -1, limit: int | None = None) -> list[TrialRecord]:
        """The trials by number: those above `after`, all of them or the first few."""
        page = _trials(sweep_id).where(TrialRow.number > after).limit(limit)
        with self.look() as session:
            return [_trial_record(row) for row in session.execute(page)]

    def ended_trials(self, sweep_id: str, *, since: datetime | None = None) -> list[TrialRecord]:
        """The trials that have ended at that moment or later, by when they did."""
        ended = _trials(sweep_id).where(TrialRow.outcome.is_not(None)).order_by(None)
        if since is not None:
            ended = ended.where(TrialRow.ended >= since)
        with self.look() as session:
            return [_trial_record(row) for row in session.execute(ended.order_by(TrialRow.ended, TrialRow.number))]

    def trial(self, sweep_id: str, number: int) -> TrialRecord:
        """One trial. Raises NotFound if there is none of that number."""
        with self.look() as session:
            row = session.execute(_trials(sweep_id).where(TrialRow.number == number)).one_or_none()
            if row is None:
                count = session.scalar(select(func.count()).where(TrialRow.sweep_id == sweep_id))
                has = f"its trials are 0 to {count - 1}" if count else "it has no trials yet"
                raise NotFound(f"sweep {sweep_id} has no trial {number}; {has}")
            return _trial_record(row)

    def history(self, sweep_id: str) -> list[TrialResult]:
        """The trials by number, with the objective after each epoch: what a proposer replays.

        An epoch whose objective was NaN, or that has none, is NaN in the series.
        """
        reports = (
            select(ReportRow.number, ReportRow.epoch, ReportRow.objective)
            .where(ReportRow.sweep_id == sweep_id)
            .order_by(ReportRow.number, ReportRow.epoch)
        )
        series: defaultdict[int, list[float]] = defaultdict(list)
        with self.read() as session:
            for number, epoch, objective in session.execute(reports):
                _pad(series[number], epoch - 1).append(math.nan if objective is None else objective)
            return [
                TrialResult(
                    proposal=_proposal(row),
                    outcome=_outcome(row),
                    value=row.value,
                    epochs=row.epochs,
                    objectives=tuple(series[row.number][: row.epochs]),
                    error=row.error,
                )
                for row in session.execute(_trials(sweep_id))
            ]

    def reports(self, sweep_id: str, *, after: int = 0, limit: int = 5000) -> list[ReportRecord]:
        """Reports of all trials with an id above `after`, by id: ask with the last one to follow along."""
        following = (
            select(*ReportRow.__table__.columns)
            .where(within(sweep_id, after=after))
            .order_by(*first_to_last())
            .limit(limit)
        )
        with self.look() as session:
            return [
                ReportRecord(
                    id=row.id,
                    number=row.number,
                    epoch=row.epoch,
                    step=row.step,
                    metrics=row.metrics,
                    lrs=tuple(row.lrs),
                    seconds=row.seconds,
                    at=row.at,
                )
                for row in session.execute(following)
            ]

    def curve(self, sweep_id: str, number: int) -> Curve:
        """All steps of a trial; empty if it has recorded none. A further series that an epoch lacks is NaN there."""
        chunks = (
            select(CurveRow.last_step, CurveRow.losses, CurveRow.lrs, CurveRow.more)
            .where(CurveRow.sweep_id == sweep_id, CurveRow.number == number)
            .order_by(CurveRow.epoch)
        )
        steps: list[int] = []
        losses: list[float] = []
        lrs: list[float] = []
        more: defaultdict[str, list[float]] = defaultdict(list)
        with self.look() as session:
            for last_step, packed_losses, packed_lrs, packed_more in session.execute(chunks):
                chunk = unpack(packed_losses)
                for name, values in unpack_named(packed_more).items():
                    _pad(more[name], len(steps)).extend(values)
                steps.extend(range(last_step - len(chunk) + 1, last_step + 1))
                losses.extend(chunk)
                lrs.extend(unpack(packed_lrs))
        return Curve(
            steps=tuple(steps),
            losses=tuple(losses),
            lrs=tuple(lrs),
            more={name: tuple(_pad(values, len(steps))) for name, values in more.items()},
        )

    def range_tests(self, sweep_id: str) -> list[RangeTest]:
        """The range tests, by optimizer."""
        tests = select(RangeTestRow).where(RangeTestRow.sweep_id == sweep_id).order_by(RangeTestRow.optimizer)
        with self.look() as session:
            return [range_test(row) for row in session.scalars(tests)]

    def picks(self, sweep_id: str) -> list[Pick]:
        """The picks, in the order in which they were made."""
        picks = select(PickRow).where(PickRow.sweep_id == sweep_id).order_by(PickRow.position)
        with self.look() as session:
            return [pick_of(row) for row in session.scalars(picks)]


def _trials(sweep_id: str) -> Select[Any]:
    # Columns and not entities, which cost twice as much.
    return select(*TrialRow.__table__.columns).where(TrialRow.sweep_id == sweep_id).order_by(TrialRow.number)


def _pad(values: list[float], length: int) -> list[float]:
    """Fills a series up to this length with NaN."""
    values.extend([math.nan] * (length - len(values)))
    return values


def _outcome(row: Row[Any]) -> Outcome | None:
    return None if row.outcome is None else Outcome[row.outcome]


def _proposal(row: Row[Any]) -> Proposal:
    return Proposal(
        number=row.number,
        optimizer=row.optimizer,
        scheduler=row.scheduler,
        initial_lr=row.initial_lr,
        optimizer_params=to_values(row.optimizer_params),
        scheduler_params=to_values(row.scheduler_params),
        seed=row.seed,
        origin=row.origin,
    )


def _trial_record(row: Row[Any]) -> TrialRecord:
    return TrialRecord(
        proposal=_proposal(row),
        outcome=_outcome(row),
        value=row.value,
        epochs=row.epochs,
        error=row.error,
        started=row.started,
        ended=row.ended,
        mlflow_run_id=row.mlflow_run_id,
    )
