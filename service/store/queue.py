"""What coordinator processes share out among themselves: sweeps that wait, and sweeps whose process has died."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from service.records import Status, Unattended
from service.store.codec import storable
from service.store.database import Database, clock
from service.store.lifecycle import begin, end, hold, lease_is_live
from service.store.tables import RangeTestRow, ReportRow, SweepRow, TrialRow
from sweeps.records import Outcome

_DEATHS = 5
"""Times that a sweep's process may die without having got any further."""
_ATTEMPTS = 3
"""Times that a process may die under a trial without having got any further with it."""
_SEEN = 10
"""Waiting sweeps of one user that are looked at: more would not start at once."""

_ENDED = tuple(status for status in Status if status.ended)


class Queue(Database):
    """Sweeps that no command runs in the foreground: whose turn it is, and what becomes of those that were left."""

    def unattended(self) -> tuple[list[Unattended], list[Unattended]]:
        """The sweeps that are being run, and those that wait, whose turn it is first.

        Users take turns: who has fewest sweeps running comes first, and between equals the oldest sweep. A sweep whose
        process died, or was interrupted, waits like a new one.
        """
        with self.read() as session:
            now = clock(session)
            rows = session.scalars(_first_of_each_user()).all()
            live = [row for row in rows if row.status == Status.RUNNING and lease_is_live(row, now)]
            return [_unattended(row) for row in live], _in_turn([row for row in rows if row not in live], live)

    def take(self, sweep_id: str, owner: str, ttl: float) -> bool:
        """Takes the lease of a waiting sweep for `ttl` seconds; False if it waits no longer.

        One whose process died too often without having got any further is FAILED instead.
        """
        with self.write() as session:
            sweep, now = _locked_if_free(session, sweep_id), clock(session)
            if sweep is None or sweep.status in _ENDED or lease_is_live(sweep, now):
                return False
            if sweep.status == Status.RUNNING and _died(session, sweep, f"{sweep.owner} was gone"):
                return False
            begin(sweep, owner, now, ttl)
            return True

    def left(self, sweep_id: str, owner: str, death: str | None) -> None:
        """Lets a sweep wait again whose process has ended; `death` says how, if it died.

        One whose process died too often without having got any further is FAILED with that reason. A sweep that has
        ended, or that is another's by now, stays as it is.
        """
        with self.write() as session:
            sweep = session.scalars(select(SweepRow).where(SweepRow.id == sweep_id).with_for_update()).one()
            if sweep.owner != owner:
                return
            if sweep.status != Status.RUNNING:
                sweep.owner = sweep.lease_until = None
            elif death is None:
                end(session, sweep, Status.INTERRUPTED)
            elif not _died(session, sweep, death):
                sweep.owner = sweep.lease_until = None
                sweep.status, sweep.error = Status.INTERRUPTED, storable(death)

    def give_up_hopeless(self, sweep_id: str) -> list[int]:
        """Ends as FAILED the trials that killed their process again and again; claim the sweep first."""
        furthest = (
            select(func.coalesce(func.max(ReportRow.epoch), 0))
            .where(ReportRow.sweep_id == TrialRow.sweep_id, ReportRow.number == TrialRow.number)
            .correlate(TrialRow)
            .scalar_subquery()
        )
        with self.write() as session:
            hopeless = session.scalars(
                select(TrialRow).where(
                    TrialRow.sweep_id == sweep_id,
                    TrialRow.outcome.is_(None),
                    TrialRow.attempts >= _ATTEMPTS,
                    furthest <= TrialRow.furthest,
                )
            ).all()
            for trial in hopeless:
                trial.outcome, trial.ended = Outcome.FAILED, clock(session)
                trial.error = (
                    f"tried {trial.attempts} times; each time the process that trained it died after epoch "
                    f"{trial.epochs}, without a Python error: out of memory, or a crash in native code"
                )
            return [trial.number for trial in hopeless]

    def suspects(self, sweep_id: str) -> frozenset[int]:
        """The trials that have not ended and under which a process has died."""
        suspects = select(TrialRow.number).where(
            TrialRow.sweep_id == sweep_id, TrialRow.outcome.is_(None), TrialRow.attempts > 0
        )
        with self.look() as session:
            return frozenset(session.scalars(suspects))

    def unshown(self) -> list[str]:
        """Sweeps that have ended while MLflow lacks part of them, and that nobody is about to show; oldest first."""
        behind = select(SweepRow).where(SweepRow.mlflow_behind, SweepRow.unattended, SweepRow.status.in_(_ENDED))
        with self.read() as session:
            now = clock(session)
            rows = session.scalars(behind.order_by(SweepRow.position).limit(_SEEN)).all()
            return [row.id for row in rows if not lease_is_live(row, now)]

    def take_to_show(self, sweep_id: str, owner: str, ttl: float) -> bool:
        """Takes the lease of such a sweep for `ttl` seconds; False if another did, or if it has gone on since."""
        with self.write() as session:
            sweep, now = _locked_if_free(session, sweep_id), clock(session)
            if sweep is None or sweep.status not in _ENDED or not sweep.mlflow_behind or lease_is_live(sweep, now):
                return False
            hold(sweep, owner, now, ttl)
            return True


def _first_of_each_user() -> Select[SweepRow]:
    """Of each user every RUNNING sweep, and the first that wait."""
    runs = SweepRow.status == Status.RUNNING
    ranked = (
        select(
            SweepRow.position,
            runs.label("runs"),
            func.row_number()
            .over(partition_by=(SweepRow.submitted_by, runs), order_by=SweepRow.position)
            .label("rank"),
        )
        .where(SweepRow.unattended, SweepRow.status.in_([Status.QUEUED, Status.INTERRUPTED, Status.RUNNING]))
        .subquery()
    )
    return (
        select(SweepRow)
        .join(ranked, ranked.c.position == SweepRow.position)
        .where(or_(ranked.c.runs, ranked.c.rank <= _SEEN))
        .order_by(SweepRow.position)
    )


def _in_turn(waiting: Sequence[SweepRow], running: Sequence[SweepRow]) -> list[Unattended]:
    """Those that wait, each user's k-th as if the k before it ran already."""
    shares = Counter(row.submitted_by for row in running)
    turns = []
    for row in waiting:
        turns.append((shares[row.submitted_by], row.position, row))
        shares[row.submitted_by] += 1
    return [_unattended(row) for _, _, row in sorted(turns, key=lambda turn: turn[:2])]


def _unattended(row: SweepRow) -> Unattended:
    return Unattended(id=row.id, submitted_by=row.submitted_by or "", spec=row.spec)


def _locked_if_free(session: Session, sweep_id: str) -> SweepRow | None:
    """The row, locked; None while another transaction holds it: on PostgreSQL nobody waits for another's claim."""
    return session.scalars(
        select(SweepRow).where(SweepRow.id == sweep_id).with_for_update(skip_locked=True)
    ).one_or_none()


def _died(session: Session, sweep: SweepRow, how: str) -> bool:
    """Counts a death of the sweep's process since it last got further; True if that was one too many: it is FAILED."""
    progress = session.scalars(
        select(
            select(func.count()).where(ReportRow.sweep_id == sweep.id).scalar_subquery()
            + select(func.count()).where(RangeTestRow.sweep_id == sweep.id).scalar_subquery()
            + select(func.count()).where(TrialRow.sweep_id == sweep.id, TrialRow.outcome.is_not(None)).scalar_subquery()
        )
    ).one()
    sweep.deaths = sweep.deaths + 1 if progress <= sweep.progress else 1
    sweep.progress = progress
    if sweep.deaths < _DEATHS:
        return False
    end(session, sweep, Status.FAILED)
    sweep.error = storable(f"its process died {sweep.deaths} times without getting any further; the last time {how}")
    return True
