"""A MLflow database that could not be completed leaves nothing in the way of the next attempt."""

from pathlib import Path

import pytest
from mlflow.store.db import utils

from service.tracking.client import open_client
from service.tracking.embedded import make_database
from tests.service.mlflow_server import home_in


def test_one_that_was_kept_from_completion_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = home_in(tmp_path / "home")
    with monkeypatch.context() as patch:
        patch.setattr(utils, "_upgrade_db", full)
        with pytest.raises(OSError, match="No space left"):
            open_client(home)
    assert not list(home.folder.iterdir())
    assert [each.name for each in open_client(home).search_experiments()] == ["Default"]


def full(engine: object) -> None:
    raise OSError(28, "No space left on device")


def test_what_another_process_made_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = home_in(tmp_path)
    theirs = home.folder / "mlflow.db"
    monkeypatch.setattr(
        utils, "_initialize_tables", lambda engine: (theirs.write_text("theirs"), engine.connect().close())
    )
    make_database(home)
    assert theirs.read_text() == "theirs"
    assert list(home.folder.iterdir()) == [theirs]
