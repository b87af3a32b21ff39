"""Whether anything has happened to sweeps that are followed, asked for all of them at once."""

from collections.abc import Collection

from sqlalchemy import func, select

from service.records import Pulse
from service.store.database import Database
from service.store.reportorder import last_to_first, within
from service.store.sweeps import SUMMARY, summary_of
from service.store.tables import RangeTestRow, ReportRow, SweepRow


class Pulses(Database):
    """One look into the store, however many follow."""

    def pulses(self, sweep_ids: Collection[str]) -> dict[str, Pulse]:
        """What these sweeps have by now, by id, without any that is not there.

        How many trials have ended is enough, since they run again only once their sweep has ended, and streams with it.
        """
        tests = select(func.count()).where(RangeTestRow.sweep_id == SweepRow.id).correlate(SweepRow)
        newest = select(ReportRow.id).where(within(SweepRow.id)).order_by(*last_to_first()).limit(1).correlate(SweepRow)
        columns = (
            *SUMMARY,
            tests.scalar_subquery().label("range_tests"),
            func.coalesce(newest.scalar_subquery(), 0).label("last_report"),
        )
        with self.look() as session:
            rows = session.execute(select(*columns).where(SweepRow.id.in_(sweep_ids)))
            return {row.id: Pulse(**summary_of(row)) for row in rows}
