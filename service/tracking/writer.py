"""Writes to runs in batches that MLflow accepts, and counts what it wrote."""

import json
import math
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

_ENTRIES = 1000
_SOME = 100
"""What MLflow takes in one request: entries in all, and params or tags among them."""

_PARAM_LENGTH = 6000
_TAG_LENGTH = 8000
_REQUEST = 800_000
"""Bytes a request, of the megabyte that MLflow takes: what frames the entries has to fit in as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value of a metric. Sent again with the same step and time, it is kept once."""

    name: str
    value: float
    step: int
    at: datetime


@dataclass(slots=True)
class _Kept:
    """What is to be written to one run."""

    params: dict[str, str] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    status: tuple[str, datetime | None] | None = None


class Writer:
    """Params, tags, metrics, status and files of runs. `written` grows with every call that MLflow answered.

    All is kept until `send`, which calls MLflow as seldom as it can: a call costs as much as thirty points.
    """

    def __init__(self, client: Any):
        self._client = client
        self._kept: defaultdict[str, _Kept] = defaultdict(_Kept)
        self._files: list[tuple[str, Callable[[], Mapping[str, bytes]], Mapping[str, str]]] = []
        self.written = 0

    def params(self, run_id: str, params: Mapping[str, str]) -> None:
        """Sets params; one that is set already must have the same value."""
        self._kept[run_id].params.update(params)

    def tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Sets tags, over older ones."""
        self._kept[run_id].tags.update(tags)

    def metrics(self, run_id: str, points: Iterable[Point]) -> None:
        """Logs the finite points; MLflow would show infinity as 1.8e308, and no other value beside it."""
        self._kept[run_id].points.extend(point for point in points if math.isfinite(point.value))

    def status(self, run_id: str, status: str, ended: datetime | None = None) -> None:
        """Sets a run's status; with a time, the run is over."""
        self._kept[run_id].status = status, ended

    def later(self, run_id: str, files: Callable[[], Mapping[str, bytes]], tags: Mapping[str, str]) -> None:
        """Keeps what makes artifacts, by path, and the tags that say they are there, for `flush`.

        Artifacts take time and may live on a server of their own: neither must hold up the curves of others.
        """
        self._files.append((run_id, files, tags))

    def experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
        """Sets a tag of the experiment itself, over an older one, at once."""
        self._client.set_experiment_tag(experiment_id, key, value)
        self.written += 1

    def send(self) -> None:
        """Writes all that is kept but the files: a run's status, then its params, metrics and tags, the last ones last.

        Within a request MLflow keeps that order, too, and sets its tags all at once.
        """
        while self._kept:
            run_id = next(iter(self._kept))
            self._send(run_id, self._kept[run_id])
            del self._kept[run_id]

    def _send(self, run_id: str, kept: _Kept) -> None:
        if kept.status is not None:
            status, ended = kept.status
            if ended is None:
                self._client.update_run(run_id, status=status)
            else:
                self._client.set_terminated(run_id, status, end_time=milliseconds(ended))
            self.written += 1
        for batch in _batches(_entries(kept)):
            self._client.log_batch(run_id, **batch)
            self.written += 1

    def flush(self) -> None:
        """Writes all that is kept, the files as well."""
        self.send()
        while self._files:
            run_id, files, tags = self._files[0]
            with tempfile.TemporaryDirectory(prefix="lrsweep-") as folder:
                for path, content in files().items():
                    file = Path(folder, path)
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(content)
                    self._client.log_artifact(run_id, str(file), str(Path(path).parent.as_posix()).lstrip("."))
                    self.written += 1
            self.tags(run_id, tags)
            self.send()
            del self._files[0]


def milliseconds(at: datetime) -> int:
    """A moment as MLflow counts it, since 1970."""
    return round(at.timestamp() * 1000)


def _entries(kept: _Kept) -> Iterator[tuple[str, Any, int]]:
    """What goes into requests, in order: its kind, the entity, and how many bytes it has at most."""
    from mlflow.entities import Metric, Param, RunTag

    for key, value in kept.params.items():
        text = _cut(value, _PARAM_LENGTH)
        yield "params", Param(key, text), _weight(key, text)
    for p in kept.points:
        yield "metrics", Metric(p.name, float(p.value), milliseconds(p.at), p.step), _weight(p.name)
    for key, value in kept.tags.items():
        text = _cut(value, _TAG_LENGTH)
        yield "tags", RunTag(key, text), _weight(key, text)


def _cut(text: str, length: int) -> str:
    """A text of at most `length` characters; what is cut off ends in an ellipsis.

    >>> _cut("too long", 5)
    'too …'
    """
    return text if len(text) <= length else text[: length - 1] + "…"


@lru_cache(maxsize=256)
def _weight(*texts: str) -> int:
    """As it will be sent: JSON writes one character beyond ASCII as six bytes or more."""
    return len(json.dumps(texts)) + 100


def _batches(entries: Iterable[tuple[str, Any, int]]) -> Iterator[dict[str, list[Any]]]:
    """Cuts entries, in order, into requests that MLflow takes, each with its entries by kind.

    >>> [{kind: len(of_kind) for kind, of_kind in batch.items()} for batch in _batches([("tags", "a", 1)] * 150)]
    [{'tags': 100}, {'tags': 50}]
    """
    batch: defaultdict[str, list[Any]] = defaultdict(list)
    count = size = 0
    for kind, entity, weight in entries:
        full = count == _ENTRIES or size + weight > _REQUEST or (kind != "metrics" and len(batch[kind]) == _SOME)
        if count and full:
            yield dict(batch)
            batch = defaultdict(list)
            count = size = 0
        batch[kind].append(entity)
        count, size = count + 1, size + weight
    if count:
        yield dict(batch)
