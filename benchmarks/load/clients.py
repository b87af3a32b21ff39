"""Clients of the API in a process of their own: each keeps a connection open with its token, and polls or streams.

Reads a Crowd as JSON from the first line of standard input, and writes a Found as JSON once that is closed and all that
was streamed has ended. One event loop: coordinators in other threads would hold up the clocks of threads.
"""

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from typing import Self

_TICK = 0.02
"""Seconds between two looks at how late the event loop is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Whom to ask for what: the first `streaming` tokens follow `streamed`, the others poll."""

    port: int
    tokens: Sequence[str]
    streaming: int
    think: float
    """Seconds between two requests of one poller, on average."""
    streamed: Sequence[str]
    """Sweeps that are followed, each by one client."""
    large: Sequence[str]
    trials: int
    """Sweeps with so many trials each."""


@dataclass(slots=True)
class Found:
    """What the clients saw."""

    latencies: dict[str, list[float]] = field(default_factory=dict)
    """Seconds from a request to the end of its answer, by kind of request."""
    statuses: dict[str, int] = field(default_factory=dict)
    seen: dict[str, list[int]] = field(default_factory=dict)
    """Report ids of every sweep that was followed to its end."""
    lags: list[float] = field(default_factory=list)
    """Seconds that the clients' own event loop was late, which every latency holds as well."""
    cpu: float = 0.0
    """Seconds of a processor that the clients used."""


class Clients:
    """The process of a crowd; `stop` gives what it found."""

    def __init__(self, crowd: Crowd) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdin is not None
        self._process.stdin.write(f"{json.dumps(asdict(crowd))}\n")
        self._process.stdin.flush()

    def stop(self) -> Found:
        """Waits for all of them: streams end with their sweeps."""
        said, _ = self._process.communicate()
        assert self._process.returncode == 0, "the clients' process failed; its error stands above"
        return Found(**json.loads(said))


class _Connection:
    """One connection of HTTP/1.1, kept open."""

    def __init__(self, token: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._token, self._reader, self._writer = token, reader, writer

    @classmethod
    async def open(cls, port: int, token: str) -> Self:
        return cls(token, *await asyncio.open_connection("127.0.0.1", port))

    def close(self) -> None:
        self._writer.close()

    async def ask(self, path: str, **headers: str) -> tuple[str, dict[str, str]]:
        """Status and headers of a GET, after the last byte of its body."""
        status, answered = await self._begin(path, headers)
        await self._reader.readexactly(int(answered.get("content-length", 0)))
        return status, answered

    async def events(self, path: str) -> AsyncIterator[tuple[str, str]]:
        """The lines of a stream as (field, value)."""
        status, answered = await self._begin(path, {})
        assert (status, answered["transfer-encoding"]) == ("200", "chunked"), status
        while size := int(await self._reader.readline(), 16):
            chunk = await self._reader.readexactly(size)
            await self._reader.readline()
            for line in chunk.decode().splitlines():
                name, _, value = line.partition(": ")
                yield name, value

    async def _begin(self, path: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
        sent = {"Host": "127.0.0.1", "Authorization": f"Bearer {self._token}", **headers}
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in sent.items())
        self._writer.write(f"GET /api/v1/{path} HTTP/1.1\r\n{lines}\r\n".encode())
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        answered = dict(line.lower().split(": ", 1) for line in head[1:-1])
        return head[0].split()[1], answered


async def run(crowd: Crowd) -> Found:
    """Polls and streams until standard input is closed and every stream has ended."""
    found, over = Found(), asyncio.Event()
    shares = [crowd.streamed[first :: crowd.streaming] for first in range(crowd.streaming)]
    async with asyncio.TaskGroup() as group:
        for token, share in zip(crowd.tokens, shares, strict=False):
            group.create_task(_stream(crowd, token, share, found))
        for token in crowd.tokens[crowd.streaming :]:
            group.create_task(_poll(crowd, token, found, over))
        group.create_task(_watch(found, over))
        await asyncio.to_thread(sys.stdin.read)
        over.set()
    found.cpu = time.process_time()
    return found


async def _stream(crowd: Crowd, token: str, share: Sequence[str], found: Found) -> None:
    for sweep in share:
        with closing(await _Connection.open(crowd.port, token)) as connection:
            ids = [
                int(value)
                async for name, value in connection.events(f"sweeps/{sweep}/events")
                if name == "id"  # Reports alone have ids.
            ]
        found.seen[sweep] = ids


async def _poll(crowd: Crowd, token: str, found: Found, over: asyncio.Event) -> None:
    chance = random.Random(token)
    tags: dict[str, str] = {}
    with closing(await _Connection.open(crowd.port, token)) as connection:
        while not await _set_within(over, chance.uniform(0.5, 1.5) * crowd.think):
            kind, path = _choice(crowd, chance)
            headers = {"If_None_Match": tags[path]} if path in tags else {}
            began = time.perf_counter()
            status, answered = await connection.ask(path, **headers)
            found.latencies.setdefault(kind, []).append(time.perf_counter() - began)
            found.statuses[status] = found.statuses.get(status, 0) + 1
            if tag := answered.get("etag"):
                tags[path] = tag


async def _watch(found: Found, over: asyncio.Event) -> None:
    while not over.is_set():
        began = time.perf_counter()
        await asyncio.sleep(_TICK)
        found.lags.append(max(0.0, time.perf_counter() - began - _TICK))


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _choice(crowd: Crowd, chance: random.Random) -> tuple[str, str]:
    large, any_one = chance.choice(crowd.large), chance.choice((*crowd.large, *crowd.streamed))
    return chance.choice(
        [
            ("list", "sweeps"),
            ("list, a later page", f"sweeps?before={large}"),
            ("list of a status", "sweeps?status=QUEUED"),
            ("show", f"sweeps/{any_one}"),
            ("show", f"sweeps/{any_one}"),
            ("trials", f"sweeps/{large}/trials?after={chance.randrange(crowd.trials)}"),
            ("reports", f"sweeps/{large}/reports?limit=200"),
            ("curve", f"sweeps/{large}/trials/{chance.randrange(crowd.trials)}/curve"),
            ("picks", f"sweeps/{large}/picks"),
        ]
    )


if __name__ == "__main__":
    crowd = Crowd(**json.loads(sys.stdin.readline()))
    print(json.dumps(asdict(asyncio.run(run(crowd)))))
