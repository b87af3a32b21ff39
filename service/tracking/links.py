"""Where a person finds a sweep in the MLflow UI, and how that UI is started. Imports no mlflow."""

import sys
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from service.home import Home
from service.records import MlflowPlace
from sweeps.errors import UserError

UI_PORT = 5000

# MLflow 3 opens in its GenAI mode, which hides metrics; its hash router reads the query behind the #.
_MODE = "workflowType=machine_learning"


def without_password(uri: str) -> str:
    """The URI without user and password, to be shown and stored.

    >>> without_password("https://ann:secret@mlflow.example.org/team")
    'https://mlflow.example.org/team'
    """
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else uri


def base_url(tracking_uri: str, *, port: int = UI_PORT) -> str:
    """The address of the UI: the tracking server's own, or the local one that `ui_command` starts.

    >>> base_url("sqlite:////data/mlflow.db")
    'http://127.0.0.1:5000'
    """
    if urlsplit(tracking_uri).scheme in ("http", "https"):
        return without_password(tracking_uri).rstrip("/")
    return f"http://127.0.0.1:{port}"


def run_path(experiment_id: str, run_id: str) -> str:
    """The way to a run within the UI.

    >>> run_path("1", "abc")
    '#/experiments/1/runs/abc?workflowType=machine_learning'
    """
    return f"#/experiments/{quote(experiment_id)}/runs/{quote(run_id)}?{_MODE}"


def trials_filter(sweep_id: str) -> str:
    """What finds a sweep's trials by themselves, where nested runs would be folded away."""
    return f"tags.`lrsweep.sweep` = '{sweep_id}' AND tags.`lrsweep.kind` = 'trial'"


def view_path(experiment_id: str, slug: str) -> str:
    """The way to the runs table in a view that was published: anything more in it, and the UI ignores the view.

    >>> view_path("1", "lrsweep-s1")
    '#/experiments/1/runs?workflowType=machine_learning&viewStateShareKey=lrsweep-s1'
    """
    return f"#/experiments/{quote(experiment_id)}/runs?{_MODE}&viewStateShareKey={quote(slug)}"


def trials_path(experiment_id: str, sweep_id: str, *, ascending: bool) -> str:
    """The way to the table of a sweep's trials, best first."""
    query = {
        "searchFilter": trials_filter(sweep_id),
        "orderByKey": "metrics.`objective`",
        "orderByAsc": str(ascending).lower(),
    }
    return f"#/experiments/{quote(experiment_id)}/runs?{_MODE}&{urlencode(query, quote_via=quote)}"


def artifact_address(run_id: str, path: str) -> str:
    """The address of an artifact, for pictures in a note: relative, so that it holds wherever the UI is served."""
    return f"get-artifact?path={quote(path)}&run_uuid={quote(run_id)}"


def run_url(place: MlflowPlace, run_id: str | None = None, *, port: int = UI_PORT) -> str:
    """The page of a sweep's parent run, or of another run of its experiment."""
    path = run_path(place.experiment_id, run_id or place.run_id)
    return f"{base_url(place.tracking_uri, port=port)}/{path}"


def experiment_url(place: MlflowPlace, *, port: int = UI_PORT) -> str:
    """The runs table of the experiment that a sweep belongs to."""
    path = f"#/experiments/{quote(place.experiment_id)}/runs?{_MODE}"
    return f"{base_url(place.tracking_uri, port=port)}/{path}"


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
    return command, {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
