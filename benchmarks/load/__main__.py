"""The HTTP API under load: latency of reads, updates that were lost, memory of the server; on both databases.

python -m benchmarks.load [--databases sqlite,postgresql] [--seconds 30] [--trials 10000] [--clients 50]

The store holds --trials trials in ten sweeps. A hundred more sweeps are submitted, every one twice at the same moment
with the same idempotency key; four coordinators without training compete for them and record their trials, while
clients poll (one request a second each) and stream. Everything is on loopback: clients, coordinators, server and
database share this machine's cores. Exits 1 if an update was lost.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from urllib.error import URLError
from urllib.request import urlopen

from sqlalchemy import text

from benchmarks.load.clients import Clients, Crowd, Found
from benchmarks.load.coordinators import EPOCHS, Coordinators
from benchmarks.load.filling import LANES, Costs, fill
from benchmarks.load.submitting import submit
from benchmarks.postgres import postgres
from service.records import Scope, Status
from service.store import Store

SWEEPS, LARGE, COORDINATORS, THINK = 100, 10, 4, 1.0
_PATIENCE = 120.0
"""Seconds after which a sweep that nobody has taken counts as lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one database's run found out."""

    found: Found
    lost: dict[str, int]
    memory: tuple[float, float, float]
    cpu: float
    """Seconds of a processor that the server used while clients read."""
    costs: Costs
    bytes_per_trial: float


@contextmanager
def server(url: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """`lrsweep serve`, ready."""
    command = "from service.cli.main import main; main()"
    process = subprocess.Popen([sys.executable, "-c", command, "serve", "--store", url, "--port", str(port)])
    try:
        while True:
            try:
                with urlopen(f"http://127.0.0.1:{port}/ready"):
                    break
            except URLError:
                assert process.poll() is None
                time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def database(name: str) -> Iterator[str]:
    """The URL of an empty database of a kind."""
    if name == "postgresql":
        with postgres() as url:
            yield url
    else:
        with tempfile.TemporaryDirectory(prefix="load-") as folder:
            yield f"sqlite:///{folder}/lrsweep.db"


def memory(pid: int) -> float:
    """MiB that a process holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def cpu(pid: int) -> float:
    """Seconds of a processor that a process has used."""
    # After the name in parentheses, which may hold spaces: user and system time are the 12th and 13th field.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def size(store: Store) -> int:
    """Bytes of the database."""
    postgresql = store.url.startswith("postgresql")
    query = "pg_database_size(current_database())" if postgresql else "page_count * page_size"
    source = "" if postgresql else " FROM pragma_page_count(), pragma_page_size()"
    with store.read() as session:
        return int(session.scalars(text(f"SELECT {query}{source}")).one())


def measure(url: str, port: int, *, seconds: float, trials: int, clients: int) -> Result:
    """Fills the store at a URL, loads its API for so long, and counts."""
    with Store.open(url, upgrade=True) as store:
        empty = size(store)
        costs, _ = fill(store, sweeps=LARGE, trials=trials // LARGE)
        bytes_per_trial = (size(store) - empty) / trials
        large = [each.id for each in store.sweeps(limit=LARGE)]
        tokens = [store.create_token(f"client-{number}", Scope.SUBMIT) for number in range(clients)]
        with server(url, port) as process:
            ids, doubled = submit(port, tokens, SWEEPS)
            crowd = Clients(
                Crowd(
                    port=port,
                    tokens=tokens,
                    streaming=clients * 2 // 5,
                    think=THINK,
                    streamed=ids,
                    large=large,
                    trials=trials // LARGE,
                )
            )
            coordinators = Coordinators(url, pause=max(0.0, seconds * COORDINATORS / SWEEPS - 0.3))
            coordinators.start(COORDINATORS)
            time.sleep(5)
            held, used = [memory(process.pid)], cpu(process.pid)
            deadline = time.monotonic() + seconds
            while (late := time.monotonic() - deadline) < 0 or (late < _PATIENCE and len(coordinators.taken) < SWEEPS):
                time.sleep(0.5)
                held.append(memory(process.pid))
            coordinators.stop()
            found = crowd.stop()
            held.append(memory(process.pid))
            used = cpu(process.pid) - used
        assert not coordinators.errors, coordinators.errors
        lost = {
            "submissions that made two sweeps": doubled,
            "sweeps taken twice or never": SWEEPS + len(coordinators.taken) - 2 * len(set(coordinators.taken)),
            "sweeps not DONE": sum(store.sweep(each).status is not Status.DONE for each in ids),
            "trials": SWEEPS * LANES - sum(store.sweep(each).trials for each in ids),
            "reports": SWEEPS * LANES * EPOCHS - sum(len(store.reports(each)) for each in ids),
            "reports that a stream missed or repeated": sum(
                [report.id for report in store.reports(each)] != found.seen.get(each) for each in ids
            ),
        }
        return Result(
            found=found,
            lost=lost,
            memory=(held[0], held[-1], max(held)),
            cpu=used,
            costs=costs,
            bytes_per_trial=bytes_per_trial,
        )


def show(name: str, result: Result) -> None:
    """Tables, as Markdown."""
    found = result.found
    print(f"\n{name}: answers by status {dict(sorted(found.statuses.items()))}")
    print("\n| reads | number | p50, ms | p99, ms | most, ms |\n|---|---|---|---|---|")
    everything = [each for one in found.latencies.values() for each in one]
    rows = [*sorted(found.latencies.items()), ("all", everything), ("the clients' own lag, within all", found.lags)]
    for kind, times in rows:
        cuts = quantiles(times, n=100, method="inclusive") if len(times) > 1 else times * 99
        figures = " | ".join(f"{1000 * each:.1f}" for each in (cuts[49], cuts[98], max(times)))
        print(f"| {kind} | {len(times)} | {figures} |")
    first, last, most = result.memory
    print("\n| what | measured |\n|---|---|")
    lost = ", ".join(f"{count} {what}" for what, count in result.lost.items())
    print(f"| lost updates | {sum(result.lost.values())} ({lost}) |")
    print(f"| CPU of the server a read, streams included, ms | {1000 * result.cpu / len(everything):.1f} |")
    print(f"| CPU of the clients a read, ms | {1000 * found.cpu / len(everything):.1f} |")
    print(f"| memory of the server, MiB | {first:.0f} at 5 s, {last:.0f} at the end, {most:.0f} at most |")
    for what in result.costs.counts:
        print(f"| recording: {what}, ms | {result.costs.milliseconds(what):.2f} |")
    print(f"| bytes of the store a trial | {result.bytes_per_trial:.0f} |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--port", type=int, default=8471)
    options = parser.parse_args()
    lost = 0
    for name in options.databases.split(","):
        with database(name) as url:
            result = measure(url, options.port, seconds=options.seconds, trials=options.trials, clients=options.clients)
        show(name, result)
        lost += sum(result.lost.values())
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
