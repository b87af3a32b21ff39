"""Puts the HTTP API together."""

import threading
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.middleware import Middleware

from service.api import events, probes, problems, results, sweeps
from service.api.answers import describe_problems
from service.api.bearers import Bearers
from service.api.context import Context, Settings
from service.api.guard import Guard
from service.api.limits import Limiter
from service.api.metrics import Measured, Metrics
from service.api.watch import Watch
from service.store import Store

_BURST = 10
"""Seconds' worth of requests that may come at once."""
_ABOUT = (
    "Submit learning-rate sweeps, follow them, and read what came out. The documents are those of the command line's "
    "`--json`. Errors are `application/problem+json`. What changes while a sweep runs carries an ETag."
)


def make_app(store: Store, settings: Settings) -> FastAPI:
    """The application over an open store, which stays the caller's to close."""
    metrics = Metrics(store)
    app = FastAPI(
        title="lrsweep",
        version=version("lrsweep"),
        description=_ABOUT,
        openapi_url="/api/v1/openapi.json",
        # Their pages would load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[Middleware(Measured, metrics=metrics), Middleware(Guard, hosts=settings.hosts)],
    )
    app.state.context = Context(
        store=store,
        settings=settings,
        bearers=Bearers(store, settings.trusted),
        limiter=Limiter(rate=settings.rate, burst=settings.rate * _BURST),
        metrics=metrics,
        watch=Watch(store, settings.poll),
        streams=threading.BoundedSemaphore(settings.streams),
    )
    problems.install(app)
    for routes in (sweeps.router, results.router, events.router, probes.router):
        app.include_router(routes)
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    make = app.openapi

    def described() -> dict[str, Any]:
        schema = make()
        describe_problems(schema)
        return schema

    app.openapi = described  # type: ignore[method-assign]
