"""Writes to runs in batches that MLflow accepts, and counts what it wrote."""

import json
import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

_METRICS = 1000
_PARAMS = 100
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


class Writer:
    """Params, tags, metrics, status and files of runs. `written` grows with every call that MLflow answered."""

    def __init__(self, client: Any):
        self._client = client
        self._files: list[tuple[str, Mapping[str, bytes], Mapping[str, str]]] = []
        self.written = 0

    def params(self, run_id: str, params: Mapping[str, str]) -> None:
        """Sets params; one that is set already must have the same value."""
        from mlflow.entities import Param

        for batch in _batches(_cut(params, _PARAM_LENGTH), _PARAMS):
            self._client.log_batch(run_id, params=[Param(key, value) for key, value in batch])
            self.written += 1

    def tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Sets tags, over older ones."""
        from mlflow.entities import RunTag

        for batch in _batches(_cut(tags, _TAG_LENGTH), _PARAMS):
            self._client.log_batch(run_id, tags=[RunTag(key, value) for key, value in batch])
            self.written += 1

    def experiment_tag(self, experiment_id: str, key: str, value: str) -> None:
        """Sets a tag of the experiment itself, over an older one."""
        self._client.set_experiment_tag(experiment_id, key, value)
        self.written += 1

    def metrics(self, run_id: str, points: Iterable[Point]) -> None:
        """Logs the finite points; MLflow would show infinity as 1.8e308, and no other value beside it."""
        from mlflow.entities import Metric

        finite = [(point.name, point) for point in points if math.isfinite(point.value)]
        for batch in _batches(finite, _METRICS):
            metrics = [Metric(p.name, float(p.value), milliseconds(p.at), p.step) for _, p in batch]
            self._client.log_batch(run_id, metrics=metrics)
            self.written += 1

    def status(self, run_id: str, status: str, ended: datetime | None = None) -> None:
        """Sets a run's status; with a time, the run is over."""
        if ended is None:
            self._client.update_run(run_id, status=status)
        else:
            self._client.set_terminated(run_id, status, end_time=milliseconds(ended))
        self.written += 1

    def later(self, run_id: str, files: Mapping[str, bytes], tags: Mapping[str, str]) -> None:
        """Keeps artifacts, by path, and the tags that say they are there, for `flush`.

        Artifacts may live on a server of their own: what fails there must not hold up the curves of others.
        """
        self._files.append((run_id, files, tags))

    def flush(self) -> None:
        """Uploads the artifacts that were kept for later."""
        while self._files:
            run_id, files, tags = self._files[0]
            with tempfile.TemporaryDirectory(prefix="lrsweep-") as folder:
                for path, content in files.items():
                    file = Path(folder, path)
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(content)
                    self._client.log_artifact(run_id, str(file), str(Path(path).parent.as_posix()).lstrip("."))
                    self.written += 1
            self.tags(run_id, tags)
            del self._files[0]


def milliseconds(at: datetime) -> int:
    """A moment as MLflow counts it, since 1970."""
    return round(at.timestamp() * 1000)


def _cut(entries: Mapping[str, str], length: int) -> list[tuple[str, str]]:
    """Entries with values of at most `length` characters; what is cut off ends in an ellipsis.

    >>> _cut({"note": "too long"}, 5)
    [('note', 'too …')]
    """
    return [(k, v if len(v) <= length else v[: length - 1] + "…") for k, v in entries.items()]


_Item = TypeVar("_Item")


def _batches(items: Iterable[tuple[str, _Item]], count: int) -> Iterator[list[tuple[str, _Item]]]:
    """Cuts (name, content) pairs into batches of at most `count`, and of what fits one request.

    >>> [len(batch) for batch in _batches([("a", 1)] * 5, 2)]
    [2, 2, 1]
    """
    batch: list[tuple[str, _Item]] = []
    size = 0
    for name, content in items:
        # As it will be sent: JSON writes one character beyond ASCII as six bytes or more.
        weight = len(json.dumps((name, content if isinstance(content, str) else ""))) + 100
        if batch and (len(batch) == count or size + weight > _REQUEST):
            yield batch
            batch, size = [], 0
        batch.append((name, content))
        size += weight
    if batch:
        yield batch
