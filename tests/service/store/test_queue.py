"""Sweeps of coordinator processes change hands without being run twice, and without running for ever."""

import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from service.records import Status
from service.store import LeaseLost, Store, owner_of
from sweeps.records import Outcome

ME, OTHER = "11@here", "22@there"
MINUTE, EXPIRED = 60.0, -1.0


@pytest.fixture
def queued(store: Store) -> str:
    return submit(store)


def submit(store: Store, user: str | None = None) -> str:
    return store.submit(name="x", task="y", spec={}, total_trials=2, submitted_by=user)[0].id


def waiting(store: Store) -> list[str]:
    return [sweep.id for sweep in store.unattended()[1]]


def test_a_sweep_is_taken_once(store: Store, queued: str) -> None:
    assert store.take(queued, ME, MINUTE)
    assert not store.take(queued, OTHER, MINUTE)
    assert store.sweep(queued).status is Status.RUNNING
    assert [sweep.id for sweep in store.unattended()[0]] == [queued]
    assert waiting(store) == []


def test_of_eight_racing_coordinators_one_takes_it(store: Store, queued: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda me: store.take(queued, f"{me}@here", MINUTE), range(8)))
    assert sorted(taken) == [False] * 7 + [True]


def test_a_lease_that_ran_out_is_taken_over(store: Store, queued: str) -> None:
    store.take(queued, ME, EXPIRED)
    assert waiting(store) == [queued]
    assert store.take(queued, OTHER, MINUTE)
    with pytest.raises(LeaseLost):
        store.renew(queued, ME, MINUTE)


def test_nobody_waits_for_the_lease_of_one_who_died_on_this_machine(store: Store, queued: str) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    store.take(queued, owner_of(gone.pid), MINUTE)
    assert waiting(store) == [queued]
    store.take(queued, owner_of(os.getpid()), MINUTE)
    assert waiting(store) == []


@pytest.mark.parametrize("place", [socket.gethostname(), f"{socket.gethostname()}.0", "elsewhere"])
def test_one_who_is_not_here_under_this_id_may_live_where_ids_are_others(store: Store, queued: str, place: str) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    store.take(queued, f"{gone.pid}@{place}", MINUTE)
    assert waiting(store) == []


def test_containers_of_one_name_are_different_places() -> None:
    asks = [sys.executable, "-c", "from service.store import owner_of; print(owner_of(1))"]
    there = subprocess.run(
        ["unshare", "--map-root-user", "--pid", "--fork", *asks], capture_output=True, text=True, check=False
    )
    if there.returncode != 0:
        pytest.skip(f"no PID namespace can be made here: {there.stderr}")
    here = subprocess.run(asks, capture_output=True, text=True, check=True)
    assert here.stdout.strip() == owner_of(1) != there.stdout.strip()


def test_what_was_interrupted_waits_again_and_what_has_ended_does_not(store: Store) -> None:
    ids = [submit(store) for _ in range(4)]
    for sweep_id, status in zip(ids, (Status.INTERRUPTED, Status.DONE, Status.FAILED, Status.CANCELLED), strict=True):
        store.take(sweep_id, ME, MINUTE)
        store.finish(sweep_id, status, owner=ME)
    assert waiting(store) == ids[:1]
    assert not any(store.take(sweep_id, ME, MINUTE) for sweep_id in ids[1:])


def test_a_cancellation_that_a_dead_coordinator_did_not_see_stays_asked_for(store: Store, queued: str) -> None:
    store.take(queued, ME, MINUTE)
    store.request_cancel(queued)
    store.renew(queued, ME, EXPIRED)
    assert store.take(queued, OTHER, MINUTE)
    assert store.renew(queued, OTHER, MINUTE)


def test_whoever_slept_through_the_end_of_their_lease_records_nothing(store: Store, queued: str, make: Any) -> None:
    store.take(queued, ME, EXPIRED)
    mine = store.recorder(queued, ME)
    mine.proposed(make.proposal(0))
    store.take(queued, OTHER, MINUTE)
    for call in (
        lambda: mine.reported([(0, make.report(1), 0.5)]),
        lambda: mine.ended(0, make.ended(), 0.5),
        lambda: mine.picked([make.pick()]),
        lambda: store.finish(queued, Status.DONE, owner=ME),
    ):
        with pytest.raises(LeaseLost):
            call()
    store.left(queued, ME, "it was killed")
    assert store.sweep(queued).status is Status.RUNNING
    assert store.reports(queued) == store.picks(queued) == []
    store.recorder(queued, OTHER).reported([(0, make.report(1), 0.5)])
    assert len(store.reports(queued)) == 1


def test_leases_that_run_out_again_and_again_end_the_sweep(store: Store, queued: str) -> None:
    taken = [store.take(queued, ME, EXPIRED) for _ in range(9)]
    assert taken == [True] * 5 + [False] * 4
    sweep = store.sweep(queued)
    assert sweep.status is Status.FAILED
    assert sweep.error == f"its process died 5 times without getting any further; the last time {ME} was gone"


def test_a_sweep_that_is_queued_again_may_die_again(store: Store, queued: str) -> None:
    for _ in range(9):
        store.take(queued, ME, EXPIRED)
    store.requeue(queued)
    assert store.take(queued, ME, EXPIRED)
    assert store.take(queued, ME, EXPIRED)


def die(store: Store, sweep_id: str, make: Any, *, epochs: int = 0) -> list[int]:
    """One life of a process that trains trial 0 so far, from its first epoch, and dies; what it gave up on first."""
    store.take(sweep_id, ME, EXPIRED)
    given_up = store.give_up_hopeless(sweep_id)
    recorder = store.recorder(sweep_id)
    recorder.proposed(make.proposal(0))
    for epoch in range(1, epochs + 1):
        recorder.reported([(0, make.report(epoch), 0.5)])
    return given_up


@pytest.mark.parametrize("epochs", [0, 2])
def test_a_trial_that_kills_its_process_is_given_up_on(store: Store, queued: str, make: Any, epochs: int) -> None:
    lives = [die(store, queued, make, epochs=epochs) for _ in range(4)]
    assert lives[:3] == [[]] * 3
    # The first life got further than none; so its attempts count from there.
    given_up = lives[3] or die(store, queued, make, epochs=epochs)
    assert given_up == [0]
    trial = store.trial(queued, 0)
    assert trial.outcome is Outcome.FAILED
    assert trial.error is not None
    assert trial.error.startswith("tried 3 times; each time the process that trained it died")
    assert trial.ended is not None


def test_a_trial_that_gets_further_each_time_is_not(store: Store, queued: str, make: Any) -> None:
    assert [die(store, queued, make, epochs=epochs) for epochs in range(1, 12)] == [[]] * 11


def test_a_process_that_stops_in_good_order_is_no_death(store: Store, queued: str, make: Any) -> None:
    for _ in range(12):
        assert die(store, queued, make) == []
        assert store.suspects(queued) == {0}
        store.finish(queued, Status.INTERRUPTED)
        assert not store.suspects(queued)
    assert store.sweep(queued).status is Status.INTERRUPTED


def test_a_lease_is_kept_until_mlflow_has_the_rest(store: Store, queued: str) -> None:
    store.take(queued, ME, MINUTE)
    store.finish(queued, Status.DONE, owner=ME, keep_lease=True)
    assert store.unshown() == []
    store.shown(queued, ME, completely=False)
    assert store.unshown() == [queued]
    assert store.take_to_show(queued, ME, MINUTE)
    assert not store.take_to_show(queued, OTHER, MINUTE)
    assert store.unshown() == []
    store.shown(queued, ME, completely=True)
    assert store.unshown() == []
    assert not store.take_to_show(queued, OTHER, MINUTE)


def test_a_sweep_that_never_began_has_nothing_to_show(store: Store, queued: str) -> None:
    store.request_cancel(queued)
    assert store.unshown() == []


def test_a_running_sweep_that_is_cancelled_after_its_process_died_is_shown(store: Store, queued: str) -> None:
    store.take(queued, ME, EXPIRED)
    assert store.request_cancel(queued).status is Status.CANCELLED
    assert store.unshown() == [queued]


def test_a_user_with_a_thousand_sweeps_hides_nobody(store: Store) -> None:
    for _ in range(30):
        submit(store, "busy")
    mine = submit(store, "me")
    assert waiting(store)[1] == mine
