"""Whether a database holds lrsweep's tables, of this version, and how it comes to.

Alembic is loaded only where tables must change: a store that is up to date says so in one SELECT, and an empty one gets
the tables of `tables.py` at once, which is what the migrations come to. That takes a tenth of the time.
"""

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import OperationalError, ProgrammingError

from service.store.engine import VERSION_TABLE, connect, hidden, parse, reading, writing
from service.store.failures import explained
from service.store.tables import Base
from sweeps.errors import UserError

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008")
"""Every revision in migrations/versions, oldest first; a test compares the two."""

HEAD = REVISIONS[-1]

_version = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)
"""As Alembic makes it."""
_revision = select(_version.c.version_num)

# Any number: whoever upgrades the same database takes the lock of the same one.
_UPGRADE_LOCK = 7236


def is_current(engine: Engine) -> bool:
    """True if the store can be used as it is, False if it must be upgraded first.

    Raises UserError if it was made by a newer lrsweep, or if the database belongs to something else.
    """
    with reading(engine).connect() as connection:
        try:
            revision = connection.scalar(_revision)
        except (OperationalError, ProgrammingError):
            connection.rollback()
            revision = _stored_revision(connection)
        _refuse_foreign(connection, revision)
        return bool(revision == HEAD)


def upgrade(url: str) -> str | None:
    """Brings a store up to date and returns the revision that it had; None if it had no tables.

    All or nothing, and safe when two do it at once. Raises what `is_current` raises.
    """
    parsed = parse(url)
    engine = connect(parsed, foreign_keys=False)
    try:
        with explained(parsed):
            with writing(engine).begin() as connection:
                revision = _upgrade(connection)
            # SQLite's WAL is turned on by the first connection that finds our tables.
            engine.dispose()
            engine.connect().close()
            return revision
    finally:
        engine.dispose()


def _upgrade(connection: Connection) -> str | None:
    sqlite = connection.dialect.name == "sqlite"
    if not sqlite:
        connection.execute(select(func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
    revision = _stored_revision(connection)
    _refuse_foreign(connection, revision)
    if revision is None:
        _create(connection)
    elif revision != HEAD:
        from alembic import command

        from migrations.config import config

        command.upgrade(config(connection), "head")
        if sqlite and (broken := connection.execute(text("PRAGMA foreign_key_check")).all()):
            raise AssertionError(f"a migration left rows that refer to nothing: {broken[:3]}")
    return revision


def _create(connection: Connection) -> None:
    Base.metadata.create_all(connection)
    _version.create(connection, checkfirst=True)
    connection.execute(_version.insert().values(version_num=HEAD))


def _stored_revision(connection: Connection) -> str | None:
    return connection.scalar(_revision) if inspect(connection).has_table(VERSION_TABLE) else None


def _refuse_foreign(connection: Connection, revision: str | None) -> None:
    """Raises UserError if writing to this database would harm what somebody else keeps in it."""
    if revision in REVISIONS:
        return
    where = hidden(connection.engine.url)
    if revision is not None:
        raise UserError(
            f"the store {where} was made by a newer lrsweep (revision {revision}; this one knows up to "
            f"{HEAD}): upgrade lrsweep, or choose another store with LRSWEEP_STORE; nothing was changed"
        )
    found = set(inspect(connection).get_table_names()) - {VERSION_TABLE}
    # A server's database may be shared, as long as no names collide; a file is one program's.
    if connection.dialect.name != "sqlite":
        found &= set(Base.metadata.tables)
    if found:
        raise UserError(
            f"the database {where} belongs to something else: it holds {', '.join(sorted(found)[:5])}; "
            "give lrsweep one of its own with LRSWEEP_STORE; nothing was changed"
        )
