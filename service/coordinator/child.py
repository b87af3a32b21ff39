"""One sweep in a process of its own: `python -m service.coordinator.child`.

It reads its order, a line of JSON, from standard input. Once that is closed the coordinator that started it is gone:
then it stops within an epoch and gives the sweep back.
"""

import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType

from service.coordinator.journal import Journal
from service.coordinator.log import say, start_logging
from service.coordinator.order import TRY_LATER, Order
from service.launch import Place, launch
from service.lease import Lease, this_process
from service.records import Status
from service.store import LeaseLost, Store
from service.tracking.thread import Tracking
from sweeps.errors import EnvironmentFailure, TaskError, UserError
from sweeps.failures import SweepFailed
from sweeps.lint import lint, refuse_errors
from sweeps.specfile import parse_spec

_SHOW_PATIENCE = 20.0
"""Seconds that a re-sync waits for an MLflow that is away."""


def main() -> int:
    """Reads the order and carries it out; returns the exit code."""
    line = sys.stdin.readline()
    if not line:
        return 0
    start_logging()
    order = Order.read(line)
    threading.Thread(target=_follow_parent, daemon=True, name="parent").start()
    return (_train if order.work == "train" else _show)(order)


def _follow_parent() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


class _Stopped(BaseException):
    """SIGTERM, before or after the sweep listens to it itself."""


def _stop(number: int, frame: FrameType | None) -> None:
    raise _Stopped


def _train(order: Order) -> int:
    sweep_id = order.sweep_id
    signal.signal(signal.SIGTERM, _stop)
    try:
        with Store.open(order.home.store_url) as store:
            try:
                # Workers may take longer to start than a lease lasts.
                with Lease(store, sweep_id):
                    return _launch(order, store)
            except EnvironmentFailure:
                raise
            except _Stopped:
                store.left(sweep_id, this_process(), None)
                return TRY_LATER
            except (UserError, TaskError, SweepFailed) as error:
                return _failed(store, sweep_id, str(error))
            except Exception as error:
                logging.getLogger("lrsweep.coordinator").exception("sweep %s", sweep_id)
                return _failed(store, sweep_id, f"a bug of lrsweep: {error!r}")
    except LeaseLost as error:
        say("lost", sweep=sweep_id, reason=error, level=logging.WARNING)
        return 0
    except EnvironmentFailure as error:
        say("left", sweep=sweep_id, reason=error, level=logging.WARNING)
        return TRY_LATER


def _launch(order: Order, store: Store) -> int:
    sweep_id = order.sweep_id
    spec = parse_spec(store.sweep(sweep_id).spec)
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


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    # Threads of libraries may hang on to a process that has nothing left to do.
    sys.stdout.flush()
    os._exit(code)
