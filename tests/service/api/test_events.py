"""Following a sweep through a real socket: nothing is missed, whoever is cut off goes on, and streams end."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from service.records import Scope, Status
from service.remote.http import Connection
from service.store import Store
from sweeps.records import Outcome
from tests.service.api.conftest import SPEC, fill, serving
from tests.service.store.conftest import Make

make = Make()


@pytest.fixture
def url(store: Store) -> Iterator[str]:
    """A real server over the store."""
    with serving(store, keep_alive=0.1) as url:
        yield url


def everything(url: str, sweep_id: str, last: int = 0) -> list[tuple[str, int | None, Any]]:
    with Connection(url, None) as server, server.stream("sweeps", sweep_id, "events", last=last) as events:
        return list(events)


def test_what_happened_before_and_while_one_follows(store: Store, url: str) -> None:
    sweep_id = fill(store, status=None)
    seen: list[tuple[str, int | None, Any]] = []
    follower = threading.Thread(target=lambda: seen.extend(everything(url, sweep_id)))
    follower.start()
    time.sleep(0.2)
    recorder = store.recorder(sweep_id)
    for epoch in (1, 2, 3):
        recorder.reported([(2, make.report(epoch), 1.0)])
        time.sleep(0.03)
    recorder.ended(2, make.ended(Outcome.PRUNED), 1.0)
    time.sleep(0.1)
    store.finish(sweep_id, Status.DONE)
    follower.join(10)
    assert not follower.is_alive()
    reports = [(document["trial"], document["epoch"]) for kind, _, document in seen if kind == "report"]
    assert reports == [(0, 1), (0, 2), (1, 1), (2, 1), (2, 2), (2, 3)]
    ids = [id for kind, id, _ in seen if kind == "report"]
    assert ids == [report.id for report in store.reports(sweep_id)]
    trials = [(document["number"], document["outcome"]) for kind, _, document in seen if kind == "trial"]
    assert trials == [(0, "COMPLETE"), (1, "DIVERGED"), (2, "PRUNED")]
    assert [document["optimizer"] for kind, _, document in seen if kind == "range-test"] == ["SGD"]
    states = [document["status"] for kind, _, document in seen if kind == "sweep"]
    assert (states[0], states[-1], seen[-1][0]) == ("RUNNING", "DONE", "sweep")


def test_who_was_cut_off_goes_on_after_the_last_id(store: Store, url: str) -> None:
    sweep_id = fill(store)
    ids = [report.id for report in store.reports(sweep_id)]
    assert [id for kind, id, _ in everything(url, sweep_id, last=ids[0]) if kind == "report"] == ids[1:]
    after = httpx2.get(f"{url}/api/v1/sweeps/{sweep_id}/events", headers={"Last-Event-ID": str(ids[-1])})
    assert (after.status_code, after.content) == (204, b"")
    query = httpx2.get(f"{url}/api/v1/sweeps/{sweep_id}/events", params={"after": ids[1]})
    assert query.text.count("event: report") == 1
    for wrong in ("x", "-1", str(2**63)):
        answer = httpx2.get(f"{url}/api/v1/sweeps/{sweep_id}/events", headers={"Last-Event-ID": wrong})
        assert answer.status_code == 422


def test_a_retried_trial_ends_again(store: Store, url: str) -> None:
    sweep_id = fill(store, status=None)
    recorder = store.recorder(sweep_id)
    recorder.ended(2, make.ended(Outcome.FAILED, error="boom"), None)
    with Connection(url, None) as server, server.stream("sweeps", sweep_id, "events", last=0) as events:
        while next(events)[0] != "sweep":
            pass
        store.reset_failed(sweep_id)
        assert next(events)[2]["trials"] == 2
        # Once this has come, the store was looked at since.
        recorder.reported([(2, make.report(1), 1.0)])
        assert next(events)[0] == "report"
        recorder.ended(2, make.ended(), 1.0)
        kind, _, trial = next(events)
        assert (kind, trial["number"], trial["outcome"]) == ("trial", 2, "COMPLETE")


def test_a_silent_stream_shows_that_it_lives_and_gives_its_place_back(store: Store) -> None:
    sweep_id = store.create_sweep(name="a", task="digits", spec=SPEC, total_trials=1)
    with serving(store, keep_alive=0.05, streams=1) as url:
        where = f"{url}/api/v1/sweeps/{sweep_id}/events"
        with httpx2.stream("GET", where) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.iter_lines()
            assert any(line == ": still here" for line in lines)
            busy = httpx2.get(where)
            assert (busy.status_code, busy.json()["status"]) == (503, 503)
        store.request_cancel(sweep_id)
        for _ in range(100):
            again = httpx2.get(where)
            if again.status_code == 200:
                break
            time.sleep(0.05)
        assert json.loads(again.text.split("data: ")[1])["status"] == "CANCELLED"


def test_a_stream_needs_a_token_like_all_else(store: Store) -> None:
    sweep_id = fill(store)
    token = store.create_token("ann", Scope.READ)
    with serving(store, anonymous=False) as url:
        where = f"{url}/api/v1/sweeps/{sweep_id}/events"
        assert httpx2.get(where).status_code == 401
        assert httpx2.get(where, headers={"Authorization": f"Bearer {token}"}).status_code == 200
        assert (
            httpx2.get(f"{url}/api/v1/sweeps/nothere/events", headers={"Authorization": f"Bearer {token}"}).status_code
            == 404
        )


def test_a_server_stops_though_somebody_follows(store: Store) -> None:
    sweep_id = store.create_sweep(name="a", task="digits", spec=SPEC, total_trials=1)
    with serving(store) as url:
        stream = httpx2.stream("GET", f"{url}/api/v1/sweeps/{sweep_id}/events")
        answer = stream.__enter__()
        next(answer.iter_lines())
    stream.__exit__(None, None, None)
