"""Requests that nobody means well with, or that are only too large: each is turned down with its reason."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from service.api.guard import MOST_BYTES
from service.api.intake import MOST_YAML
from service.store import Store
from tests.service.api.conftest import SPEC, NewClient

SWEEPS = "/api/v1/sweeps"
YAML = {"Content-Type": "application/yaml"}
JSON = {"Content-Type": "application/json"}
BOMB = "a: &a [x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 4)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.fixture
def store(tmp_path: Any) -> Iterator[Store]:
    """What is checked here comes before any database."""
    with Store.open(f"sqlite:///{tmp_path}/lrsweep.db") as store:
        yield store


@pytest.mark.parametrize(
    ("content", "headers", "status", "words"),
    [
        (BOMB, YAML, 422, "body, line 2: aliases are not taken here; write it out"),
        ("a: *b", YAML, 422, "aliases are not taken here"),
        ("task: !!python/object/apply:os.system [id]", YAML, 422, "could not determine a constructor"),
        ("task: [", YAML, 422, "body, line 1"),
        ("[" * 100_000, JSON, 422, "nested too deeply"),
        ("[" * 5000, YAML, 422, "nested too deeply"),
        ("x: " + "y" * MOST_YAML, YAML, 413, f"allowed are {MOST_YAML}"),
        ("{}", {"Content-Type": "text/plain"}, 415, "cannot come as 'text/plain'"),
        ("{}", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "send it as application/json"),
        ("{}", {}, 415, "cannot come as ''"),
        ("", JSON, 422, "not valid JSON"),
        ("[]", JSON, 422, "must be an object"),
        ('{"task": 1, "task": 2}', JSON, 422, "'task' stands twice"),
        ('{"task": NaN}', JSON, 422, "NaN is no number of JSON's"),
        ('{"trials": ' + "9" * 5000 + "}", JSON, 422, "not valid JSON"),
        (b"\xff\xfe", JSON, 422, "encode it as UTF-8"),
    ],
)
def test_a_body_that_is_no_spec(
    new_client: NewClient, content: str | bytes, headers: dict[str, str], status: int, words: str
) -> None:
    answer = new_client().post(SWEEPS, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"name": "a\0b"}, "name"),
        ({"task": "\ud800"}, "task"),
        ({"trials": 10**12}, "trials"),
        ({"trials": 400_000, "seeds": 3}, "trials"),
        ({"seed": 10**30}, "seed"),
        ({"optimizers": [{"SGD": {"lr": "HUGE"}}]}, "optimizers[0].SGD.lr"),
        ({"schedulers": [{"LambdaLR": {"lr_lambda": "__import__('os').system('id')"}}]}, "schedulers[0].LambdaLR"),
    ],
)
def test_a_value_that_nobody_can_hold(new_client: NewClient, change: dict[str, Any], path: str) -> None:
    content = json.dumps({**SPEC, **change}).replace('"HUGE"', "1e999")
    answer = new_client().post(SWEEPS, content=content, headers=JSON)
    assert answer.status_code == 422, answer.text
    assert answer.json()["problems"][0]["path"].startswith(path)


def test_a_body_is_never_longer_than_allowed_whatever_it_says(new_client: NewClient) -> None:
    client = new_client()
    exact = json.dumps(SPEC).encode().ljust(MOST_BYTES)
    assert client.post(SWEEPS, content=exact, headers=JSON).status_code == 201
    assert client.post(SWEEPS, content=exact + b" ", headers=JSON).status_code == 413

    def chunks() -> Iterator[bytes]:
        for _ in range(5):
            yield b" " * (MOST_BYTES // 4)

    answer = client.post(SWEEPS, content=chunks(), headers=JSON)
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.post(SWEEPS, content=b"", headers={"Content-Length": "-1"}).status_code == 400


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:8400", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8400", 200),
        ("evil.example.org", 421),
        ("localhost.evil.example.org", 421),
        ("[", 421),
        ("", 421),
    ],
)
def test_a_server_goes_by_its_own_names_alone(new_client: NewClient, host: str, status: int) -> None:
    client = new_client(hosts=("localhost", "127.0.0.1", "::1"))
    answer = client.get("/health", headers={"Host": host})
    assert answer.status_code == status
    if status == 421:
        assert "--allowed-host NAME" in answer.json()["detail"]


@pytest.mark.parametrize("origin", ["https://evil.example.org", "http://localhost:3000", "null"])
def test_pages_of_other_sites_are_not_answered(new_client: NewClient, store: Store, origin: str) -> None:
    sweep_id = store.create_sweep(name="a", task="digits", spec=SPEC, total_trials=1)
    answer = new_client().post(f"{SWEEPS}/{sweep_id}/cancel", headers={"Origin": origin})
    assert answer.status_code == 403
    assert store.sweep(sweep_id).status == "QUEUED"
    assert "access-control-allow-origin" not in answer.headers


def test_its_own_origin_is_answered(new_client: NewClient) -> None:
    assert new_client().get("/health", headers={"Origin": "http://localhost"}).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/nowhere", "/api/v1/sweeps", "/api/v1/sweeps/none"])
def test_every_answer_carries_the_security_headers(new_client: NewClient, path: str) -> None:
    headers = new_client().get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["x-frame-options"] == "DENY"
    assert "cache-control" in headers
    assert "server" not in headers


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nowhere"), ("DELETE", SWEEPS), ("GET", f"{SWEEPS}/"), ("PUT", "/")]
)
def test_what_is_not_there_is_a_problem_too(new_client: NewClient, method: str, path: str) -> None:
    answer = new_client().request(method, path)
    assert answer.status_code in (404, 405)
    assert answer.headers["content-type"] == "application/problem+json"
    assert path in answer.json()["detail"]
