"""What Alembic runs for every command: our tables, our version table, the caller's connection."""

from typing import Any, Literal

from alembic import context
from sqlalchemy.types import TypeDecorator

from service.store.engine import VERSION_TABLE
from service.store.tables import Base


def render_item(kind: str, item: Any, _autogenerate: Any) -> str | Literal[False]:
    """Writes what a column is in the database, so that old revisions outlive our own types."""
    return f"sa.{item.impl!r}" if kind == "type" and isinstance(item, TypeDecorator) else False


connection = context.config.attributes["connection"]

context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    # SQLite cannot alter a column: batches copy the table instead.
    render_as_batch=connection.dialect.name == "sqlite",
    render_item=render_item,
)

with context.begin_transaction():
    context.run_migrations()
