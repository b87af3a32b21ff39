"""One sweep in a process of its own: `python -m service.coordinator.child`.

It reads its order, a line of JSON, from standard input. Once that is closed the coordinator that started it is gone:
then it stops within an epoch, or dies if that takes too long, and gives the sweep back.
"""

import logging
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from service.coordinator.children import kill_session
from service.coordinator.journal import Journal
from service.coordinator.log import say, start_logging
from service.coordinator.order import TRY_LATER, Order
from service.launch import launch
from service.lease import Lease, this_process
from service.place import Place
from service.policy import Policy
from service.records import Status
from service.store import LeaseLost, Store
from service.tracking.thread import Tracking
from sweeps.errors import EnvironmentFailure, TaskError, UserError
from sweeps.failures import SweepFailed
from sweeps.lint import lint, refuse_errors
from sweeps.specfile import parse_spec

_SHOW_PATIENCE = 20.0
"""Seconds that a re-sync waits for an MLflow that is away."""
_ORPHANED = 10.0
"""Seconds that it may take to stop without a coordinator, which would end it: its sweep is to be another's soon."""


def main() -> int:
    """Reads the order and carries it out; returns the exit code."""
    line = sys.stdin.readline()
    if not line:
        return 0
    start_logging()
    return _carry_out(Order.read(line))


def _carry_out(order: Order) -> int:
    try:
        if order.work == "train":
            signal.signal(signal.SIGTERM, _stop)
        threading.Thread(target=_follow_parent, args=(order,), daemon=True, name="parent").start()
        return (_train if order.work == "train" else _show)(order)
    except (_Stopped, SystemExit) as told:
        # Ray, while it starts, turns SIGTERM into an exit code; another code is the task's own doing.
        if isinstance(told, SystemExit) and told.code != signal.SIGTERM:
            raise
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _give_back(order)
        return TRY_LATER


def _follow_parent(order: Order) -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_ORPHANED)
    reason = f"its coordinator is gone, and it did not stop within {_ORPHANED:g} s"
    say("killed", sweep=order.sweep_id, reason=reason, level=logging.WARNING)
    try:
        _give_back(order)
    finally:
        kill_session(os.getpid())


class _Stopped(BaseException):
    """SIGTERM, before or after the sweep listens to it itself."""


def _stop(number: int, frame: FrameType | None) -> None:
    raise _Stopped


def _train(order: Order) -> int:
    try:
        with Store.open(order.home.store_url) as store:
            return _train_from(store, order)
    except LeaseLost as error:
        say("lost", sweep=order.sweep_id, reason=error, level=logging.WARNING)
        return 0
    # The store is away, or not of this version: a sweep is not to blame for that.
    except (EnvironmentFailure, UserError) as error:
        say("left", sweep=order.sweep_id, reason=error, level=logging.WARNING)
        return TRY_LATER


def _train_from(store: Store, order: Order) -> int:
    sweep_id = order.sweep_id
    try:
        # Workers may take longer to start than a lease lasts.
        with Lease(store, sweep_id):
            return _launch(order, store)
    except LeaseLost:
        raise
    except EnvironmentFailure as error:
        # Where it had begun already, the store says so by now, unless it is what failed.
        with suppress(EnvironmentFailure):
            store.finish(sweep_id, Status.INTERRUPTED, str(error), owner=this_process())
        raise
    except (UserError, TaskError, SweepFailed) as error:
        return _failed(store, sweep_id, str(error))
    except Exception as error:
        logging.getLogger("lrsweep.coordinator").exception("sweep %s", sweep_id)
        return _failed(store, sweep_id, f"a bug of lrsweep: {error!r}")


def _give_back(order: Order) -> None:
    # A store that is away needs no word: the lease runs out.
    with suppress(EnvironmentFailure, UserError), Store.open(order.home.store_url) as store:
        store.left(order.sweep_id, this_process(), None)


def _launch(order: Order, store: Store) -> int:
    sweep_id = order.sweep_id
    raw, policy = store.sweep(sweep_id).spec, Policy.of_coordinator()
    # What was allowed when it was submitted may be so no longer.
    spec = policy.judged(raw) if policy else parse_spec(raw)
    refuse_errors(lint(spec))
    launched = launch(
        order.home,
        store,
        spec,
        place=Place(runner=order.runner, address=order.address),
        sweep_id=lambda: sweep_id,
        watcher=Journal(sweep_id),
        say=lambda text: say("said", sweep=sweep_id, text=text),
    )
    say("ended", sweep=sweep_id, ending=launched.ending.value, mlflow_lacks=launched.mlflow_trouble)
    return 0


def _failed(store: Store, sweep_id: str, reason: str) -> int:
    # Where the sweep had begun already, the store says so by now.
    with suppress(LeaseLost):
        store.finish(sweep_id, Status.FAILED, reason, owner=this_process())
    say("failed", sweep=sweep_id, reason=reason.strip().splitlines()[-1], level=logging.ERROR)
    return 1


def _show(order: Order) -> int:
    try:
        with Store.open(order.home.store_url) as store, Lease(store, order.sweep_id):
            with Tracking(store, order.sweep_id, order.home) as tracking:
                trouble = tracking.close(_SHOW_PATIENCE)
            store.shown(order.sweep_id, this_process(), completely=trouble is None)
    except EnvironmentFailure as error:
        trouble = str(error)
    say("shown", sweep=order.sweep_id, mlflow_lacks=trouble)
    return TRY_LATER if trouble else 0


def _leave() -> NoReturn:
    try:
        code = main()
    except SystemExit as told:
        code = told.code if isinstance(told.code, int) else 1
    except BaseException:
        logging.getLogger("lrsweep.coordinator").exception("a sweep's process")
        code = 1
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    logging.shutdown()
    # Threads of libraries may hang on to a process that has nothing left to do.
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    _leave()
