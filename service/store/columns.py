"""Column types that give back from SQLite and from PostgreSQL what they were given."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect
from sqlalchemy.types import TypeDecorator

from service.store.codec import to_json


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC. SQLite keeps no time zone and would give it back naive."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turns any aware datetime into UTC."""
        if value is None:
            return None
        assert value.tzinfo is not None, "a naive datetime is a bug: nobody knows which moment it means"
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Makes what came out aware again; PostgreSQL answers in the time zone of its session."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """Nested plain values, NaN and infinity among them.

    JSON and not JSONB: that would reorder keys, and `1e-2` would not come back as it was written. Every engine of a
    store reads JSON with `read_json`.
    """

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Writes NaN and infinity in a way that strict JSON takes."""
        return to_json(value)
