"""A store that cannot be opened or written says so in one clear message, and harms nothing."""

import hashlib
import sqlite3
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event

from service.store import Store, upgrade
from sweeps.errors import EnvironmentFailure, UserError


def fingerprint(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("lrsweep.db", "'lrsweep.db' is not a store URL; write sqlite:///path"),
        ("postgresql//me:secret@db/x", r"'postgresql//me:\*\*\*@db/x' is not a store URL"),
        ("postgresql://me:secret@db:port/x", r"me:\*\*\*@db:port/x' is not a store URL"),
        ("mysql://me:secret@db/x", "a store cannot live in 'mysql'; write sqlite:///path"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("postgresql://me:secret@127.0.0.1/x?colour=red", 'invalid connection option "colour"'),
    ],
)
def test_a_url_that_names_no_store_is_the_users_mistake(url: str, says: str) -> None:
    for call in (Store.open, upgrade):
        with pytest.raises(UserError, match=says) as caught:
            call(url)
        assert "secret" not in str(caught.value)


def test_a_server_that_is_away_is_told_with_what_to_do() -> None:
    with pytest.raises(EnvironmentFailure, match=r"cannot be reached: .*refused.*See that the server runs") as caught:
        Store.open("postgresql://me:secret@127.0.0.1:1/x")
    assert "secret" not in str(caught.value)


@pytest.mark.postgres
def test_a_missing_database_is_told_by_name(postgres_server: str) -> None:
    with pytest.raises(EnvironmentFailure, match=r'cannot be reached: .*database "nowhere" does not exist'):
        Store.open(f"{postgres_server}/nowhere")


@pytest.mark.postgres
def test_a_server_that_came_back_is_used_again(postgres_url: str) -> None:
    with Store.open(postgres_url, upgrade=True) as store, psycopg.connect(postgres_url, autocommit=True) as admin:
        sweep_id = store.create_sweep(name="x", task="y", spec={}, total_trials=1)
        # With a time, for without one it returns before they have ended: whom the cut hits in mid-statement is told so.
        ended = admin.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchall()
        assert ended == [(True,)]
        store.claim(sweep_id, "1@here", 60)


@pytest.mark.postgres
def test_a_user_who_may_not_make_tables_is_told(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute("DROP ROLE IF EXISTS guest")
        admin.execute("CREATE ROLE guest LOGIN")
    with pytest.raises(EnvironmentFailure, match="permission denied for schema public"):
        upgrade(postgres_url.replace("lrsweep@", "guest@"))


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database\n" * 100)
    before = fingerprint(file)
    with pytest.raises(UserError, match=r"notes\.txt is not a SQLite database: name another file"):
        Store.open(f"sqlite:///{file}")
    assert fingerprint(file) == before


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE experiments (id)")
    other.close()
    before = fingerprint(file)
    for call in (Store.open, upgrade):
        with pytest.raises(UserError, match="belongs to something else: it holds experiments; give lrsweep one"):
            call(f"sqlite:///{file}")
    assert fingerprint(file) == before


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFailure, match=r"cannot be created: .*LRSWEEP_HOME"):
        Store.open(f"sqlite:///{tmp_path}/file/below/lrsweep.db")


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure, match="could not be opened: unable to open database file"):
        Store.open(f"sqlite:///{tmp_path}")


def test_missing_folders_are_made(tmp_path: Path) -> None:
    Store.open(f"sqlite:///{tmp_path}/new/deep/lrsweep.db").close()
    assert (tmp_path / "new" / "deep" / "lrsweep.db").exists()


def test_a_read_only_store_can_be_read_and_says_why_not_written(tmp_path: Path) -> None:
    with Store.open(f"sqlite:///{tmp_path}/lrsweep.db") as store:
        event.listen(store._engine, "begin", lambda connection: connection.exec_driver_sql("PRAGMA query_only = ON"))
        assert store.sweeps() == []
        with pytest.raises(EnvironmentFailure, match="could not be written: it is read-only"):
            store.create_sweep(name="x", task="y", spec={}, total_trials=1)
