"""Processes and threads share a store, and nothing that one of them wrote is lost."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from service.store import Store, upgrade
from service.store.schema import HEAD
from sweeps.errors import UserError

# Every process gets ready, waits for the others, and then does its part.
PRELUDE = """
import sys
from service.store import Store, upgrade
from service.store.tables import SweepRow
from sweeps.errors import UserError
from sweeps.records import Ended, Outcome, Proposal, Report
url, me, *args = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
"""

CLAIM = """
try:
    Store.open(url).claim(args[0], me + "@here", 60)
    print("won")
except UserError as error:
    print("lost" if "is being run by" in str(error) else error)
"""

RECORD = """
store = Store.open(url)
recorder = store.recorder(args[0])
for number in range(int(me), 40, 4):
    recorder.proposed(Proposal(number=number, optimizer="SGD", scheduler="none", initial_lr=0.1, seed=0))
    for epoch in (1, 2):
        recorder.reported([(number, Report(key="", epoch=epoch, step=epoch, metrics={}, lrs=(0.1,),
                                         step_losses=(0.5,), step_lrs=(0.1,)), 0.5)])
    recorder.ended(number, Ended(key="", outcome=Outcome.COMPLETE), 0.5)
    store.renew(args[0], "1@here", 60)
"""

COUNT = """
store = Store.open(url)
for _ in range(60):
    with store.write() as session:
        session.get(SweepRow, 1).total_trials += 1
"""


def race(script: str, url: str, *args: str, processes: int) -> list[str]:
    """Runs the script in several processes at once and returns what each printed."""
    command = [sys.executable, "-c", PRELUDE + script, url]
    running = [
        subprocess.Popen(
            [*command, str(me), *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for me in range(processes)
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.communicate(timeout=120)[0].strip() for process in running]


def test_of_eight_racing_processes_one_gets_the_sweep(store: Store, sweep_id: str) -> None:
    results = race(CLAIM, store.url, sweep_id, processes=8)
    assert sorted(results) == ["lost"] * 7 + ["won"]


def test_of_eight_racing_threads_one_gets_the_sweep(store: Store, sweep_id: str) -> None:
    def claim(me: int) -> bool:
        try:
            store.claim(sweep_id, f"{me}@here", 60)
        except UserError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(claim, range(8))) == 1


def test_concurrent_writers_lose_nothing(store: Store, sweep_id: str) -> None:
    store.claim(sweep_id, "1@here", 60)
    assert race(RECORD, store.url, sweep_id, processes=4) == [""] * 4
    history = store.history(sweep_id)
    assert [result.proposal.number for result in history] == list(range(40))
    assert all(result.outcome == "COMPLETE" and result.objectives == (0.5, 0.5) for result in history)
    assert all(store.curve(sweep_id, number).steps == (1, 2) for number in range(40))
    ids = [report.id for report in store.reports(sweep_id)]
    assert len(ids) == 80 == len(set(ids))


def test_read_modify_writes_on_sqlite_are_serialized(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lrsweep.db"
    with Store.open(url) as store:
        sweep_id = store.create_sweep(name="x", task="y", spec={}, total_trials=0)
        assert race(COUNT, url, processes=4) == [""] * 4
        assert store.sweep(sweep_id).total_trials == 240


def test_readers_do_not_wait_for_a_writer(store: Store, sweep_id: str) -> None:
    with store.write() as session:
        session.connection()
        assert [sweep.id for sweep in store.sweeps()] == [sweep_id]


def test_a_new_file_is_opened_by_many_processes_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/lrsweep.db"
    create = "Store.open(url).create_sweep(name=me, task='x', spec={}, total_trials=1)"
    assert race(create, url, processes=8) == [""] * 8
    with Store.open(url) as store:
        assert sorted(sweep.name for sweep in store.sweeps()) == [str(me) for me in range(8)]


def test_upgrades_that_race_do_the_work_once(store_url: str) -> None:
    assert sorted(race("print(upgrade(url))", store_url, processes=4)) == [HEAD] * 3 + ["None"]


def test_upgrades_that_race_in_threads_do_the_work_once(store_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        revisions = list(pool.map(upgrade, [store_url] * 4))
    assert sorted(map(str, revisions)) == [HEAD] * 3 + ["None"]
