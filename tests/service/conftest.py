"""An empty MLflow of each kind: a database file, and a server over HTTP."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.tracking.client import open_client
from tests.service.mlflow_server import MlflowServer, home_in

# Only MLflow's own, and only while it is imported, makes its database or searches.
THIRD_PARTY = ("ignore:The ``noload`` loader strategy:DeprecationWarning",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            for warning in THIRD_PARTY:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="session")
def new_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database, made once: each takes MLflow a second."""
    folder = tmp_path_factory.mktemp("mlflow")
    open_client(home_in(folder)).search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def mlflow_server(tmp_path: Path, new_mlflow: Path) -> Iterator[MlflowServer]:
    """A running MLflow server with an empty database."""
    folder = tmp_path / "server"
    folder.mkdir()
    shutil.copy(new_mlflow, folder / "mlflow.db")
    server = MlflowServer(folder)
    server.start()
    yield server
    server.kill()
