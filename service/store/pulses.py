"""Whether anything has happened to sweeps that are followed, asked for all of them at once."""

from collections.abc import Collection, Hashable

from sqlalchemy import func, select

from service.store.database import Database
from service.store.tables import RangeTestRow, ReportRow, SweepRow, TrialRow


class Pulses(Database):
    """One look into the store, however many follow."""

    def pulses(self, sweep_ids: Collection[str]) -> dict[str, Hashable]:
        """By sweep: a value that differs from an earlier one if there is something new to tell of it.

        That is its status and its other words in the list, its ended trials, its range tests and its reports. How many
        trials have ended is enough, since they run again only once their sweep has ended, and streams with it.
        """
        counted = (
            select(func.count()).where(TrialRow.sweep_id == SweepRow.id, TrialRow.outcome.is_not(None)),
            select(func.count()).where(RangeTestRow.sweep_id == SweepRow.id),
            select(func.max(ReportRow.id)).where(ReportRow.sweep_id == SweepRow.id),
        )
        columns = (SweepRow.id, SweepRow.status, SweepRow.ended, SweepRow.error, SweepRow.total_trials)
        found = select(*columns, *(each.correlate(SweepRow).scalar_subquery() for each in counted))
        with self.look() as session:
            return {row[0]: tuple(row) for row in session.execute(found.where(SweepRow.id.in_(sweep_ids)))}
