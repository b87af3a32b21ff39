"""What a sweep found out, over HTTP: the same documents as the command line's, on both databases."""

import json
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.store import Store
from service.views import curve_document, pick_documents, range_test_documents, report_document, trial_document


def plain(document: Any) -> Any:
    return json.loads(json.dumps(document, allow_nan=False))


def get(client: TestClient, path: str, **query: Any) -> Any:
    answer = client.get(f"/api/v1/sweeps/last/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_trials_come_in_pages(client: TestClient, store: Store, filled: str) -> None:
    documents = plain([trial_document(trial) for trial in store.trials(filled)])
    assert get(client, "trials") == {"items": documents, "next": None}
    assert get(client, "trials", limit=2) == {"items": documents[:2], "next": 1}
    assert get(client, "trials", limit=2, after=1) == {"items": documents[2:], "next": None}
    assert get(client, "trials/1") == documents[1]


def test_curves_reports_range_tests_and_picks(client: TestClient, store: Store, filled: str) -> None:
    assert get(client, "trials/0/curve") == plain(curve_document(store.curve(filled, 0)))
    assert get(client, "trials/2/curve") == {"step": [], "train_loss": [], "lr": []}
    reports = plain([report_document(report) for report in store.reports(filled)])
    assert len(reports) == 3
    assert get(client, "reports", limit=2) == {"items": reports[:2], "next": reports[1]["id"]}
    assert get(client, "reports", after=reports[1]["id"])["items"] == reports[2:]
    assert get(client, "reports", after=reports[2]["id"]) == {"items": [], "next": None}
    assert reports[2]["metrics"] == {"train/loss": None, "val/loss": None}
    tests = range_test_documents(store, filled, store.range_tests(filled))
    assert get(client, "range-tests") == plain(tests)
    assert get(client, "picks") == plain(pick_documents(store, filled))


@pytest.mark.parametrize("path", ["trials/3", "trials/3/curve", "trials/2147483647"])
def test_a_trial_that_is_not_there(client: TestClient, filled: str, path: str) -> None:
    answer = client.get(f"/api/v1/sweeps/{filled}/{path}")
    assert answer.status_code == 404
    assert "its trials are 0 to 2" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["trials/-1", "trials/2147483648", "trials/x", "trials?limit=0", "reports?after=-1"])
def test_a_number_that_none_can_have(client: TestClient, filled: str, path: str) -> None:
    answer = client.get(f"/api/v1/sweeps/{filled}/{path}")
    assert answer.status_code == 422
    assert len(answer.json()["problems"]) == 1
