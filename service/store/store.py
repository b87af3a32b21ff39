"""The one store that the coordinator, the tracking, the API and the command line share."""

from typing import Self

from service.store import schema
from service.store.counts import Counts
from service.store.engine import connect, hidden, parse
from service.store.failures import explained
from service.store.lifecycle import Lifecycle
from service.store.places import Places
from service.store.pulses import Pulses
from service.store.queue import Queue
from service.store.recorder import StoreRecorder
from service.store.results import Results
from service.store.submissions import Submissions
from service.store.sweeps import Sweeps
from service.store.tokens import Tokens
from sweeps.errors import UserError


class Store(Sweeps, Submissions, Lifecycle, Results, Places, Tokens, Queue, Counts, Pulses):
    """Everything that lrsweep remembers, in SQLite or PostgreSQL. Threads may share one.

    Raises EnvironmentFailure from any method when the disk is full or the server is away; what was recorded
    before is kept.
    """

    @classmethod
    def open(cls, url: str, *, upgrade: bool | None = None) -> Self:
        """The store at a URL, ready for use.

        `upgrade` brings its tables up to date, or makes them, first; None does so for a SQLite file, which is
        one user's own, and leaves a shared server to its administrator. Raises UserError for a URL that names
        no store, or for a store that is behind, newer or not lrsweep's.
        """
        parsed = parse(url)
        engine = connect(parsed)
        try:
            with explained(parsed):
                if schema.is_current(engine):
                    return cls(engine, url)
            if upgrade is None:
                upgrade = parsed.drivername == "sqlite"
            if not upgrade:
                raise UserError(
                    f"the store {hidden(parsed)} has no tables of this version of lrsweep yet: "
                    "run `lrsweep db upgrade` with the same store"
                )
            schema.upgrade(url)
            return cls(engine, url)
        except BaseException:
            engine.dispose()
            raise

    def recorder(self, sweep_id: str, owner: str | None = None) -> StoreRecorder:
        """The recorder of one sweep, for its coordinator; one with an owner records under their lease only."""
        return StoreRecorder(self, sweep_id, owner)

    def is_current(self) -> bool:
        """True if the database answers and has this version's tables."""
        with explained(parse(self.url)):
            return schema.is_current(self._engine)
