"""What a database's error means for the user, and what they can do about it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.store.engine import BUSY_SECONDS, hidden
from sweeps.errors import EnvironmentFailure, UserError

_GO_ON = "What was recorded before is kept: {cure}, then go on with `lrsweep run --resume ID`"
_FULL = "could not be written: the disk is full. " + _GO_ON.format(cure="free some space")
_READ_ONLY = "could not be written: it is read-only. " + _GO_ON.format(cure="make it writable")

_SQLITE = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_IOERR: "could not be read or written: {reason}. "
    + _GO_ON.format(cure="see whether the disk is full or failing"),
    sqlite3.SQLITE_BUSY: f"has been locked by another process for {BUSY_SECONDS} seconds. "
    + _GO_ON.format(cure="wait for that process or end it"),
    sqlite3.SQLITE_CANTOPEN: "could not be opened: {reason}. See that it is a file in a writable folder, or "
    "choose another place with LRSWEEP_HOME or LRSWEEP_STORE",
    sqlite3.SQLITE_CORRUPT: "is damaged: {reason}. Restore it from a copy, or move it away to start anew",
}

_POSTGRESQL = {
    "53100": _FULL,
    "25006": _READ_ONLY,
    "42501": "refuses: {reason}. Let the user of the URL create and change tables there",
}


@contextmanager
def explained(url: URL) -> Iterator[None]:
    """Turns a database's errors, where they are no bugs, into UserError or EnvironmentFailure."""
    try:
        yield
    except DBAPIError as error:
        explanation = _explain(error, url)
        if explanation is None:
            raise
        raise explanation from error
    except PoolTimeout as error:
        raise EnvironmentFailure(
            f"the store {hidden(url)} answers too slowly: all connections to it have been in use for half a minute. "
            "See whether its server is overloaded"
        ) from error


def _explain(error: DBAPIError, url: URL) -> Exception | None:
    lines = str(error.orig).strip().splitlines()
    reason = lines[0] if lines else type(error.orig).__name__
    if isinstance(error.orig, sqlite3.Error):
        return _explain_sqlite(error.orig, reason, f"the store {url.database}")
    store = f"the store {hidden(url)}"
    state: str | None = getattr(error.orig, "sqlstate", None)
    if state in _POSTGRESQL:
        return EnvironmentFailure(f"{store} {_POSTGRESQL[state].format(reason=reason)}")
    if isinstance(error, OperationalError):
        return EnvironmentFailure(
            f"{store} cannot be reached: {reason}. See that the server runs, and that host, port, user, "
            "password and database of the URL are right. " + _GO_ON.format(cure="have it answer again")
        )
    if state is None and "connection option" in reason:
        return UserError(f"{store}: {reason}")
    return None


def _explain_sqlite(error: sqlite3.Error, reason: str, store: str) -> Exception | None:
    # The low byte is the kind of failure; the rest says in which system call.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return UserError(f"{store} is not a SQLite database: name another file with --store or LRSWEEP_STORE")
    if code in _SQLITE:
        return EnvironmentFailure(f"{store} {_SQLITE[code].format(reason=reason)}")
    return None
