"""A sweep's process gives its sweep back whenever it is told to stop, and blames it for nothing that lies outside."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from service.coordinator import child
from service.coordinator.order import TRY_LATER, Order
from service.lease import TTL, this_process
from service.records import Status
from service.store import Store
from sweeps.errors import EnvironmentFailure, UserError
from tests.service.mlflow_server import home_in

SPEC = {"name": "s", "task": "quadratic", "budget": {"epochs": 1}, "optimizers": ["SGD"], "trials": 1}


@pytest.fixture(autouse=True)
def parent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A coordinator that lives; afterwards this process has its own answer to SIGTERM back."""
    monkeypatch.setattr(child, "_follow_parent", lambda order: None)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def order(tmp_path: Path) -> Order:
    home = home_in(tmp_path)
    with Store.open(home.store_url) as store:
        sweep_id = store.submit(name="s", task="quadratic", spec=SPEC, total_trials=1)[0].id
        assert store.take(sweep_id, this_process(), TTL)
    return Order(sweep_id=sweep_id, work="train", home=home)


def told_to_stop(*_: Any, **__: Any) -> None:
    signal.raise_signal(signal.SIGTERM)


def raises(error: BaseException) -> Callable[..., None]:
    def call(*_: Any, **__: Any) -> None:
        raise error

    return call


def test_told_to_stop_before_it_begins_it_gives_the_sweep_back(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child.threading.Thread, "start", told_to_stop)
    assert child._carry_out(order) == TRY_LATER
    with Store.open(order.home.store_url) as store:
        assert store.sweep(order.sweep_id).status is Status.INTERRUPTED


@pytest.mark.parametrize("launch", [told_to_stop, raises(SystemExit(signal.SIGTERM))], ids=["SIGTERM", "by Ray"])
def test_told_to_stop_while_it_starts_it_gives_the_sweep_back(
    order: Order, launch: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "launch", launch)
    assert child._carry_out(order) == TRY_LATER
    with Store.open(order.home.store_url) as store:
        assert store.sweep(order.sweep_id).status is Status.INTERRUPTED
        assert store.take(order.sweep_id, "1@elsewhere", TTL)


def test_what_is_not_there_is_said_with_the_sweep_that_waits_for_it(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "launch", raises(EnvironmentFailure("no Ray cluster")))
    assert child._carry_out(order) == TRY_LATER
    with Store.open(order.home.store_url) as store:
        sweep = store.sweep(order.sweep_id)
        assert (sweep.status, sweep.error) == (Status.INTERRUPTED, "no Ray cluster")
        assert store.take(order.sweep_id, "1@elsewhere", TTL)


def test_a_task_that_exits_by_itself_is_no_wish_to_stop(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "launch", raises(SystemExit(3)))
    with pytest.raises(SystemExit):
        child._carry_out(order)


@pytest.mark.parametrize(
    "opening",
    [told_to_stop, raises(UserError("no tables of this version")), raises(EnvironmentFailure("away"))],
    ids=["SIGTERM", "upgraded", "away"],
)
def test_what_keeps_it_from_the_store_is_no_fault_of_the_sweep(
    order: Order, opening: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    first_try = iter([opening])
    really = child.Store.open

    def open_store(url: str) -> Store:
        next(first_try, lambda: None)()
        return really(url)

    monkeypatch.setattr(child.Store, "open", open_store)
    assert child._carry_out(order) == TRY_LATER
