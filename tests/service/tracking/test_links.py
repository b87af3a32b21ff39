"""Links lead to the mode of the UI that shows metrics; the UI is served to this machine only."""

from pathlib import Path

import pytest

from service.records import MlflowPlace
from service.tracking.links import plain_path, public_uri, run_url, ui_command, view_url, without_password
from sweeps.errors import UserError
from tests.service.mlflow_server import home_in

EMBEDDED = MlflowPlace(tracking_uri="sqlite:////data/mlflow.db", experiment_id="7", run_id="abc")
SERVER = MlflowPlace(tracking_uri="https://ann:pw@mlflow.example.org/team/", experiment_id="7", run_id="abc")
QUERY = "workflowType=machine_learning"


def test_links_into_the_local_ui() -> None:
    assert run_url(EMBEDDED) == f"http://127.0.0.1:5000/#/experiments/7/runs/abc?{QUERY}"
    assert run_url(EMBEDDED, port=8123) == f"http://127.0.0.1:8123/#/experiments/7/runs/abc?{QUERY}"
    charts = f"{QUERY}&compareRunsMode=CHART&viewStateShareKey=lrsweep-s1"
    assert view_url(EMBEDDED, "s1", port=8123) == f"http://127.0.0.1:8123/#/experiments/7/runs?{charts}"


def test_links_into_a_server_keep_its_path_and_no_password() -> None:
    assert run_url(SERVER) == f"https://mlflow.example.org/team/#/experiments/7/runs/abc?{QUERY}"
    assert without_password("postgresql://u:p@db/x") == "postgresql://db/x"


def test_people_may_reach_a_server_by_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRSWEEP_MLFLOW_URL", "https://mlflow.example.org/")
    inside = MlflowPlace(tracking_uri="http://mlflow:5000", experiment_id="7", run_id="abc")
    assert run_url(inside) == f"https://mlflow.example.org/#/experiments/7/runs/abc?{QUERY}"
    assert public_uri(inside.tracking_uri) == "https://mlflow.example.org/"
    assert run_url(EMBEDDED).startswith("http://127.0.0.1:5000/")
    assert public_uri(EMBEDDED.tracking_uri) == EMBEDDED.tracking_uri


def test_without_a_view_runs_are_listed_best_first() -> None:
    path = plain_path("7", "s1", charts=False, ascending=False)
    assert path.startswith(f"#/experiments/7/runs?{QUERY}&searchFilter=tags.%60lrsweep.sweep%60%20%3D%20%27s1%27")
    assert path.endswith("&orderByKey=metrics.%60objective%60&orderByAsc=false")


def test_the_ui_of_an_embedded_mlflow(tmp_path: Path) -> None:
    command, environment = ui_command(home_in(tmp_path), port=8123)
    assert command[1:4] == ["-m", "mlflow", "server"]
    options = dict(zip(command[4::2], command[5::2], strict=True))
    assert options == {
        "--host": "127.0.0.1",
        "--port": "8123",
        "--backend-store-uri": f"sqlite:///{tmp_path / 'mlflow.db'}",
        "--artifacts-destination": str(tmp_path / "artifacts"),
        "--workers": "1",
        "--uvicorn-opts": f"--app-dir {tmp_path}",
    }
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"


def test_a_server_shows_its_own_ui(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the server at https://mlflow\.example\.org, .* open it there"):
        ui_command(home_in(tmp_path, "https://mlflow.example.org"))
