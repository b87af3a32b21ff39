"""Probes, metrics, and what a failing store looks like from outside."""

import logging
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import create_engine, text
from starlette.testclient import TestClient

from service.api.app import make_app
from service.store import Store
from service.store.engine import connect, parse
from service.store.schema import VERSION_TABLE
from tests.service.api.conftest import NewClient, settings_of


def samples(client: TestClient) -> dict[tuple[str, ...], float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    families = list(text_string_to_metric_families(answer.text))
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


def test_metrics_count_what_the_store_holds(client: TestClient, filled: str) -> None:
    found = samples(client)
    assert found["lrsweep_sweeps", "DONE"] == 1
    assert found["lrsweep_sweeps", "QUEUED"] == 0
    outcomes = {outcome: found["lrsweep_trials", outcome] for outcome in ("COMPLETE", "DIVERGED", "RUNNING", "FAILED")}
    assert outcomes == {"COMPLETE": 1, "DIVERGED": 1, "RUNNING": 1, "FAILED": 0}


def test_metrics_count_requests_by_route_and_never_by_what_strangers_make_up(client: TestClient, filled: str) -> None:
    for path in ("/api/v1/sweeps/last", f"/api/v1/sweeps/{filled}", "/api/v1/sweeps/nothere", "/made/up", "/made/up/2"):
        client.get(path)
    client.request("BREW", "/health")
    found = samples(client)
    assert found["lrsweep_http_requests_total", "GET", "/api/v1/sweeps/{ref}", "200"] == 2
    assert found["lrsweep_http_requests_total", "GET", "/api/v1/sweeps/{ref}", "404"] == 1
    assert found["lrsweep_http_request_seconds_count", "/api/v1/sweeps/{ref}"] == 3
    assert found["lrsweep_http_requests_total", "GET", "none", "404"] == 2
    assert not any("BREW" in key for key in found)


def test_a_server_is_ready_while_the_store_has_its_tables(new_client: NewClient, store: Store, store_url: str) -> None:
    client = new_client(anonymous=False)
    assert client.get("/ready").json() == {"status": "ok"}
    engine = create_engine(parse(store_url))
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0001'"))
    engine.dispose()
    assert client.get("/health").status_code == 200
    behind = client.get("/ready")
    assert behind.status_code == 503
    assert "lrsweep db upgrade" in behind.json()["detail"]


def test_a_store_that_is_away_tells_strangers_nothing(caplog: pytest.LogCaptureFixture) -> None:
    url = "postgresql://lrsweep:hunter2@127.0.0.1:1/lrsweep"
    with Store(connect(parse(url)), url) as store, TestClient(make_app(store, settings_of())) as client:
        with caplog.at_level(logging.INFO):
            answers = [client.get(path) for path in ("/api/v1/sweeps", "/ready", "/metrics")]
        assert client.get("/health").status_code == 200
    for answer in answers:
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "try again in a few seconds" in answer.json()["detail"]
        assert not any(secret in answer.text for secret in ("hunter2", "127.0.0.1", "postgres"))
    assert "cannot be reached" in caplog.text
    assert "hunter2" not in caplog.text


def test_no_token_is_ever_logged(new_client: NewClient, caplog: pytest.LogCaptureFixture, capfd: Any) -> None:
    secret = "lrs_" + "s3cr3t" * 8
    with caplog.at_level(logging.DEBUG):
        answer = new_client(anonymous=False).get("/api/v1/sweeps", headers={"Authorization": f"Bearer {secret}"})
    said = "".join((caplog.text, answer.text, *capfd.readouterr()))
    assert "s3cr3t" not in said
