"""Sweeps handed in by several people at once, each twice under one idempotency key."""

import http.client
import json
import threading
from collections.abc import Sequence

from benchmarks.load.filling import SPEC

_THREADS = 10


def submit(port: int, tokens: Sequence[str], count: int) -> tuple[list[str], int]:
    """The ids of all sweeps that were submitted, and how many keys gave two."""
    found: dict[int, list[str]] = {key: [] for key in range(count)}

    def send(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for key in range(first, count, _THREADS):
            headers = {
                "Authorization": f"Bearer {tokens[key % len(tokens)]}",
                "Content-Type": "application/json",
                "Idempotency-Key": f"load-{key}",
            }
            connection.request("POST", "/api/v1/sweeps", json.dumps(SPEC), headers)
            answer = connection.getresponse()
            assert answer.status in (200, 201), answer.read()
            found[key].append(json.load(answer)["sweep"])

    threads = [threading.Thread(target=send, args=(first,)) for first in range(_THREADS) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [ids[0] for ids in found.values()], sum(len(ids) != 2 or ids[0] != ids[1] for ids in found.values())
