"""Submitting, listing, showing and changing sweeps over HTTP, on both databases."""

import json
from typing import Any

import pytest
import yaml
from starlette.testclient import TestClient

from service.records import Status
from service.store import Store
from service.views import sweep_overview, sweep_summary
from sweeps.records import Ended, Outcome, Proposal
from sweeps.specfile import parse_spec
from tests.service.api.conftest import SPEC, fill

SWEEPS = "/api/v1/sweeps"


def submit(client: TestClient, spec: dict[str, Any] = SPEC, **headers: str) -> Any:
    answer = client.post(SWEEPS, json=spec, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_spec_is_queued_as_it_came(client: TestClient, store: Store) -> None:
    answer = client.post(SWEEPS, json=SPEC)
    document = answer.json()
    record = store.sweep(document["sweep"])
    assert (answer.status_code, answer.headers["location"]) == (201, f"{SWEEPS}/{record.id}")
    assert document == sweep_overview(record)
    assert (record.status, record.spec, record.total_trials, record.name) == (Status.QUEUED, SPEC, 3, "small")


def test_yaml_means_the_same(client: TestClient, store: Store) -> None:
    answer = client.post(SWEEPS, content=yaml.safe_dump(SPEC), headers={"Content-Type": "application/yaml"})
    assert answer.status_code == 201
    assert parse_spec(store.sweep(answer.json()["sweep"]).spec) == parse_spec(SPEC)


def test_what_the_linter_warns_of_comes_back_and_is_kept(client: TestClient, store: Store) -> None:
    spec = {**SPEC, "schedulers": [{"StepLR": {"step_size": 50}}]}
    document = submit(client, spec)
    assert [warning["path"] for warning in document["warnings"]] == ["schedulers[0].StepLR.step_size"]
    assert [finding.where for finding in store.sweep(document["sweep"]).findings] == ["schedulers[0].StepLR.step_size"]


def test_all_mistakes_come_at_once_and_nothing_is_queued(client: TestClient, store: Store) -> None:
    spec = {**SPEC, "task": "digit", "optimizers": ["SDG"], "trails": 3}
    answer = client.post(SWEEPS, json=spec)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    problems = {problem["path"]: problem["message"] for problem in answer.json()["problems"]}
    assert list(problems) == ["task", "optimizers[0]", "trails"]
    assert "did you mean 'SGD'?" in problems["optimizers[0]"]
    assert store.sweeps() == []


def test_an_idempotency_key_makes_one_sweep(client: TestClient, store: Store) -> None:
    first = submit(client, **{"Idempotency-Key": "monday-1"})
    again = client.post(
        SWEEPS,
        content=json.dumps(SPEC, indent=3),
        headers={"Content-Type": "application/json", "Idempotency-Key": "monday-1"},
    )
    assert (again.status_code, again.json()["sweep"]) == (200, first["sweep"])
    other = client.post(SWEEPS, json={**SPEC, "trials": 4}, headers={"Idempotency-Key": "monday-1"})
    assert other.status_code == 409
    assert "'monday-1' stood for another spec" in other.json()["detail"]
    assert len(store.sweeps()) == 1
    assert client.post(SWEEPS, json=SPEC, headers={"Idempotency-Key": "k" * 201}).status_code == 422


def test_the_list_pages_and_filters(client: TestClient, store: Store) -> None:
    made = [submit(client)["sweep"] for _ in range(5)]
    store.request_cancel(made[1])
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while True:
        page = client.get(SWEEPS, params=query).json()
        seen += [row["sweep"] for row in page["items"]]
        if page["next"] is None:
            break
        query["before"] = page["next"]
    assert seen == made[::-1]
    cancelled = client.get(SWEEPS, params={"status": "CANCELLED"}).json()
    assert cancelled == {"items": [sweep_summary(store.sweep(made[1]))], "next": None}
    for wrong in ({"limit": 0}, {"limit": 501}, {"status": "ODD"}, {"limit": "x"}):
        assert client.get(SWEEPS, params=wrong).status_code == 422
    assert client.get(SWEEPS, params={"before": "nothere"}).status_code == 404


def test_a_sweep_goes_by_its_id_its_beginning_and_last(client: TestClient) -> None:
    sweep_id = submit(client)["sweep"]
    for ref in (sweep_id, sweep_id[:6], sweep_id.upper(), "last"):
        assert client.get(f"{SWEEPS}/{ref}").json()["sweep"] == sweep_id
    for ref in ("nothere", "%", "..%2F..", "a%00b"):
        answer = client.get(f"{SWEEPS}/{ref}")
        assert answer.status_code == 404, ref
        assert answer.json()["status"] == 404


def test_the_documents_are_those_of_the_command_line(client: TestClient, store: Store, filled: str) -> None:
    assert client.get(f"{SWEEPS}/{filled}").json() == json.loads(json.dumps(sweep_overview(store.sweep(filled))))


def test_who_polls_is_told_when_nothing_has_changed(client: TestClient, store: Store) -> None:
    sweep_id = submit(client)["sweep"]
    for path in (SWEEPS, f"{SWEEPS}/{sweep_id}", f"{SWEEPS}/{sweep_id}/trials"):
        first = client.get(path)
        tag = first.headers["etag"]
        again = client.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        store.recorder(sweep_id).proposed(Proposal(number=0, optimizer="SGD", scheduler="none", initial_lr=0.1, seed=0))
    store.request_cancel(sweep_id)
    changed = client.get(f"{SWEEPS}/{sweep_id}/trials", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


def test_cancelling(client: TestClient, store: Store) -> None:
    waiting, running = submit(client)["sweep"], submit(client)["sweep"]
    store.claim(running, "1@there", 60)
    assert client.post(f"{SWEEPS}/{waiting}/cancel").json()["status"] == "CANCELLED"
    assert client.post(f"{SWEEPS}/{running}/cancel").json()["status"] == "RUNNING"
    assert store.renew(running, "1@there", 60) is True
    assert client.post(f"{SWEEPS}/nothere/cancel").status_code == 404


@pytest.mark.parametrize("verb", ["resume", "retry"])
def test_an_interrupted_sweep_is_queued_again(client: TestClient, store: Store, verb: str) -> None:
    sweep_id = fill(store, status=Status.INTERRUPTED)
    answer = client.post(f"{SWEEPS}/{sweep_id}/{verb}")
    assert (answer.status_code, answer.json()["status"]) == (202, "QUEUED")
    again = client.post(f"{SWEEPS}/{sweep_id}/{verb}")
    assert again.status_code == 409
    assert "is QUEUED already" in again.json()["detail"]


def test_failed_trials_are_trained_again(client: TestClient, store: Store) -> None:
    sweep_id = fill(store, status=None)
    store.recorder(sweep_id).ended(2, Ended(key="trial 2", outcome=Outcome.FAILED, error="boom"), None)
    store.finish(sweep_id, Status.DONE)
    assert client.post(f"{SWEEPS}/{sweep_id}/resume").status_code == 409
    assert client.post(f"{SWEEPS}/{sweep_id}/retry").status_code == 202
    assert [trial.outcome for trial in store.trials(sweep_id)] == [Outcome.COMPLETE, Outcome.DIVERGED, None]
