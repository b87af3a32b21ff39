"""Who may do what: tokens, scopes, limits."""

import time
from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from service.api.bearers import TRUSTED, Bearers
from service.records import Scope
from service.store import Store
from tests.service.api.conftest import SPEC, NewClient

SWEEPS = "/api/v1/sweeps"
OPEN = ("/health", "/ready", "/api/v1/openapi.json")
CLOSED = (
    "/metrics",
    SWEEPS,
    *(f"{SWEEPS}/last{rest}" for rest in ("", "/trials", "/trials/0", "/trials/0/curve", "/reports", "/events")),
    *(f"{SWEEPS}/last/{rest}" for rest in ("range-tests", "picks")),
)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def strict(new_client: NewClient) -> TestClient:
    """A client of a server that others can reach."""
    return new_client(anonymous=False)


@pytest.mark.parametrize("path", CLOSED)
def test_nothing_is_said_without_a_token(strict: TestClient, path: str) -> None:
    answer = strict.get(path)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="lrsweep"')
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Authorization: Bearer TOKEN" in answer.json()["detail"]


def test_every_route_is_open_or_closed(strict: TestClient) -> None:
    paths = strict.get("/api/v1/openapi.json").json()["paths"]
    filled_in = {
        path.replace("{ref}", "last").replace("{number}", "0") for path, item in paths.items() if "get" in item
    }
    assert filled_in == {*OPEN[:2], *CLOSED}
    assert all(strict.get(path).status_code == 200 for path in OPEN)


@pytest.mark.parametrize("verb", ["", "/last/cancel", "/last/retry", "/last/resume"])
def test_nothing_is_done_without_a_token_or_with_one_that_only_reads(
    strict: TestClient, store: Store, verb: str
) -> None:
    assert strict.post(SWEEPS + verb, json=SPEC).status_code == 401
    answer = strict.post(SWEEPS + verb, json=SPEC, headers=bearer(store.create_token("eve", Scope.READ)))
    assert answer.status_code == 403
    assert "the token 'eve' has the scope read, and this needs submit" in answer.json()["detail"]


@pytest.mark.parametrize("header", ["Bearer wrong", "Bearer ", "Basic YTpi", "nonsense", "Bearer " + "x" * 5000])
@pytest.mark.parametrize("anonymous", [True, False])
def test_a_wrong_token_never_helps(new_client: NewClient, header: str, anonymous: bool) -> None:
    answer = new_client(anonymous=anonymous).get(SWEEPS, headers={"Authorization": header})
    assert answer.status_code == 401
    assert "not valid" in answer.json()["detail"]
    assert header.removeprefix("Bearer ") not in answer.text or header == "Bearer "


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP"])
def test_who_comes_through_a_proxy_is_not_of_this_machine(client: TestClient, header: str) -> None:
    assert client.get(SWEEPS).status_code == 200
    answer = client.get(SWEEPS, headers={header: "203.0.113.7"})
    assert answer.status_code == 401
    assert "--require-token" in answer.json()["detail"]


def test_a_token_ends(strict: TestClient, store: Store) -> None:
    good, old = (
        store.create_token("ann", Scope.READ),
        store.create_token("old", Scope.READ, lifetime=timedelta(hours=-1)),
    )
    assert strict.get(SWEEPS, headers=bearer(good)).status_code == 200
    assert strict.get(SWEEPS, headers=bearer(old)).status_code == 401
    store.revoke_token("ann")
    deadline = time.monotonic() + 10 * TRUSTED
    while strict.get(SWEEPS, headers=bearer(good)).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert strict.get(SWEEPS, headers=bearer(good)).status_code == 401


def test_a_token_is_looked_up_once_in_a_while(store: Store) -> None:
    now = 0.0
    bearers = Bearers(store, trusted=2.0, clock=lambda: now)
    good = store.create_token("ann", Scope.READ)
    assert bearers.known(good) is None
    found = bearers.look_up(good)
    assert found is not None
    assert found.name == "ann"
    store.revoke_token("ann")
    now = 1.9
    assert bearers.known(good) == found
    assert bearers.known(good + "x") is None
    now = 2.0
    assert bearers.known(good) is None
    assert bearers.look_up(good) is None
    assert bearers.known(good) is None


def test_sweeps_are_changed_by_whoever_submitted_them_or_an_admin(strict: TestClient, store: Store) -> None:
    ann, bob = (bearer(store.create_token(name, Scope.SUBMIT)) for name in ("ann", "bob"))
    boss = bearer(store.create_token("boss", Scope.ADMIN))
    sweep = strict.post(SWEEPS, json=SPEC, headers=ann).json()
    assert sweep["submitted_by"] == "ann"
    refused = strict.post(f"{SWEEPS}/{sweep['sweep']}/cancel", headers=bob)
    assert refused.status_code == 403
    assert "was submitted by 'ann'" in refused.json()["detail"]
    assert strict.get(f"{SWEEPS}/{sweep['sweep']}", headers=bob).status_code == 200
    assert strict.post(f"{SWEEPS}/{sweep['sweep']}/cancel", headers=ann).status_code == 200
    local, _ = store.submit(name="a", task="digits", spec=SPEC, total_trials=1)
    assert strict.post(f"{SWEEPS}/{local.id}/cancel", headers=ann).status_code == 403
    assert strict.post(f"{SWEEPS}/{local.id}/cancel", headers=boss).status_code == 200


def test_keys_of_two_submitters_do_not_meet(strict: TestClient, store: Store) -> None:
    ids = set()
    for name in ("ann", "bob"):
        headers = {**bearer(store.create_token(name, Scope.SUBMIT)), "Idempotency-Key": "1"}
        ids.add(strict.post(SWEEPS, json=SPEC, headers=headers).json()["sweep"])
    assert len(ids) == 2


def test_who_asks_too_often_waits_and_others_do_not(new_client: NewClient, store: Store) -> None:
    client = new_client(anonymous=False, rate=0.1)
    ann, bob = (bearer(store.create_token(name, Scope.READ)) for name in ("ann", "bob"))
    assert client.get(SWEEPS, headers=ann).status_code == 200
    answer = client.get(SWEEPS, headers=ann)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 10
    assert "more than 0.1 requests a second" in answer.json()["detail"]
    assert client.get(SWEEPS, headers=bob).status_code == 200
    # Guessing tokens counts against the address.
    assert [client.get(SWEEPS, headers=bearer(str(guess))).status_code for guess in range(2)] == [401, 429]
    assert client.get("/health").status_code == 200
