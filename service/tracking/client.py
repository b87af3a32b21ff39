"""How MLflow is reached: the client of a home, and a quick check beforehand that needs no mlflow."""

import base64
import os
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from service.home import Home
from service.tracking.embedded import make_database
from service.tracking.links import base_url, without_password
from sweeps.errors import EnvironmentFailure, UserError

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_ALLOWED = "http://HOST:PORT of an `mlflow server`, or a database such as sqlite:////path/to/mlflow.db"
_TIMEOUT = 5.0

# What is set already wins. MLflow's own retries would keep a call to a dead server for four minutes, while a
# sync that failed is simply made again.
_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_DISABLE_AGENT_HINT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    # Quiet: what fails, `Tracking.trouble` says; and Alembic says dozens of lines over a new database.
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    # Standard output is for our own results.
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}


def open_client(home: Home) -> Any:
    """An MlflowClient for the home. Loads mlflow, which takes seconds. Raises UserError for a bad tracking URI."""
    check_scheme(home.tracking_uri)
    mlflow = load_mlflow()
    if home.embedded_tracking:
        make_database(home)
    return mlflow.MlflowClient(tracking_uri=home.tracking_uri)


def load_mlflow() -> Any:
    """The mlflow package, quiet and with short retries."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import mlflow

    return mlflow


def artifact_root(home: Home) -> str | None:
    """Where new experiments keep artifacts: under the home beside a local database, else where the server says."""
    return None if _is_server(home.tracking_uri) else home.artifacts.as_uri()


def check_scheme(tracking_uri: str) -> None:
    """Raises UserError if this is no URI of a tracking server or database."""
    scheme = urlsplit(tracking_uri).scheme.partition("+")[0]
    if scheme not in ("http", "https", *_DATABASES):
        raise UserError(
            f"'{without_password(tracking_uri)}' is no MLflow tracking URI that can be used; give {_ALLOWED}"
        )
    if scheme in ("http", "https") and not urlsplit(tracking_uri).hostname:
        raise UserError(f"the MLflow tracking URI '{tracking_uri}' names no host; give {_ALLOWED}")


def check_reachable(home: Home) -> None:
    """Asks an MLflow server for one experiment, as every later call will; a database is left to its first use.

    Raises UserError for a URI of a wrong kind, and EnvironmentFailure for a server that does not answer within
    five seconds, is no MLflow, or refuses us.
    """
    check_scheme(home.tracking_uri)
    if not _is_server(home.tracking_uri):
        return
    uri = base_url(home.tracking_uri)
    request = urllib.request.Request(f"{uri}/api/2.0/mlflow/experiments/search?max_results=1")
    if authorization := _authorization(home.tracking_uri):
        request.add_header("Authorization", authorization)
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT):
            return
    except urllib.error.HTTPError as error:
        _judge(uri, error)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        # Certificates are the client's business: it has settings for them that urllib does not know.
        if isinstance(reason, ssl.SSLError):
            return
        raise EnvironmentFailure(
            f"MLflow at {uri} cannot be reached ({reason}): see that the server runs there, set MLFLOW_TRACKING_URI "
            "to the right one, or unset it to use the embedded MLflow"
        ) from error


def _judge(uri: str, error: urllib.error.HTTPError) -> None:
    with error:
        said = error.read(300).decode(errors="replace").strip() or error.reason
    if error.code == 401:
        if _has_credentials_file():
            return
        raise EnvironmentFailure(
            f"MLflow at {uri} wants a login: set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
            "MLFLOW_TRACKING_TOKEN, to ones that it knows"
        ) from error
    if error.code == 403:
        raise EnvironmentFailure(
            f"MLflow at {uri} refuses us ({said}): if the name of the host is what it minds, start it with that "
            "name among its --allowed-hosts"
        ) from error
    raise EnvironmentFailure(
        f"{uri} answers, but not like an MLflow server (HTTP {error.code}): see that MLFLOW_TRACKING_URI is right"
    ) from error


def _is_server(tracking_uri: str) -> bool:
    return urlsplit(tracking_uri).scheme in ("http", "https")


def _authorization(tracking_uri: str) -> str | None:
    parts = urlsplit(tracking_uri)
    user = os.environ.get("MLFLOW_TRACKING_USERNAME") or unquote(parts.username or "")
    password = os.environ.get("MLFLOW_TRACKING_PASSWORD") or unquote(parts.password or "")
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    if user:
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return f"Bearer {token}" if token else None


def _has_credentials_file() -> bool:
    """True if the client may know a login that we do not."""
    return any((Path.home() / name).exists() for name in (".mlflow/credentials", ".netrc"))
