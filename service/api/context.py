"""What every request has at hand."""

import threading
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from service.api.bearers import TRUSTED, Bearers
from service.api.limits import Limiter
from service.api.metrics import Metrics
from service.api.watch import Watch
from service.policy import Policy
from service.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a server was started."""

    anonymous: bool
    """Whether who brings no token may do everything: only where nobody but this machine's users can connect."""
    policy: Policy
    hosts: tuple[str, ...] = ()
    """Names that the Host header may give, without a port; none: any."""
    rate: float = 50.0
    """Requests a second of one token, or of one address without; bursts may be ten times as many."""
    trusted: float = TRUSTED
    """Seconds for which a token that was valid is not looked up again."""
    poll: float = 0.5
    """Seconds between two looks into the store for all streams of events."""
    keep_alive: float = 15.0
    """Seconds after which a silent stream shows that it lives."""
    streams: int = 500
    """Streams of events at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The store, the settings, and what is counted."""

    store: Store
    settings: Settings
    bearers: Bearers
    limiter: Limiter
    metrics: Metrics
    watch: Watch
    streams: threading.BoundedSemaphore
    """One permit for every further stream of events."""


async def context_of(request: Request) -> Context:
    """The context of the application that got this request."""
    found: Context = request.app.state.context
    return found


Ctx = Annotated[Context, Depends(context_of)]
