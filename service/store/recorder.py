"""The store as the coordinator's recorder: what it returned from is on disk."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, cast

from sqlalchemy import Float, Table, bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from service.store.codec import finite, pack, pack_named, storable, to_json
from service.store.database import Database, insert_new, upsert
from service.store.lifecycle import refuse_others
from service.store.picks import pick_values
from service.store.rangetests import range_test_values
from service.store.tables import CurveRow, PickRow, RangeTestRow, ReportRow, SweepRow, TrialRow
from sweeps.lanerecords import LanePlan, LaneProbe
from sweeps.records import Ended, Pick, Proposal, RangeTest, Report, Reported, TaskInfo

_TRIALS, _REPORTS, _CURVES = (cast(Table, row.__table__) for row in (TrialRow, ReportRow, CurveRow))

# Statements that are made once: making one takes as long as running it.
_OF_TRIAL = update(_TRIALS).where(_TRIALS.c.sweep_id == bindparam("sweep"), _TRIALS.c.number == bindparam("trial"))
_ADVANCE = _OF_TRIAL.values(
    epochs=bindparam("done"), value=func.coalesce(bindparam("objective", type_=Float), _TRIALS.c.value)
)
_END = _OF_TRIAL.values(
    outcome=bindparam("how"), error=bindparam("why"), value=bindparam("objective"), ended=bindparam("when")
).returning(_TRIALS.c.epochs)
_LATER = [
    delete(table).where(
        table.c.sweep_id == bindparam("sweep"), table.c.number == bindparam("trial"), table.c.epoch > bindparam("done")
    )
    for table in (_REPORTS, _CURVES)
]
"""Takes the epochs of a trial after the last one that is done."""


class StoreRecorder:
    """Records one sweep (`sweeps.ports.Recorder`). Every call is one transaction and may be repeated.

    Every call raises LeaseLost, and records nothing, if the sweep is no longer its owner's: whoever slept through the
    end of their lease must not write into what another has taken over.
    """

    def __init__(self, database: Database, sweep_id: str, owner: str | None = None) -> None:
        self._database = database
        self._sweep_id, self._owner = sweep_id, owner

    @contextmanager
    def _write(self) -> Iterator[Session]:
        with self._database.write() as session:
            if self._owner is not None:
                refuse_others(session, self._sweep_id, self._owner)
            yield session

    def probed(self, info: TaskInfo) -> None:
        """Keeps the steps per epoch and what a step is made of."""
        found = {name: getattr(info, name) for name in ("steps_per_epoch", "batch_size", "accumulation")}
        with self._write() as session:
            session.execute(update(SweepRow).where(SweepRow.id == self._sweep_id).values(**found))

    def planned(self, plan: LanePlan, probe: LaneProbe | None) -> None:
        """Keeps how the workers train, for a resumed sweep to do the same, and why."""
        lanes = {"plan": to_json(asdict(plan)), "probe": probe and _plain_probe(probe)}
        with self._write() as session:
            session.execute(update(SweepRow).where(SweepRow.id == self._sweep_id).values(lanes=lanes))

    def range_tested(self, test: RangeTest) -> None:
        """Keeps a range test; another of the same optimizer replaces it."""
        row = {"sweep_id": self._sweep_id, **range_test_values(test)}
        with self._write() as session:
            upsert(session, RangeTestRow, [row], keys=("sweep_id", "optimizer"))

    def proposed(self, proposal: Proposal) -> None:
        """Adds a trial. One that is proposed again, in a resumed sweep, stays as it is, begun once more."""
        row = {
            "sweep_id": self._sweep_id,
            "number": proposal.number,
            "optimizer": proposal.optimizer,
            "scheduler": proposal.scheduler,
            "initial_lr": proposal.initial_lr,
            "optimizer_params": to_json(proposal.optimizer_params),
            "scheduler_params": to_json(proposal.scheduler_params),
            "seed": proposal.seed,
            "origin": proposal.origin,
            "epochs": 0,
            "attempts": 1,
            "started": datetime.now(UTC),
        }
        with self._write() as session:
            if not insert_new(session, TrialRow, row):
                self._begin_again(session, session.get_one(TrialRow, (self._sweep_id, proposal.number)))

    def _begin_again(self, session: Session, trial: TrialRow) -> None:
        reached = session.scalar(
            select(func.max(ReportRow.epoch)).where(
                ReportRow.sweep_id == self._sweep_id, ReportRow.number == trial.number
            )
        )
        if (reached or 0) > trial.furthest:
            trial.attempts, trial.furthest = 0, reached or 0
        trial.attempts += 1

    def reported(self, epochs: Sequence[Reported]) -> None:
        """Keeps epochs, in one transaction: reports, curves, and how far each trial is, with its last finite objective.

        An epoch that is reported again, after a resume, is overwritten in place: `id` and `at` stay, so that
        those who follow along see it once.
        """
        keys = [{"sweep_id": self._sweep_id, "number": number, "epoch": report.epoch} for number, report, _ in epochs]
        reports = [_report_row(report, objective) for _, report, objective in epochs]
        curves = [_curve_row(report) for _, report, _ in epochs]
        with self._write() as session:
            self._advance(session, epochs)
            upsert(session, ReportRow, _joined(keys, reports), keys=tuple(keys[0]), keep=("at",))
            upsert(session, CurveRow, _joined(keys, curves), keys=tuple(keys[0]))

    def _advance(self, session: Session, epochs: Sequence[Reported]) -> None:
        """Says how far trials are. Raises LookupError if one was never proposed."""
        found = session.connection().execute(
            _ADVANCE,
            [
                {"sweep": self._sweep_id, "trial": number, "done": report.epoch, "objective": finite(objective)}
                for number, report, objective in epochs
            ],
        )
        if found.rowcount != len(epochs):
            raise self._never_proposed(*(number for number, _, _ in epochs))

    def ended(self, number: int, ended: Ended, value: float | None) -> None:
        """Keeps how a trial ended; an interrupted one has not ended.

        Epochs beyond the last reported one come from an attempt that was lost, and go.
        """
        if ended.interrupted:
            return
        trial = {"sweep": self._sweep_id, "trial": number}
        how = {
            "how": ended.outcome,
            "why": storable(ended.error),
            "objective": finite(value),
            "when": datetime.now(UTC),
        }
        with self._write() as session:
            epochs = session.connection().execute(_END, trial | how).scalar_one_or_none()
            if epochs is None:
                raise self._never_proposed(number)
            for later in _LATER:
                session.connection().execute(later, trial | {"done": epochs})

    def picked(self, picks: Sequence[Pick]) -> None:
        """Replaces all picks of the sweep."""
        with self._write() as session:
            session.execute(delete(PickRow).where(PickRow.sweep_id == self._sweep_id))
            session.add_all(
                PickRow(sweep_id=self._sweep_id, position=position, **pick_values(pick))
                for position, pick in enumerate(picks)
            )

    def _never_proposed(self, *numbers: int) -> LookupError:
        trials = ", ".join(map(str, numbers))
        return LookupError(f"sweep {self._sweep_id} has no trial {trials}: it was never proposed")


def _plain_probe(probe: LaneProbe) -> dict[str, Any]:
    return {**asdict(probe), "stacked": {str(lanes): seconds for lanes, seconds in probe.stacked.items()}}


def _report_row(report: Report, objective: float | None) -> dict[str, Any]:
    return {
        "step": report.step,
        "metrics": {name: float(value) for name, value in report.metrics.items()},
        "lrs": [float(lr) for lr in report.lrs],
        "objective": None if objective is None or math.isnan(objective) else objective,
        "seconds": report.seconds,
        "at": datetime.now(UTC),
    }


def _curve_row(report: Report) -> dict[str, Any]:
    return {
        "last_step": report.step,
        "losses": pack(report.step_losses),
        "lrs": pack(report.step_lrs),
        "more": pack_named(report.step_more),
    }


def _joined(keys: Sequence[dict[str, Any]], rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**key, **row} for key, row in zip(keys, rows, strict=True)]
