"""Who works on a sweep and where it stands: leases, cancellation, endings, retries."""

from datetime import UTC, datetime, timedelta
from typing import cast

from sqlalchemy import Table, bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from service.records import Status, SweepRecord
from service.store.codec import storable
from service.store.database import Database, clock
from service.store.owners import died_here
from service.store.sweeps import locked_sweep, sweep_record
from service.store.tables import CurveRow, ReportRow, SweepRow, TrialRow
from sweeps.errors import EnvironmentFailure, UserError
from sweeps.records import Outcome

_SWEEPS = cast(Table, SweepRow.__table__)
_HOLDER = select(_SWEEPS.c.owner).where(_SWEEPS.c.id == bindparam("sweep")).with_for_update()


class LeaseLost(EnvironmentFailure):
    """Another coordinator has taken the sweep over; this one must stop and record nothing more."""


class Lifecycle(Database):
    """A sweep goes QUEUED -> RUNNING -> INTERRUPTED or an end; a lease says who may move it."""

    def claim(self, sweep_id: str, owner: str, ttl: float) -> None:
        """Takes the lease of a sweep for `ttl` seconds and sets it RUNNING; among racing owners, one gets it.

        Raises UserError if another owner (`pid@host`) holds an unexpired lease, or if it was cancelled.
        A cancellation that was asked of a coordinator which died before it saw it stays requested.
        """
        with self.write() as session:
            sweep = locked_sweep(session, sweep_id)
            now = clock(session)
            if sweep.owner != owner and lease_is_live(sweep, now):
                raise UserError(
                    f"sweep {sweep_id} is being run by {sweep.owner}, whose lease lasts until "
                    f"{sweep.lease_until:%H:%M:%S} UTC; wait for it, or stop it with "
                    f"`lrsweep cancel {sweep_id}`"
                )
            if sweep.status == Status.CANCELLED:
                raise UserError(f"sweep {sweep_id} was cancelled; run its spec again to start over")
            begin(sweep, owner, now, ttl)

    def renew(self, sweep_id: str, owner: str, ttl: float) -> bool:
        """Extends the lease to `ttl` seconds from now; True if cancellation was requested meanwhile.

        Raises LeaseLost if the owner no longer holds it. One that ran out, but that nobody else took, is
        still theirs.
        """
        with self.write() as session:
            sweep = locked_sweep(session, sweep_id)
            if sweep.owner is None and sweep.status == Status.CANCELLED:
                return True
            refuse_others(session, sweep_id, owner)
            hold(sweep, owner, clock(session), ttl)
            return sweep.cancel_requested

    def finish(
        self,
        sweep_id: str,
        status: Status,
        error: str | None = None,
        *,
        owner: str | None = None,
        keep_lease: bool = False,
    ) -> None:
        """Sets the status and gives the lease back, unless it is kept for a last word to MLflow.

        A CANCELLED sweep leaves no trial open. Raises LeaseLost if another than this owner has taken it over.
        """
        with self.write() as session:
            sweep = locked_sweep(session, sweep_id)
            if owner is not None:
                refuse_others(session, sweep_id, owner)
            held = sweep.owner, sweep.lease_until
            end(session, sweep, status)
            sweep.error = storable(error)
            if keep_lease:
                sweep.owner, sweep.lease_until = held

    def shown(self, sweep_id: str, owner: str, *, completely: bool) -> None:
        """Gives a lease back that was kept for MLflow, and notes whether MLflow shows all of the ended sweep."""
        with self.write() as session:
            sweep = locked_sweep(session, sweep_id)
            if sweep.owner == owner and sweep.status != Status.RUNNING:
                sweep.owner = sweep.lease_until = None
                sweep.mlflow_behind = not (completely and Status(sweep.status).ended)

    def request_cancel(self, sweep_id: str) -> SweepRecord:
        """Asks a running sweep to stop, or cancels one that nobody runs; one that has ended stays so."""
        with self.write() as session:
            sweep = locked_sweep(session, sweep_id)
            if not Status(sweep.status).ended:
                sweep.cancel_requested = True
                if not lease_is_live(sweep, clock(session)):
                    end(session, sweep, Status.CANCELLED)
            return sweep_record(session, sweep_id)

    def reset_failed(self, sweep_id: str) -> int:
        """Lets the FAILED trials of a sweep run again from the start; returns how many.

        They lose outcome, error, value, reports and curves, and keep their MLflow run. Claim the sweep first:
        a coordinator that runs it meanwhile would not notice.
        """
        with self.write() as session:
            return reset_failed(session, sweep_id)


def reset_failed(session: Session, sweep_id: str) -> int:
    """Does what `Lifecycle.reset_failed` says, in the caller's transaction."""
    failed = session.scalars(
        select(TrialRow.number).where(TrialRow.sweep_id == sweep_id, TrialRow.outcome == Outcome.FAILED)
    ).all()
    for table in (ReportRow, CurveRow):
        session.execute(delete(table).where(table.sweep_id == sweep_id, table.number.in_(failed)))
    session.execute(
        update(TrialRow)
        .where(TrialRow.sweep_id == sweep_id, TrialRow.number.in_(failed))
        .values(outcome=None, error=None, value=None, epochs=0, ended=None, attempts=0, furthest=0)
    )
    return len(failed)


def begin(sweep: SweepRow, owner: str, now: datetime, ttl: float) -> None:
    """Sets a sweep RUNNING under a lease of `ttl` seconds; the caller has locked it and may take it."""
    if sweep.status != Status.RUNNING:
        sweep.cancel_requested = False
    sweep.status = Status.RUNNING
    sweep.started = sweep.started or now
    sweep.ended = None
    sweep.error = None
    sweep.mlflow_behind = True
    hold(sweep, owner, now, ttl)


def refuse_others(session: Session, sweep_id: str, owner: str) -> None:
    """Locks a sweep until the transaction ends. Raises LeaseLost if this owner no longer holds it."""
    holder = session.connection().execute(_HOLDER, {"sweep": sweep_id}).scalar_one()
    if holder != owner:
        raise LeaseLost(
            f"{owner} no longer runs sweep {sweep_id}: its lease ran out and was taken over by "
            f"{holder or 'one who has finished'}; what was recorded until then is kept"
        )


def hold(sweep: SweepRow, owner: str, now: datetime, ttl: float) -> None:
    """Gives a sweep that the caller has locked to this owner for `ttl` seconds."""
    sweep.owner = owner
    sweep.lease_until = now + timedelta(seconds=ttl)


def lease_is_live(sweep: SweepRow, now: datetime) -> bool:
    """True if somebody works on the sweep, as far as anybody can know."""
    if sweep.owner is None or sweep.lease_until is None or sweep.lease_until <= now:
        return False
    return not died_here(sweep.owner)


def end(session: Session, sweep: SweepRow, status: Status) -> None:
    """Sets how a sweep that the caller has locked stands, now that nobody works on it.

    One that is INTERRUPTED was left in good order: none of its trials has killed a process since.
    """
    now = datetime.now(UTC)
    sweep.status = status
    sweep.ended = now if status.ended else None
    sweep.owner = sweep.lease_until = None
    unfinished = update(TrialRow).where(TrialRow.sweep_id == sweep.id, TrialRow.outcome.is_(None))
    if status is Status.CANCELLED:
        session.execute(unfinished.values(outcome=Outcome.CANCELLED, ended=func.coalesce(TrialRow.ended, now)))
    elif status is Status.INTERRUPTED:
        session.execute(unfinished.values(attempts=0))
