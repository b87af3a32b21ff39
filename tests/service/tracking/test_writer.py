"""What is written in one go, whatever its size, arrives in requests that MLflow accepts."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from service.tracking.writer import Point, Writer

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Client:
    """Notes what it is asked, and refuses what MLflow would refuse."""

    def __init__(self) -> None:
        self.batches: list[dict[str, list[Any]]] = []
        self.calls: list[tuple[str, str]] = []
        self.artifacts: list[tuple[str, str | None]] = []
        self.broken = False

    def log_batch(self, run_id: str, **batch: list[Any]) -> None:
        size = sum(len(json.dumps(dict(item))) for items in batch.values() for item in items)
        assert size < 1_000_000
        assert sum(map(len, batch.values())) <= 1000
        assert max(len(batch.get("params", [])), len(batch.get("tags", []))) <= 100
        self.batches.append(batch)
        self.calls.append((run_id, "+".join(batch)))

    def set_terminated(self, run_id: str, status: str, end_time: int) -> None:
        self.calls.append((run_id, status))

    def update_run(self, run_id: str, status: str) -> None:
        self.calls.append((run_id, status))

    def log_artifact(self, run_id: str, path: str, folder: str) -> None:
        if self.broken:
            raise PermissionError("no bucket")
        self.artifacts.append((Path(path).name, folder))


def point(step: int, value: float = 1.0) -> Point:
    return Point(name="ü" * 250, value=value, step=step, at=AT)


@pytest.fixture
def client() -> Client:
    return Client()


def test_many_metrics_go_in_several_requests(client: Client) -> None:
    writer = Writer(client)
    writer.metrics("r", [point(step) for step in range(2500)])
    writer.send()
    assert all(len(batch["metrics"]) <= 1000 for batch in client.batches)
    assert [metric.step for batch in client.batches for metric in batch["metrics"]] == list(range(2500))
    assert writer.written == len(client.batches)


def test_many_long_params_and_tags_too(client: Client) -> None:
    writer = Writer(client)
    writer.params("r", {f"p{index}": "ü" * 9000 for index in range(150)})
    writer.tags("r", {f"t{index}": "ü" * 9000 for index in range(150)})
    writer.send()
    params = [param for batch in client.batches for param in batch.get("params", [])]
    tags = [tag for batch in client.batches for tag in batch.get("tags", [])]
    assert (len(params), len(tags)) == (150, 150)
    assert all(len(param.value) == 6000 and param.value.endswith("…") for param in params)
    assert all(len(tag.value) == 8000 for tag in tags)


def test_all_that_is_kept_of_a_run_is_one_request_after_its_status(client: Client) -> None:
    writer = Writer(client)
    writer.tags("a", {"colour": "red", "shown": "yes"})
    writer.metrics("a", [point(1)])
    writer.metrics("b", [point(1)])
    writer.params("a", {"lr": "0.1"})
    writer.metrics("a", [point(2)])
    writer.status("a", "FINISHED", AT)
    writer.status("b", "RUNNING")
    assert (client.calls, writer.written) == ([], 0)
    writer.send()
    assert client.calls == [("a", "FINISHED"), ("a", "params+metrics+tags"), ("b", "RUNNING"), ("b", "metrics")]
    assert [tag.key for tag in client.batches[0]["tags"]] == ["colour", "shown"]
    assert writer.written == len(client.calls)
    writer.send()
    assert writer.written == len(client.calls)


@pytest.mark.parametrize("points", [0, 899, 900, 901, 999, 1000, 1001, 2500])
def test_tags_come_last_however_much_there_is(client: Client, points: int) -> None:
    writer = Writer(client)
    writer.tags("r", {f"t{index}": "v" for index in range(101)})
    writer.metrics("r", [Point(name="loss", value=1.0, step=step, at=AT) for step in range(points)])
    writer.params("r", {f"p{index}": "v" for index in range(101)})
    writer.send()
    kinds = ("params", "metrics", "tags")
    sent = [(kind, len(batch[kind])) for batch in client.batches for kind in kinds if kind in batch]
    assert [kind for kind, _ in sent] == sorted((kind for kind, _ in sent), key=kinds.index)
    assert {kind: sum(count for each, count in sent if each == kind) for kind in kinds} == {
        "params": 101,
        "metrics": points,
        "tags": 101,
    }


def test_nothing_to_write_is_no_request(client: Client) -> None:
    writer = Writer(client)
    writer.metrics("r", [point(1, math.nan), point(2, math.inf)])
    writer.params("r", {})
    writer.tags("r", {})
    writer.flush()
    assert client.batches == []
    assert writer.written == 0


def test_tags_that_say_so_are_set_once_files_are_there(client: Client) -> None:
    writer = Writer(client)
    writer.later("r", lambda: {"a.txt": b"a", "plots/b.png": b"b"}, {"shown": "yes"})
    client.broken = True
    with pytest.raises(PermissionError):
        writer.flush()
    assert client.batches == []
    client.broken = False
    writer.flush()
    assert client.artifacts == [("a.txt", ""), ("b.png", "plots")]
    assert client.batches[0]["tags"][0].key == "shown"
