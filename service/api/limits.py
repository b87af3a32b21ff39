"""How often one client may ask: a token bucket each, kept in memory."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

_MOST = 10_000
"""Clients remembered; those not heard of for longest are forgotten first, and start with a full bucket."""


class Limiter:
    """Lets every client ask `rate` times a second in the long run, and `burst` times at once. Threads may share it.

    >>> limiter = Limiter(rate=1, burst=2, clock=lambda: 0.0)
    >>> limiter.wait("ann"), limiter.wait("ann"), limiter.wait("ann"), limiter.wait("bob")
    (0.0, 0.0, 1.0, 0.0)
    """

    def __init__(self, *, rate: float, burst: float, clock: Callable[[], float] = time.monotonic):
        self._rate, self._burst, self._clock = rate, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, client: str) -> float:
        """Seconds until the client may ask again; 0 if now, which is then counted."""
        with self._lock:
            now = self._clock()
            left, at = self._buckets.pop(client, (self._burst, now))
            left = min(self._burst, left + (now - at) * self._rate)
            allowed = left >= 1
            self._buckets[client] = (left - 1 if allowed else left, now)
            if len(self._buckets) > _MOST:
                self._buckets.popitem(last=False)
            return 0.0 if allowed else (1 - left) / self._rate
