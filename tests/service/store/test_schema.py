"""Tables are made at once or come from migrations, and are the same."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from migrations.config import config
from service.store import Store, upgrade
from service.store.engine import connect, parse, writing
from service.store.schema import HEAD, REVISIONS, VERSION_TABLE
from service.store.tables import Base
from sweeps.errors import UserError

ROOT = Path(__file__).parents[3]


@contextmanager
def alembic(url: str) -> Iterator[Config]:
    engine = connect(parse(url), foreign_keys=False)
    with writing(engine).begin() as connection:
        yield config(connection)
    engine.dispose()


def run_sql(url: str, statement: str) -> None:
    engine = create_engine(parse(url))
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_the_code_knows_every_revision_in_order() -> None:
    script = ScriptDirectory(str(ROOT / "migrations"))
    assert [revision.revision for revision in script.walk_revisions()][::-1] == list(REVISIONS)
    assert script.get_heads() == [HEAD]


def test_the_models_and_the_migrations_agree(store_url: str) -> None:
    with alembic(store_url) as configuration:
        command.upgrade(configuration, "head")
        command.check(configuration)
    assert upgrade(store_url) == HEAD


def shape(url: str) -> dict[str, dict[str, Any]]:
    """What a database says about every table, whatever the order of its columns."""
    engine = create_engine(parse(url))
    found = inspect(engine)
    told: dict[str, dict[str, Any]] = {
        kind.__name__: {key[1]: sorted(map(plain, parts)) for key, parts in kind().items()}
        for kind in (
            found.get_multi_columns,
            found.get_multi_foreign_keys,
            found.get_multi_unique_constraints,
            found.get_multi_indexes,
        )
    }
    keys = {key[1]: plain(part) for key, part in found.get_multi_pk_constraint().items()}
    engine.dispose()
    return {**told, "keys": keys}


def plain(part: Any) -> str:
    """A part of a table in words; what SQLAlchemy made objects of as its SQL."""
    if isinstance(part, Mapping):
        return str({name: plain(value) for name, value in part.items()})
    return str(part)


def test_made_at_once_they_are_what_the_migrations_come_to(store_url: str) -> None:
    upgrade(store_url)
    at_once = shape(store_url)
    with alembic(store_url) as configuration:
        command.downgrade(configuration, "base")
        command.upgrade(configuration, "head")
    assert set(at_once["keys"]) == {*Base.metadata.tables, VERSION_TABLE}
    assert shape(store_url) == at_once


def test_down_to_nothing_and_up_again(store_url: str) -> None:
    upgrade(store_url)
    with alembic(store_url) as configuration:
        command.downgrade(configuration, "base")
    engine = create_engine(parse(store_url))
    assert inspect(engine).get_table_names() == [VERSION_TABLE]
    engine.dispose()
    with Store.open(store_url, upgrade=True) as store:
        assert store.sweeps() == []


def test_a_store_of_a_newer_version_is_refused_untouched(store_url: str) -> None:
    Store.open(store_url, upgrade=True).close()
    run_sql(store_url, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    file = Path(store_url.removeprefix("sqlite:///"))
    before = file.read_bytes() if file.exists() else None
    for call in (upgrade, Store.open, lambda url: Store.open(url, upgrade=True)):
        with pytest.raises(
            UserError, match=r"was made by a newer lrsweep .*9999.*: upgrade lrsweep.*nothing was changed"
        ):
            call(store_url)
    assert (file.read_bytes() if file.exists() else None) == before


def test_a_local_store_makes_its_tables_itself_unless_told_not_to(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lrsweep.db"
    with pytest.raises(UserError, match="run `lrsweep db upgrade`"):
        Store.open(url, upgrade=False)
    Store.open(url).close()
    Store.open(url, upgrade=False).close()


@pytest.mark.postgres
def test_a_shared_server_is_left_to_its_administrator(postgres_url: str) -> None:
    with pytest.raises(UserError, match="run `lrsweep db upgrade`"):
        Store.open(postgres_url)
    upgrade(postgres_url)
    Store.open(postgres_url).close()


@pytest.mark.postgres
def test_a_shared_database_is_used_unless_names_collide(postgres_url: str) -> None:
    run_sql(postgres_url, "CREATE TABLE customers (id int)")
    upgrade(postgres_url)
    with alembic(postgres_url) as configuration:
        command.downgrade(configuration, "base")
    run_sql(postgres_url, "CREATE TABLE trials (id int)")
    with pytest.raises(UserError, match="belongs to something else: it holds trials"):
        upgrade(postgres_url)


@pytest.mark.postgres
def test_a_failed_upgrade_leaves_nothing_behind(postgres_url: str) -> None:
    # An index of that name is in the way of the last statements of the first revision.
    run_sql(postgres_url, "CREATE TABLE customers (id int)")
    run_sql(postgres_url, "CREATE INDEX ix_reports_sweep_id_id ON customers (id)")
    with pytest.raises(Exception, match="already exists"):
        upgrade(postgres_url)
    with psycopg.connect(postgres_url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    assert tables == [("customers",)]


def test_the_next_revision_is_written_by_one_command(tmp_path: Path) -> None:
    for package in ("migrations", "service", "sweeps"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    tables = tmp_path / "service" / "store" / "tables.py"
    tables.write_text(
        tables.read_text().replace("    name: Mapped[str]\n", "    name: Mapped[str]\n    since: Mapped[datetime]\n", 1)
    )
    subprocess.run([sys.executable, "-m", "migrations", "say", "since"], cwd=tmp_path, check=True, capture_output=True)
    written = (tmp_path / "migrations" / "versions" / f"{len(REVISIONS) + 1:04}_say_since.py").read_text()
    assert written.startswith('"""say since."""')
    assert f'down_revision = "{HEAD}"' in written.replace("'", '"')
    assert "sa.Column('since', sa.DateTime(timezone=True), nullable=False)" in written
    compile(written, "revision", "exec")
