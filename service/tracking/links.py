"""Where a person finds a sweep in the MLflow UI, and how that UI is started. Imports no mlflow."""

import os
import shlex
import sys
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from service.home import Home
from service.records import MlflowPlace
from sweeps.errors import UserError

UI_PORT = 5000
PUBLIC = "LRSWEEP_MLFLOW_URL"

# MLflow 3 opens in its GenAI mode, which hides metrics; its hash router reads the query behind the #.
_MODE = "workflowType=machine_learning"


def without_password(uri: str) -> str:
    """The URI without user and password, to be shown and stored.

    >>> without_password("https://ann:secret@mlflow.example.org/team")
    'https://mlflow.example.org/team'
    """
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else uri


def public_uri(tracking_uri: str) -> str:
    """The tracking URI as people reach it: a server's may go by another address among machines, say in a container.

    That is LRSWEEP_MLFLOW_URL, where the operator has set it; it holds for every server.
    """
    serves = urlsplit(tracking_uri).scheme in ("http", "https")
    return without_password((serves and os.environ.get(PUBLIC)) or tracking_uri)


def base_url(tracking_uri: str, *, port: int = UI_PORT) -> str:
    """The address of the UI: the tracking server's, as people reach it, or the local one that `ui_command` starts.

    >>> base_url("sqlite:////data/mlflow.db")
    'http://127.0.0.1:5000'
    """
    if urlsplit(tracking_uri).scheme in ("http", "https"):
        return public_uri(tracking_uri).rstrip("/")
    return f"http://127.0.0.1:{port}"


def run_path(experiment_id: str, run_id: str) -> str:
    """The way to a run within the UI.

    >>> run_path("1", "abc")
    '#/experiments/1/runs/abc?workflowType=machine_learning'
    """
    return f"#/experiments/{quote(experiment_id)}/runs/{quote(run_id)}?{_MODE}"


def curves_path(experiment_id: str, run_id: str) -> str:
    """The way to the charts of a run.

    >>> curves_path("1", "abc")
    '#/experiments/1/runs/abc/model-metrics?workflowType=machine_learning'
    """
    return f"#/experiments/{quote(experiment_id)}/runs/{quote(run_id)}/model-metrics?{_MODE}"


def runs_filter(sweep_id: str) -> str:
    """What finds a sweep's trials and range tests, flat: without the run that they are nested in."""
    return f"tags.`lrsweep.sweep` = '{sweep_id}' AND tags.`lrsweep.kind` != 'sweep'"


def view_slug(sweep_id: str) -> str:
    """What a sweep's view is called in links."""
    return f"lrsweep-{sweep_id}"


def view_path(experiment_id: str, sweep_id: str, *, charts: bool) -> str:
    """The way to a sweep's view, its charts or its table. A filter or an order in it, and the UI would ignore the view.

    >>> view_path("1", "s1", charts=False)
    '#/experiments/1/runs?workflowType=machine_learning&viewStateShareKey=lrsweep-s1'
    """
    return f"{_runs_path(experiment_id, charts=charts)}&viewStateShareKey={quote(view_slug(sweep_id))}"


def plain_path(experiment_id: str, sweep_id: str, *, charts: bool, ascending: bool) -> str:
    """The way to a sweep's runs, best first, where MLflow has no view of them."""
    query = {
        "searchFilter": runs_filter(sweep_id),
        "orderByKey": "metrics.`objective`",
        "orderByAsc": str(ascending).lower(),
    }
    return f"{_runs_path(experiment_id, charts=charts)}&{urlencode(query, quote_via=quote)}"


def _runs_path(experiment_id: str, *, charts: bool) -> str:
    return f"#/experiments/{quote(experiment_id)}/runs?{_MODE}{'&compareRunsMode=CHART' if charts else ''}"


def artifact_address(run_id: str, path: str) -> str:
    """The address of an artifact, for pictures in a note: relative, so that it holds wherever the UI is served."""
    return f"get-artifact?path={quote(path)}&run_uuid={quote(run_id)}"


def run_url(place: MlflowPlace, *, port: int = UI_PORT) -> str:
    """The page of a sweep's parent run."""
    return f"{base_url(place.tracking_uri, port=port)}/{run_path(place.experiment_id, place.run_id)}"


def view_url(place: MlflowPlace, sweep_id: str, *, port: int = UI_PORT) -> str:
    """The charts of a sweep's trials and range tests."""
    return f"{base_url(place.tracking_uri, port=port)}/{view_path(place.experiment_id, sweep_id, charts=True)}"


def ui_command(home: Home, *, port: int = UI_PORT) -> tuple[list[str], dict[str, str]]:
    """The command that serves the UI of a local MLflow on this machine only, and what to add to its environment.

    Raises UserError where MLflow is a server already: its UI is at its own address.
    """
    if urlsplit(home.tracking_uri).scheme in ("http", "https"):
        raise UserError(f"MLflow is the server at {base_url(home.tracking_uri)}, which shows its own UI: open it there")
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", home.tracking_uri, "--artifacts-destination", str(home.artifacts)]
    # One worker serves one person; the job runner would start eight more processes, for what lrsweep never uses.
    command += ["--workers", "1"]
    # Neither Python nor uvicorn imports from the current folder: a user's file may have the name of a library's module.
    command += ["--uvicorn-opts", f"--app-dir {shlex.quote(str(home.folder))}"]
    return command, {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONSAFEPATH": "1",
    }
