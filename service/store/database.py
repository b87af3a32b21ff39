"""Transactions on one store, for every part of it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from typing import Any, Self

from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from service.store.engine import looking, reading, writing
from service.store.failures import explained
from service.store.tables import Base


class Database:
    """Hands out transactions: `read` sees one moment, `write` is all or nothing. Threads may share it."""

    def __init__(self, engine: Engine, url: str) -> None:
        self.url = url
        self._engine = engine
        self._reading, self._looking = reading(engine), looking(engine)
        self._writing = writing(engine)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that sees one moment and never waits for a writer."""
        with explained(self._engine.url), Session(self._reading) as session:
            yield session

    @contextmanager
    def look(self) -> Iterator[Session]:
        """For a statement that sees one moment by itself, or several that need not see the same."""
        with explained(self._engine.url), Session(self._looking) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that is kept whole once the block ends, and leaves no trace if it raises."""
        with explained(self._engine.url), Session(self._writing) as session, session.begin():
            yield session

    def close(self) -> None:
        """Closes every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def clock(session: Session) -> datetime:
    """The store's own time: leases are compared by one clock, however many machines take them."""
    if session.get_bind().dialect.name == "sqlite":
        return datetime.now(UTC)
    now: datetime = session.scalars(select(func.clock_timestamp())).one()
    return now.astimezone(UTC)


def upsert(
    session: Session,
    row: type[Base],
    rows: Sequence[Mapping[str, Any]],
    *,
    keys: Sequence[str],
    keep: Sequence[str] = (),
) -> None:
    """Inserts rows, or brings those with the same keys up to date, all but the columns in `keep`.

    All have the same columns; there is at least one.
    """
    changed = tuple(name for name in rows[0] if name not in keys and name not in keep)
    session.connection().execute(_upsert(_dialect(session), row, tuple(keys), changed), rows)


def insert_new(session: Session, row: type[Base], values: Mapping[str, Any]) -> bool:
    """Inserts a row and says True, or False if there is one with its keys, of this moment's others too."""
    return session.connection().execute(_insert_new(_dialect(session), row), values).first() is not None


def _dialect(session: Session) -> str:
    return session.get_bind().dialect.name


# Statements that are made once: making one takes as long as running it.


@cache
def _upsert(dialect: str, row: type[Base], keys: tuple[str, ...], changed: tuple[str, ...]) -> Any:
    statement = _insert(dialect, row)
    new_values = {name: statement.excluded[name] for name in changed}
    return statement.on_conflict_do_update(index_elements=keys, set_=new_values)


@cache
def _insert_new(dialect: str, row: type[Base]) -> Any:
    return _insert(dialect, row).on_conflict_do_nothing().returning(*row.__table__.primary_key)


def _insert(dialect: str, row: type[Base]) -> Any:
    # Only the dialect in use: the other's import would cost every command a twentieth of a second.
    return import_module(f"sqlalchemy.dialects.{dialect}").insert(row.__table__)
