"""The sweeps of a store: made, found and listed."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from service.records import MlflowPlace, Status, SweepRecord, SweepSummary
from service.store.codec import to_json
from service.store.database import Database
from service.store.refusals import NotFound
from service.store.tables import SweepRow, TrialRow
from sweeps.errors import UserError
from sweeps.finding import Finding
from sweeps.lanerecords import LanePlan, LaneProbe
from sweeps.records import CodeVersion

# Base 32 without what is read wrongly from a screen (0 and o, 1 and l); 40 bits are enough for one store.
_ALPHABET = "23456789abcdefghijkmnpqrstuvwxyz"
_LENGTH = 8

_COMPARED = 1000
"""Ids that a mistyped one is compared with: the newest."""


class Sweeps(Database):
    """Queries over whole sweeps."""

    def create_sweep(self, *, name: str, task: str, spec: Mapping[str, Any], total_trials: int) -> str:
        """Adds a QUEUED sweep and returns its id. Raises UserError for a spec that JSON cannot hold."""
        row = new_sweep(name=name, task=task, spec=spec, total_trials=total_trials)
        with self.write() as session:
            session.add(row)
            return row.id

    def add_findings(self, sweep_id: str, findings: Iterable[Finding]) -> None:
        """Keeps what the linter found; what a resumed sweep finds again is kept once."""
        with self.write() as session:
            sweep = locked_sweep(session, sweep_id)
            known = sweep.findings or []
            sweep.findings = known + [new for each in findings if (new := asdict(each)) not in known]

    def set_code(self, sweep_id: str, code: CodeVersion) -> None:
        """Keeps what is trained, as it is now; code that changes before the sweep is resumed is what counts then."""
        with self.write() as session:
            locked_sweep(session, sweep_id).code = asdict(code)

    def resolve(self, ref: str) -> str:
        """The id that `last`, an id or its beginning stands for. Raises UserError if that is not one."""
        newest = select(SweepRow.id).order_by(SweepRow.position.desc())
        with self.look() as session:
            if ref == "last":
                found = session.scalars(newest.limit(1)).all()
                if not found:
                    raise NotFound("there is no sweep in this store yet; start one with `lrsweep run FILE`")
                return found[0]
            beginning = ref.lower()
            if not _may_be_id(beginning):
                raise unknown_sweep(session, ref)
            # A whole id first, as programs give it: in most databases no index helps to find the beginning of one.
            if session.scalar(select(SweepRow.id).where(SweepRow.id == beginning)):
                return beginning
            found = session.scalars(newest.where(SweepRow.id.startswith(beginning, autoescape=True)).limit(5)).all()
            if not found:
                raise unknown_sweep(session, ref)
            if len(found) > 1:
                raise UserError(f"'{ref}' is the beginning of more than one sweep: {', '.join(found)}; give more of it")
            return found[0]

    def sweep(self, sweep_id: str) -> SweepRecord:
        """One sweep. Raises UserError if there is none of that id."""
        with self.look() as session:
            return sweep_record(session, sweep_id)

    def sweeps(self, *, limit: int = 50, before: str | None = None, status: Status | None = None) -> list[SweepSummary]:
        """The sweeps, newest first: those older than the sweep `before`, of one status or of all.

        Raises NotFound if there is no sweep `before`.
        """
        newest = select(*SUMMARY).order_by(SweepRow.position.desc()).limit(limit)
        if status is not None:
            newest = newest.where(SweepRow.status == status)
        with self.look() as session:
            if before is not None:
                of_before = select(SweepRow.position).where(SweepRow.id == before)
                position = session.scalar(of_before) if _may_be_id(before) else None
                if position is None:
                    raise unknown_sweep(session, before)
                newest = newest.where(SweepRow.position < position)
            return [SweepSummary(**summary_of(row)) for row in session.execute(newest)]


def new_sweep(
    *,
    name: str,
    task: str,
    spec: Mapping[str, Any],
    total_trials: int,
    submitted_by: str | None = None,
    unattended: bool = False,
) -> SweepRow:
    """The row of a QUEUED sweep with an id of its own. Raises UserError for a spec that JSON cannot hold."""
    return SweepRow(
        id="".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)),
        name=name,
        task=task,
        status=Status.QUEUED,
        spec=to_json(spec),
        created=datetime.now(UTC),
        cancel_requested=False,
        total_trials=total_trials,
        submitted_by=submitted_by,
        unattended=unattended,
    )


_ENDED = (
    select(func.count())
    .where(TrialRow.sweep_id == SweepRow.id, TrialRow.outcome.is_not(None))
    .correlate(SweepRow)
    .scalar_subquery()
    .label("trials")
)
_SELECT = select(SweepRow, _ENDED)
"""Sweeps, each with its number of ended trials, in one query however many there are."""

SUMMARY = (
    SweepRow.id,
    SweepRow.name,
    SweepRow.task,
    SweepRow.status,
    SweepRow.created,
    SweepRow.ended,
    SweepRow.error,
    SweepRow.total_trials,
    _ENDED,
)
"""The columns of a SweepSummary."""


def summary_of(row: Row[Any]) -> dict[str, Any]:
    """The fields of a SweepSummary, and whatever else was selected."""
    return {**row._mapping, "status": Status(row.status)}


def _may_be_id(ref: str) -> bool:
    """False for what no id is or begins with, NUL among it, at which PostgreSQL would stumble."""
    return ref.isascii() and ref.isalnum()


def sweep_record(session: Session, sweep_id: str) -> SweepRecord:
    """One sweep as the caller's transaction sees it. Raises UserError if there is none of that id."""
    found = session.execute(_SELECT.where(SweepRow.id == sweep_id)).one_or_none()
    if found is None:
        raise unknown_sweep(session, sweep_id)
    return _record(*found)


def locked_sweep(session: Session, sweep_id: str) -> SweepRow:
    """The row of a sweep, locked until the transaction ends. Raises UserError if there is none."""
    row = session.scalars(select(SweepRow).where(SweepRow.id == sweep_id).with_for_update()).one_or_none()
    if row is None:
        raise unknown_sweep(session, sweep_id)
    return row


def unknown_sweep(session: Session, ref: str) -> NotFound:
    """Says that there is no such sweep, which is nearest, and how to see all."""
    recent = select(SweepRow.id).order_by(SweepRow.position.desc()).limit(_COMPARED)
    near = get_close_matches(ref.lower(), session.scalars(recent), n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    return NotFound(f"there is no sweep '{ref}'; {hint}`lrsweep list` shows them all, and `last` is the newest")


def _record(row: SweepRow, ended_trials: int) -> SweepRecord:
    place = None
    if row.mlflow_tracking_uri and row.mlflow_experiment_id and row.mlflow_run_id:
        place = MlflowPlace(
            tracking_uri=row.mlflow_tracking_uri,
            experiment_id=row.mlflow_experiment_id,
            run_id=row.mlflow_run_id,
        )
    return SweepRecord(
        id=row.id,
        name=row.name,
        task=row.task,
        status=Status(row.status),
        spec=row.spec,
        created=row.created,
        started=row.started,
        ended=row.ended,
        error=row.error,
        cancel_requested=row.cancel_requested,
        trials=ended_trials,
        total_trials=row.total_trials,
        mlflow=place,
        steps_per_epoch=row.steps_per_epoch,
        lanes=LanePlan(**row.lanes["plan"]) if row.lanes else None,
        lane_probe=_lane_probe(row.lanes),
        batch_size=row.batch_size,
        accumulation=row.accumulation,
        code=CodeVersion(**row.code) if row.code else None,
        findings=tuple(Finding(**each) for each in row.findings or ()),
        submitted_by=row.submitted_by,
    )


def _lane_probe(lanes: Mapping[str, Any] | None) -> LaneProbe | None:
    if lanes is None or lanes["probe"] is None:
        return None
    probe = lanes["probe"]
    return LaneProbe(**{**probe, "stacked": {int(count): seconds for count, seconds in probe["stacked"].items()}})
