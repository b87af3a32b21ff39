"""Tokens that were just looked up: a client that polls is not looked up at each request."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from service.records import TokenRecord
from service.store import Store

TRUSTED = 2.0
"""Seconds for which a valid token is believed to be so still."""
_MOST = 10_000
"""Tokens remembered; those that were looked up first are forgotten first."""


@dataclass(slots=True)
class Bearers:
    """Remembers valid tokens by their SHA-256 for some seconds, and nothing of the others. Threads may share it."""

    store: Store
    trusted: float = TRUSTED
    clock: Callable[[], float] = time.monotonic
    _known: OrderedDict[bytes, tuple[TokenRecord, float]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def known(self, secret: str) -> TokenRecord | None:
        """The token that this is, if it was found valid within the last seconds; asks nobody."""
        record, until = self._known.get(_digest(secret), (None, 0.0))
        return record if self.clock() < until else None

    def look_up(self, secret: str) -> TokenRecord | None:
        """The token that this is, if the store says that it is valid. Raises EnvironmentFailure."""
        # Before the store is asked: what is revoked while it answers is not believed for longer.
        until = self.clock() + self.trusted
        record = self.store.token_of(secret)
        if record is not None:
            with self._lock:
                self._known[_digest(secret)] = record, until
                self._known.move_to_end(_digest(secret))
                if len(self._known) > _MOST:
                    self._known.popitem(last=False)
        return record


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
