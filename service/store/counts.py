"""How much there is in a store."""

from sqlalchemy import func, select

from service.records import Status
from service.store.database import Database
from service.store.tables import SweepRow, TrialRow
from sweeps.records import Outcome


class Counts(Database):
    """Counts over all sweeps; what there is none of is left out."""

    def sweeps_by_status(self) -> dict[Status, int]:
        """The number of sweeps of each status."""
        counts = select(SweepRow.status, func.count()).group_by(SweepRow.status)
        with self.look() as session:
            return {Status(status): count for status, count in session.execute(counts)}

    def trials_by_outcome(self) -> dict[Outcome | None, int]:
        """The number of trials of each outcome; None: of those that wait or run."""
        counts = select(TrialRow.outcome, func.count()).group_by(TrialRow.outcome)
        with self.look() as session:
            return {Outcome[outcome] if outcome else None: count for outcome, count in session.execute(counts)}
