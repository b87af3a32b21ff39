"""What counts as a takeover: another owns the sweep, from the kill until then."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.chaos.takeovers import Takeovers, owners
from service.records import Status
from service.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path}/lrsweep.db") as store:
        yield store


@pytest.fixture
def sweep_id(store: Store) -> str:
    """A sweep that the first owner runs, and whose lease has run out."""
    sweep_id = store.create_sweep(name="s", task="quadratic", spec={}, total_trials=1)
    store.claim(sweep_id, "1@first", 0.0)
    return sweep_id


def nothing(store: Store, sweep_id: str) -> None:
    pass


def given_back(store: Store, sweep_id: str) -> None:
    store.finish(sweep_id, Status.INTERRUPTED, owner="1@first")


def ended(store: Store, sweep_id: str) -> None:
    store.finish(sweep_id, Status.DONE, owner="1@first")


def renewed(store: Store, sweep_id: str) -> None:
    store.renew(sweep_id, "1@first", 0.0)


def taken(store: Store, sweep_id: str) -> None:
    store.claim(sweep_id, "2@second", 0.0)


def taken_again(store: Store, sweep_id: str) -> None:
    store.claim(sweep_id, "3@third", 0.0)


@pytest.mark.parametrize(
    ("events", "seconds"),
    [
        ([nothing, nothing], []),
        ([ended, nothing], []),
        ([given_back, nothing], []),
        ([renewed, given_back, taken], [3.0]),
        ([taken, taken_again], [1.0]),
    ],
)
def test_a_takeover_is_the_first_other_owner(
    store: Store, sweep_id: str, events: list[Callable[[Store, str], None]], seconds: list[float]
) -> None:
    now = 10.0
    takeovers = Takeovers(store, clock=lambda: now)
    takeovers.orphaned(owners(store))
    for event in events:
        event(store, sweep_id)
        now += 1
        takeovers.look()
    assert takeovers.seconds == seconds


def test_a_sweep_whose_next_coordinator_dies_too_has_waited_since_the_first(store: Store, sweep_id: str) -> None:
    now = 10.0
    takeovers = Takeovers(store, clock=lambda: now)
    takeovers.orphaned(owners(store))
    now = 14.0
    takeovers.orphaned(owners(store))
    taken(store, sweep_id)
    takeovers.look()
    assert takeovers.seconds == [4.0]
