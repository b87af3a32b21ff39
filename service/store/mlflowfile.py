"""The embedded MLflow's database file, set up so that a commit does not wait for the disk."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from sqlalchemy import Engine, event

from service.home import Home


@contextmanager
def quick_commits(home: Home) -> Iterator[None]:
    """Quickens every SQLite connection that this process opens meanwhile; a MLflow elsewhere is left as it is.

    MLflow commits several times a trial, a millisecond each. In WAL mode with `synchronous = NORMAL` it is a hundredth
    of that, and a power failure costs what was last written, never the file (https://www.sqlite.org/pragma.html);
    the store has all of it.
    """
    if not home.embedded_tracking:
        yield
        return
    home.folder.mkdir(parents=True, exist_ok=True)
    _say(home, "PRAGMA journal_mode = WAL")
    event.listen(Engine, "connect", _wait_for_no_disk)
    try:
        yield
    finally:
        event.remove(Engine, "connect", _wait_for_no_disk)
        # Whoever copies the file has everything in it.
        _say(home, "PRAGMA wal_checkpoint(TRUNCATE)")


def _wait_for_no_disk(connection: Any, _record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = NORMAL")


def _say(home: Home, pragma: str) -> None:
    # Another sweep's process may be at work on the file in this moment: what is left out costs time alone.
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(home.folder / "mlflow.db")) as connection:
        connection.execute(pragma)
