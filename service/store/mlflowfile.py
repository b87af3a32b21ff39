"""The embedded MLflow's database file, set up so that a commit does not wait for the disk."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
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
    event.listen(Engine, "connect", _wait_for_no_disk)
    try:
        yield
    finally:
        event.remove(Engine, "connect", _wait_for_no_disk)
        _complete(home.folder / "mlflow.db")


def _wait_for_no_disk(connection: Any, _record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        with _locked_costs_time_alone():
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")


def _complete(file: Path) -> None:
    """Whoever copies the file has everything in it."""
    if file.exists():
        with _locked_costs_time_alone(), closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _locked_costs_time_alone() -> suppress:
    # Another sweep's process may be at work on the file in this moment.
    return suppress(sqlite3.OperationalError)
