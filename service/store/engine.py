"""Which databases a store may live in, and how a connection to each must be set up."""

import math
import re
import select
import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from service.store.codec import read_json
from sweeps.errors import EnvironmentFailure, UserError

ALLOWED = "sqlite:///path/to/lrsweep.db or postgresql://user:password@host/database"

BUSY_SECONDS = 30
"""How long a SQLite connection waits for another writer: writes take milliseconds, so longer means stuck."""

CONNECT_SECONDS = 10
"""How long to wait for a PostgreSQL server that does not answer at all."""

_MOST = 15
"""Connections of one process to PostgreSQL."""
_IDLE_SECONDS = 1.0
"""After which a silent connection is asked whether it still leads to a server: it may have been cut off unheard."""
_USED = "lrsweep_used"

VERSION_TABLE = "lrsweep_version"
"""Our own name: MLflow and Optuna both keep their revision in `alembic_version`."""

_OURS = f"SELECT 1 FROM sqlite_master WHERE name = '{VERSION_TABLE}'"
_WRITES = "lrsweep_writes"


def parse(url: str) -> URL:
    """The URL of a store, with the driver that lrsweep uses for it.

    >>> str(parse("postgresql://me@db/lrsweep"))
    'postgresql+psycopg://me@db/lrsweep'
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise UserError(f"'{hidden(url)}' is not a store URL; write {ALLOWED}") from error
    match parsed.drivername:
        case "sqlite" | "sqlite+pysqlite":
            if parsed.database in (None, "", ":memory:"):
                raise UserError(f"'{url}' names no file, and a store must outlive its process; write {ALLOWED}")
            return parsed.set(drivername="sqlite")
        case "postgresql" | "postgres" | "postgresql+psycopg":
            return parsed.set(drivername="postgresql+psycopg")
    raise UserError(f"a store cannot live in '{parsed.drivername}'; write {ALLOWED}")


def hidden(url: str | URL) -> str:
    """The URL without its password, for messages.

    >>> hidden("postgresql://me:secret@db/lrsweep")
    'postgresql://me:***@db/lrsweep'
    """
    text = url if isinstance(url, str) else url.render_as_string(hide_password=True)
    return re.sub(r"(//[^:@/]*):[^@]*@", r"\1:***@", text)


def connect(url: URL, *, foreign_keys: bool = True) -> Engine:
    """An engine whose transactions are safe among concurrent processes and threads; connects on first use.

    `foreign_keys=False` is for migrations: SQLite changes a table by dropping and refilling it, and the
    drop would delete what refers to it.
    """
    if url.drivername == "sqlite":
        return _sqlite(url, foreign_keys)
    if "connect_timeout" not in url.query:
        url = url.update_query_dict({"connect_timeout": str(CONNECT_SECONDS)})
    # Connections that are opened for a moment cost more than what they are asked, so all of them are kept; last in,
    # first out, so that those which are not needed grow idle.
    engine = create_engine(url, pool_size=_MOST, max_overflow=0, pool_use_lifo=True, json_deserializer=read_json)
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", _see_that_it_lives)
    return engine


def writing(engine: Engine) -> Engine:
    """The same engine for transactions that write: SQLite takes its write lock before they read."""
    return engine.execution_options(**{_WRITES: True})


def reading(engine: Engine) -> Engine:
    """The same engine for transactions that only read: all their queries see one moment."""
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def looking(engine: Engine) -> Engine:
    """The same engine for single statements that only read: one trip to the server each."""
    return engine if engine.dialect.name == "sqlite" else engine.execution_options(isolation_level="AUTOCOMMIT")


def _note_use(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info[_USED] = time.monotonic()


def _see_that_it_lives(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
    """Raises InvalidatePoolError, at which the pool connects anew, if the server is gone that this led to."""
    fresh = time.monotonic() - record.info.get(_USED, math.inf) < _IDLE_SECONDS
    try:
        if fresh and not _has_something_to_read(connection.fileno()):
            return
        before = connection.autocommit
        connection.autocommit = True
        connection.execute("")
        connection.autocommit = before
    except connection.Error as error:
        raise InvalidatePoolError from error


def _has_something_to_read(descriptor: int) -> bool:
    """True if a server that was asked nothing has said something: mostly farewell."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _sqlite(url: URL, foreign_keys: bool) -> Engine:
    assert url.database is not None
    folder = Path(url.database).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFailure(
            f"the folder {folder} of the store cannot be created: {error.strerror}; "
            "make it writable, or choose another with LRSWEEP_HOME or LRSWEEP_STORE"
        ) from error
    # The driver's own transactions begin too late, at the first write: what was read before is stale by then,
    # and concurrent read-modify-writes are lost silently. So it commits by itself, and we begin.
    given = {"isolation_level": None, "timeout": BUSY_SECONDS}
    engine = create_engine(url, connect_args=given, json_deserializer=read_json)

    def set_up(connection: sqlite3.Connection, _record: Any) -> None:
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        # WAL lets readers and a writer work side by side. It is written into the file, so only into our own.
        if connection.execute(_OURS).fetchone():
            _turn_wal_on(connection)

    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", begin)
    return engine


def _turn_wal_on(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        # SQLite does not wait here for others who open the new file in the same moment. All is well without WAL,
        # if slower, until the next connection turns it on.
        if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
