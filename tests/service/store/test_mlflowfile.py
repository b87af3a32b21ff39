"""The embedded MLflow's file takes commits without waiting for the disk, and is whole once its writer is gone."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from sqlalchemy import create_engine, text

from service.store.mlflowfile import quick_commits
from tests.service.mlflow_server import home_in


def pragma(url: str, name: str) -> object:
    engine = create_engine(url)
    with engine.connect() as connection:
        value = connection.execute(text(f"PRAGMA {name}")).scalar()
    engine.dispose()
    return value


def test_commits_wait_for_no_disk_meanwhile(tmp_path: Path) -> None:
    home = home_in(tmp_path)
    with quick_commits(home):
        assert (pragma(home.tracking_uri, "journal_mode"), pragma(home.tracking_uri, "synchronous")) == ("wal", 1)
    assert pragma(home.tracking_uri, "synchronous") == 2


def test_the_file_alone_has_everything_afterwards(tmp_path: Path) -> None:
    home = home_in(tmp_path)
    with quick_commits(home):
        assert pragma(home.tracking_uri, "journal_mode") == "wal"
        # A process that ends at once leaves its connections open.
        writer = sqlite3.connect(home.folder / "mlflow.db")
        writer.execute("CREATE TABLE runs (id TEXT)")
        writer.execute("INSERT INTO runs VALUES ('one')")
        writer.commit()
    copy = tmp_path / "copy.db"
    copy.write_bytes((home.folder / "mlflow.db").read_bytes())
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT id FROM runs").fetchall() == [("one",)]
    writer.close()


def test_a_mlflow_elsewhere_is_left_as_it_is(tmp_path: Path) -> None:
    elsewhere = replace(home_in(tmp_path / "home"), tracking_uri=f"sqlite:///{tmp_path}/other.db")
    with quick_commits(elsewhere):
        assert pragma(elsewhere.tracking_uri, "journal_mode") == "delete"
    assert not (tmp_path / "home" / "mlflow.db").exists()
