"""Small records to fill stores with, and a folder for real coordinators."""

from pathlib import Path

import pytest

from tests.service.coordinator.live import TASK
from tests.service.store.conftest import Make


@pytest.fixture
def make() -> Make:
    return Make()


@pytest.fixture
def here(tmp_path: Path, new_mlflow: Path) -> Path:
    """A folder with a task, and with an MLflow database that is made already."""
    home = tmp_path / ".lrsweep"
    home.mkdir()
    (home / "mlflow.db").write_bytes(new_mlflow.read_bytes())
    (tmp_path / "task.py").write_text(TASK)
    return tmp_path
