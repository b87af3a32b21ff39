"""What Prometheus scrapes: how the API does, and how many sweeps and trials there are."""

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.records import Status
from service.store import Store
from sweeps.records import Outcome

MEDIA_TYPE = "text/plain; version=1.0.0; charset=utf-8"

_FRESH = 5.0
"""Seconds for which a count of all trials is said again."""


class Metrics:
    """A registry of one application's own."""

    def __init__(self, store: Store):
        self._registry = CollectorRegistry()
        self._registry.register(_Stored(store))
        self.requests = Counter(
            "lrsweep_http_requests",
            "Requests answered, by route and status.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self.seconds = Histogram(
            "lrsweep_http_request_seconds",
            "Seconds until the first byte of the answer.",
            ("route",),
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
            registry=self._registry,
        )

    def text(self) -> bytes:
        """All of it, in the format that Prometheus reads. Raises EnvironmentFailure where the store is away."""
        return generate_latest(self._registry)


class _Stored(Collector):
    """Counts rows when it is asked, all trials once in a while only: however often anybody scrapes."""

    def __init__(self, store: Store):
        self._store = store
        self._trials: dict[Outcome | None, int] = {}
        self._until = 0.0

    def describe(self) -> Iterator[Metric]:
        """Nothing yet: registering must not need the store."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The number of sweeps of each status, and of trials of each outcome; RUNNING ones have none."""
        sweeps = GaugeMetricFamily("lrsweep_sweeps", "Sweeps, by status.", labels=("status",))
        counted = self._store.sweeps_by_status()
        for status in Status:
            sweeps.add_metric([status.value], counted.get(status, 0))
        yield sweeps
        trials = GaugeMetricFamily("lrsweep_trials", "Trials, by outcome.", labels=("outcome",))
        if time.monotonic() >= self._until:
            self._trials, self._until = self._store.trials_by_outcome(), time.monotonic() + _FRESH
        for outcome in (*Outcome, None):
            trials.add_metric([outcome.value if outcome else "RUNNING"], self._trials.get(outcome, 0))
        yield trials


class Measured:
    """ASGI middleware that counts and times what passes."""

    def __init__(self, app: ASGIApp, metrics: Metrics):
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                # The pattern and not the path: ids would make a series each.
                route = getattr(scope.get("route"), "path", "none")
                self._metrics.requests.labels(_method(scope["method"]), route, message["status"]).inc()
                self._metrics.seconds.labels(route).observe(time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, measured)


def _method(method: str) -> str:
    return method if method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS") else "other"
