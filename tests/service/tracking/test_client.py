"""A server that cannot be used is said at once, and what to do about it."""

import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from service.tracking.client import artifact_root, check_reachable
from sweeps.errors import EnvironmentFailure, UserError
from tests.service.mlflow_server import home_in


class Answering:
    """A web server on a port of its own that gives one answer to everything."""

    def __init__(self) -> None:
        self.code, self.body = 200, "{}"
        self.seen: list[tuple[str, str | None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.seen.append((self.path, self.headers.get("Authorization")))
                self.send_response(outer.code)
                self.end_headers()
                self.wfile.write(outer.body.encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def web() -> Iterator[Answering]:
    web = Answering()
    yield web
    web.close()


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No login of the machine's own user."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)


def test_a_server_that_answers_is_reachable(web: Answering, tmp_path: Path) -> None:
    check_reachable(home_in(tmp_path, f"http://127.0.0.1:{web.port}/prefix/"))
    assert web.seen == [("/prefix/api/2.0/mlflow/experiments/search?max_results=1", None)]


def test_a_database_is_left_to_its_first_use(tmp_path: Path) -> None:
    check_reachable(home_in(tmp_path))
    assert artifact_root(home_in(tmp_path)) == (tmp_path / "artifacts").as_uri()


@pytest.mark.parametrize("uri", ["ftp://host/x", "mlruns", "file:///tmp/mlruns", "localhost:5000", "http://"])
def test_a_uri_of_a_wrong_kind_is_the_users_mistake(uri: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"give http://HOST:PORT of an `mlflow server`, or a database"):
        check_reachable(home_in(tmp_path, uri))


def test_nobody_there(web: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web.close()
    asked: list[object] = []
    urlopen = urllib.request.urlopen

    def noted(request: object, *, timeout: float) -> object:
        asked.append(request)
        return urlopen(request, timeout=timeout)

    monkeypatch.setattr(urllib.request, "urlopen", noted)
    with pytest.raises(EnvironmentFailure, match=rf"MLflow at http://127.0.0.1:{web.port} cannot be reached .*refused"):
        check_reachable(home_in(tmp_path, f"http://ann:secret@127.0.0.1:{web.port}"))
    assert len(asked) == 1, "whoever refuses is not asked again and again"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (401, "wants a login: set MLFLOW_TRACKING_USERNAME"),
        (403, r"refuses us \(Invalid Host header\).*--allowed-hosts"),
        (404, r"not like an MLflow server \(HTTP 404\)"),
        (500, r"not like an MLflow server \(HTTP 500\)"),
    ],
)
def test_what_a_refusal_means(code: int, message: str, web: Answering, tmp_path: Path) -> None:
    web.code, web.body = code, "Invalid Host header"
    with pytest.raises(EnvironmentFailure, match=message):
        check_reachable(home_in(tmp_path, f"http://127.0.0.1:{web.port}"))


def test_logs_in_as_the_client_will(web: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_reachable(home_in(tmp_path, f"http://ann:s%40cret@127.0.0.1:{web.port}"))
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")
    check_reachable(home_in(tmp_path, f"http://127.0.0.1:{web.port}"))
    assert [login for _, login in web.seen] == ["Basic YW5uOnNAY3JldA==", "Bearer t0ken"]


def test_a_login_in_a_file_is_the_clients_business(web: Answering, tmp_path: Path) -> None:
    web.code = 401
    (tmp_path / ".netrc").touch()
    check_reachable(home_in(tmp_path, f"http://127.0.0.1:{web.port}"))


def test_the_first_use_of_an_embedded_mlflow_is_quiet_and_checks_need_no_mlflow(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from service.home import Home
from service.tracking import client, links, thread
home = Home(folder=Path({str(tmp_path / "home")!r}), store_url="", tracking_uri="sqlite:///{tmp_path}/home/mlflow.db")
client.check_reachable(home)
links.ui_command(home)
assert not {{"mlflow", "matplotlib", "pandas"}} & set(sys.modules), "too early"
client.open_client(home).search_experiments()
assert "mlflow" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
