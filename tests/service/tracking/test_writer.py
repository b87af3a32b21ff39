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
        self.artifacts: list[tuple[str, str | None]] = []
        self.broken = False

    def log_batch(self, run_id: str, **batch: list[Any]) -> None:
        size = sum(len(json.dumps(dict(item))) for items in batch.values() for item in items)
        assert size < 1_000_000
        self.batches.append(batch)

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
    assert all(len(batch["metrics"]) <= 1000 for batch in client.batches)
    assert [metric.step for batch in client.batches for metric in batch["metrics"]] == list(range(2500))
    assert writer.written == len(client.batches)


def test_many_long_params_and_tags_too(client: Client) -> None:
    Writer(client).params("r", {f"p{index}": "ü" * 9000 for index in range(150)})
    Writer(client).tags("r", {f"t{index}": "ü" * 9000 for index in range(150)})
    params = [param for batch in client.batches for param in batch.get("params", [])]
    tags = [tag for batch in client.batches for tag in batch.get("tags", [])]
    assert (len(params), len(tags)) == (150, 150)
    assert all(len(param.value) == 6000 and param.value.endswith("…") for param in params)
    assert all(len(tag.value) == 8000 for tag in tags)


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
    writer.later("r", {"a.txt": b"a", "plots/b.png": b"b"}, {"shown": "yes"})
    client.broken = True
    with pytest.raises(PermissionError):
        writer.flush()
    assert client.batches == []
    client.broken = False
    writer.flush()
    assert client.artifacts == [("a.txt", ""), ("b.png", "plots")]
    assert client.batches[0]["tags"][0].key == "shown"
