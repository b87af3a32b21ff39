"""A supervisor shares sweeps out, looks after their processes, and gives back what it cannot keep."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from service.coordinator.needs import Needs
from service.coordinator.order import TRY_LATER, Order
from service.coordinator.supervisor import Supervisor
from service.lease import TTL
from service.records import Status
from service.store import Store, lifecycle, queue
from sweeps.errors import EnvironmentFailure
from tests.service.mlflow_server import home_in


@dataclass
class FakeChild:
    """A child that does what a test says."""

    owner: str
    store: Store
    orders: list[Order] = field(default_factory=list)
    ended: int | None = None
    heeds: bool = True
    killed: bool = False

    def order(self, order: Order) -> None:
        self.orders.append(order)

    def code(self) -> int | None:
        return self.ended

    def stop(self) -> None:
        if self.heeds and self.ended is None:
            self.leave(Status.INTERRUPTED)

    def kill(self) -> None:
        self.killed = True
        if self.ended is None:
            self.ended = -9

    def leave(self, status: Status, code: int = 0) -> None:
        self.store.finish(self.orders[0].sweep_id, status, owner=self.owner)
        self.store.shown(self.orders[0].sweep_id, self.owner, completely=True)
        self.ended = code


class World:
    """A supervisor with children, a clock and a capacity that a test sets."""

    def __init__(self, store: Store, **given: Any):
        self.store, self.now = store, 0.0
        self.children: list[FakeChild] = []
        self.supervisor = self.another(**given)

    def another(
        self, *, most: int = 10, capacity: Callable[[], Needs | None] | None = None, **given: Any
    ) -> Supervisor:
        return Supervisor(
            self.store,
            home_in(Path("home")),
            most=most,
            capacity=capacity or (lambda: Needs(cpus=4)),
            start=self._start,
            clock=lambda: self.now,
            **given,
        )

    def _start(self) -> FakeChild:
        # Somebody who lives: the lease of one who has died is nobody's.
        self.children.append(FakeChild(f"{os.getpid()}.{len(self.children)}@{socket.gethostname()}", self.store))
        return self.children[-1]

    @property
    def trained(self) -> list[str]:
        """The names of the sweeps that were begun, in order."""
        return [self.store.sweep(o.sweep_id).name for child in self.children for o in child.orders if o.work == "train"]

    def submit(self, name: str, user: str = "", **workers: float) -> str:
        spec = {
            "name": name,
            "task": "quadratic",
            "budget": {"epochs": 1},
            "optimizers": ["SGD"],
            "trials": 1,
            "workers": {"count": 1, **workers},
        }
        return self.store.submit(name=name, task="quadratic", spec=spec, total_trials=1, submitted_by=user)[0].id

    def at_work(self, sweep_id: str) -> FakeChild:
        return next(c for c in self.children if c.ended is None and c.orders and c.orders[-1].sweep_id == sweep_id)


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def test_users_take_turns_and_the_oldest_goes_first(store: Store) -> None:
    world = World(store, most=4)
    for name, user in [("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"), ("c1", "c")]:
        world.submit(name, user)
    world.supervisor.step()
    assert world.trained == ["a1", "b1", "c1", "a2"]


def test_who_has_sweeps_running_waits_for_those_who_have_none(store: Store) -> None:
    world = World(store, most=2)
    ids = [world.submit(name, "a") for name in ("a1", "a2", "a3")]
    world.supervisor.step()
    world.submit("b1", "b")
    world.at_work(ids[0]).leave(Status.DONE)
    world.supervisor.step()
    assert world.trained == ["a1", "a2", "b1"]


def test_no_more_run_than_the_machine_has_room_for(world: World) -> None:
    for number in range(4):
        world.submit(f"s{number}", count=3, cpus=0.5)
    world.supervisor.step()
    assert world.trained == ["s0", "s1"]


def test_whose_turn_it_is_is_not_starved_by_smaller_ones(world: World) -> None:
    first = world.submit("first", count=2)
    world.submit("large", count=4)
    world.submit("small")
    world.supervisor.step()
    assert world.trained == ["first"]
    world.at_work(first).leave(Status.DONE)
    world.supervisor.step()
    assert world.trained == ["first", "large"]


def test_what_fits_nowhere_waits_and_holds_nobody_up(world: World) -> None:
    huge = world.submit("huge", count=100)
    world.submit("small")
    world.supervisor.step()
    assert world.trained == ["small"]
    assert world.store.sweep(huge).status is Status.QUEUED


def test_nothing_starts_while_nobody_knows_what_there_is(store: Store) -> None:
    world = World(store, capacity=lambda: None, address="somewhere:6379")
    world.submit("s")
    assert world.supervisor.step()
    assert world.trained == []


def test_on_a_cluster_the_sweeps_of_other_coordinators_count(store: Store) -> None:
    world = World(store, address="somewhere:6379")
    world.submit("first", count=3)
    world.supervisor.step()
    world.submit("second", count=2)
    world.another(address="somewhere:6379").step()
    assert world.trained == ["first"]


def test_two_coordinators_never_run_one_sweep(world: World) -> None:
    ids = [world.submit(f"s{number}") for number in range(4)]
    other = world.another(most=2)
    other.step()
    world.supervisor.step()
    begun = [order.sweep_id for child in world.children for order in child.orders]
    assert sorted(begun) == sorted(ids)


def test_while_another_runs_a_sweep_there_may_still_be_work(world: World) -> None:
    other = world.another()
    assert not other.step()
    world.submit("s")
    world.supervisor.step()
    assert other.step()
    world.supervisor.stop(grace=5)
    assert other.step()
    assert world.trained == ["s", "s"]


def test_sweeps_of_the_foreground_are_left_alone(world: World) -> None:
    world.store.create_sweep(name="mine", task="quadratic", spec={}, total_trials=1)
    assert not world.supervisor.step()
    assert world.trained == []


@pytest.mark.parametrize(
    ("code", "words"), [(-9, "SIGKILL"), (-11, "SIGSEGV"), (3, "exited with code 3"), (0, "code 0")]
)
def test_a_sweep_whose_process_always_dies_is_failed_with_the_reason(world: World, code: int, words: str) -> None:
    sweep_id = world.submit("s")
    for _ in range(20):
        world.supervisor.step()
        for child in world.children:
            if child.orders and child.ended is None:
                child.ended = code
        world.now += 60
    sweep = world.store.sweep(sweep_id)
    assert sweep.status is Status.FAILED
    assert sweep.error is not None
    assert sweep.error.startswith("its process died 5 times without getting any further")
    assert words in sweep.error
    assert world.trained == ["s"] * 5


def test_one_that_gets_further_between_its_deaths_goes_on(world: World, make: Any) -> None:
    sweep_id = world.submit("s")
    recorder = world.store.recorder(sweep_id)
    recorder.proposed(make.proposal(0))
    for epoch in range(1, 12):
        world.supervisor.step()
        world.now += 60
        world.supervisor.step()
        recorder.reported([(0, make.report(epoch), 0.5)])
        world.at_work(sweep_id).ended = -9
    world.supervisor.step()
    assert world.store.sweep(sweep_id).status is not Status.FAILED


def test_what_failed_outside_of_the_sweep_is_tried_again_later_and_later(world: World) -> None:
    sweep_id = world.submit("s")
    starts = []
    for second in range(200):
        world.now = float(second)
        before = len(world.trained)
        world.supervisor.step()
        if len(world.trained) > before:
            starts.append(second)
            world.at_work(sweep_id).ended = TRY_LATER
    gaps = [after - before for before, after in pairwise(starts)]
    assert gaps == sorted(gaps)
    assert gaps[0] <= 2
    assert 30 <= gaps[-1] <= 31
    assert world.store.sweep(sweep_id).status is Status.INTERRUPTED


def test_told_to_stop_it_gives_every_sweep_back_for_others_to_go_on_with(world: World) -> None:
    ids = [world.submit(name) for name in ("heeds", "hangs")]
    world.supervisor.step()
    hanging = world.at_work(ids[1])
    hanging.heeds = False

    def wait(seconds: float) -> None:
        world.now += seconds

    world.supervisor.stop(grace=5, wait=wait)
    assert hanging.killed
    assert 5 <= world.now < 6
    assert [world.store.sweep(sweep_id).status for sweep_id in ids] == [Status.INTERRUPTED] * 2
    world.another().step()
    assert sorted(world.trained) == ["hangs", "hangs", "heeds", "heeds"]


def test_told_to_stop_while_the_store_is_away_it_leaves_no_process_behind(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [world.submit(name) for name in ("hangs", "hangs, too")]
    world.supervisor.step()
    hanging = [world.at_work(sweep_id) for sweep_id in ids]
    for each in hanging:
        each.heeds = False
    monkeypatch.setattr(world.store, "left", away)
    with pytest.raises(EnvironmentFailure):
        world.supervisor.stop(grace=0)
    assert [each.killed for each in hanging] == [True, True]


def away(*_: Any) -> None:
    raise EnvironmentFailure("the store is away")


@pytest.fixture
def store_follows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store's clock goes forward with the world's."""
    now = queue.clock
    for module in (queue, lifecycle):
        monkeypatch.setattr(module, "clock", lambda session: now(session) + timedelta(seconds=world.now))


@pytest.mark.usefixtures("store_follows")
def test_a_process_that_starts_slowly_keeps_its_sweep(world: World) -> None:
    sweep_id = world.submit("s")
    # On a busy machine it takes longer than a lease lasts until a process can renew its lease.
    for second in range(0, int(6 * TTL), 5):
        world.now = second
        world.supervisor.step()
        world.another().step()
    assert world.trained == ["s"]
    assert world.at_work(sweep_id) is world.children[0]


@pytest.mark.usefixtures("store_follows")
def test_a_process_that_never_gets_to_renew_its_lease_loses_its_sweep(world: World) -> None:
    world.submit("s")
    for second in range(0, 150, 5):
        world.now = second
        world.supervisor.step()
    assert world.trained == ["s", "s"]


@pytest.mark.usefixtures("store_follows")
@pytest.mark.parametrize("work", ["train", "show"])
def test_a_sweep_that_a_machine_had_just_taken_when_it_died_is_anothers_after_a_lease(world: World, work: str) -> None:
    sweep_id = world.submit("s")
    world.supervisor.step()
    if work == "show":
        world.store.finish(sweep_id, Status.DONE, owner=world.at_work(sweep_id).owner)
        world.at_work(sweep_id).ended = 0
        world.supervisor.step()
    for second, started in [(TTL - 1, 1), (TTL + 1, 2)]:
        world.now = second
        world.another().step()
        assert [order.work for child in world.children for order in child.orders].count(work) == started


def test_a_process_that_outlives_its_sweep_takes_no_room_for_ever(store: Store) -> None:
    world = World(store, most=1)
    sweep_id = world.submit("s")
    world.submit("next")
    world.supervisor.step()
    stuck = world.at_work(sweep_id)
    for _ in range(10):
        world.now += 100
        world.supervisor.step()
    assert not stuck.killed
    store.finish(sweep_id, Status.DONE, owner=stuck.owner, keep_lease=True)
    for _ in range(10):
        world.now += 100
        world.supervisor.step()
    assert stuck.killed
    assert world.trained == ["s", "next"]


@pytest.mark.parametrize("code", [TRY_LATER, -9, 1, 3])
def test_no_sweep_is_tried_again_at_once(world: World, code: int) -> None:
    sweep_id = world.submit("s")
    world.supervisor.step()
    world.at_work(sweep_id).ended = code
    world.supervisor.step()
    assert world.trained == ["s"]
    world.now += 1.5
    world.supervisor.step()
    assert world.trained == ["s", "s"]


def test_what_mlflow_lacks_of_an_ended_sweep_is_shown_afterwards(world: World) -> None:
    sweep_id = world.submit("s")
    world.supervisor.step()
    child = world.at_work(sweep_id)
    world.store.finish(sweep_id, Status.DONE, owner=child.owner)
    child.ended = 0
    assert world.supervisor.step()
    order = world.at_work(sweep_id).orders[-1]
    assert order.work == "show"
    world.store.shown(sweep_id, world.at_work(sweep_id).owner, completely=True)
    world.at_work(sweep_id).ended = 0
    assert not world.supervisor.step()


def test_a_store_that_is_away_for_a_while_costs_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep_id = world.submit("s")
    world.supervisor.step()
    world.at_work(sweep_id).ended = -9
    with monkeypatch.context() as gone:
        gone.setattr(world.store, "left", away)
        with pytest.raises(EnvironmentFailure):
            world.supervisor.step()
    world.supervisor.step()
    assert "SIGKILL" in str(world.store.sweep(sweep_id).error)
    world.now += 2
    world.supervisor.step()
    assert world.trained == ["s", "s"]


def test_an_order_comes_through_as_it_was_sent() -> None:
    order = Order(sweep_id="ab", work="train", home=home_in(Path("/somewhere")), runner="ray", address="a:1")
    assert Order.read(order.write()) == order
