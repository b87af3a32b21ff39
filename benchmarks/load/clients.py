"""Clients of the API: each keeps a connection of its own open, and polls or streams."""

import http.client
import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Client:
    """One connection with one token."""

    port: int
    token: str
    _connection: http.client.HTTPConnection | None = None

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Status, headers and body of the answer."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        data = None if body is None else json.dumps(body)
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, data, sent)
        answer = self._connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def events(self, path: str) -> Iterator[tuple[int | None, str]]:
        """Id and kind of the events of a stream."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        number: int | None = None
        for line in answer:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "id":
                number = int(value)
            elif name == "event":
                yield number, value
                number = None
        connection.close()


@dataclass(slots=True)
class Clients:
    """Threads that poll and stream until they are stopped; `latencies` holds seconds by kind of request."""

    port: int
    tokens: Sequence[str]
    streamed: Sequence[str]
    """Sweeps that are followed, each by one client."""
    large: Sequence[str]
    trials: int
    """Sweeps with so many trials each."""
    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    statuses: Counter[int] = field(default_factory=Counter)
    seen: dict[str, list[int]] = field(default_factory=dict)
    """Report ids of every sweep that was followed to its end."""
    errors: list[BaseException] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, streaming: int, think: float) -> None:
        """Starts a thread for every token; pollers ask every `think` seconds on average."""
        shares = [self.streamed[first::streaming] for first in range(streaming)]
        for place, token in enumerate(self.tokens):
            client = Client(self.port, token)
            work = (self._stream, client, shares[place]) if place < streaming else (self._poll, client, think)
            self._threads.append(threading.Thread(target=self._guarded, args=work))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Waits for all of them: streams end with their sweeps."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _guarded(self, work: Any, *args: Any) -> None:
        try:
            work(*args)
        except BaseException as error:
            self.errors.append(error)

    def _stream(self, client: Client, sweeps: Sequence[str]) -> None:
        for sweep in sweeps:
            events = client.events(f"/api/v1/sweeps/{sweep}/events")
            self.seen[sweep] = [number for number, kind in events if kind == "report" and number is not None]

    def _poll(self, client: Client, think: float) -> None:
        chance = random.Random(client.token)
        tags: dict[str, str] = {}
        while not self._over.wait(chance.uniform(0.5, 1.5) * think):
            kind, path = self._choice(chance)
            headers = {"If_None_Match": tags[path]} if path in tags else {}
            began = time.perf_counter()
            status, answered, _ = client.ask("GET", f"/api/v1/{path}", **headers)
            self.latencies[kind].append(time.perf_counter() - began)
            self.statuses[status] += 1
            if tag := answered["ETag"]:
                tags[path] = tag

    def _choice(self, chance: random.Random) -> tuple[str, str]:
        large, any_one = chance.choice(self.large), chance.choice((*self.large, *self.streamed))
        return chance.choice(
            [
                ("list", "sweeps"),
                ("list, a later page", f"sweeps?before={large}"),
                ("list of a status", "sweeps?status=QUEUED"),
                ("show", f"sweeps/{any_one}"),
                ("show", f"sweeps/{any_one}"),
                ("trials", f"sweeps/{large}/trials?after={chance.randrange(self.trials)}"),
                ("reports", f"sweeps/{large}/reports?limit=200"),
                ("curve", f"sweeps/{large}/trials/{chance.randrange(self.trials)}/curve"),
                ("picks", f"sweeps/{large}/picks"),
            ]
        )
