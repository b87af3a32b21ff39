"""The same over HTTP, and through an outage."""

import time
from collections.abc import Callable

import pytest

from service.tracking.client import check_reachable
from service.tracking.projection import Projector
from service.tracking.thread import Tracking
from sweeps.errors import EnvironmentFailure
from sweeps.records import Outcome
from tests.service.mlflow_server import MlflowServer, home_in
from tests.service.tracking.conftest import Look, Sweep


def test_an_outage_in_the_middle_loses_nothing(
    sweep: Sweep, mlflow_server: MlflowServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = home_in(mlflow_server.folder, mlflow_server.uri)
    check_reachable(home)
    with Tracking(sweep.store, sweep.id, home, interval=0.1) as tracking:
        sweep.range_test()
        sweep.train(0)
        sweep.propose(1)
        sweep.report(1, 1)
        wait_for(lambda: sweep.store.trials(sweep.id)[1].mlflow_run_id)
        mlflow_server.kill()

        sweep.report(1, 2)
        sweep.end(1, Outcome.PRUNED, 0.5)
        sweep.train(2)
        wait_for(lambda: tracking.trouble)
        assert mlflow_server.uri in str(tracking.trouble)
        with pytest.raises(EnvironmentFailure, match=f"MLflow at {mlflow_server.uri} cannot be reached"):
            check_reachable(home)

        mlflow_server.start()
        sweep.train(3)
        sweep.pick(0)
        sweep.finish()
        assert tracking.close(patience=30) is None

    runs = Look(home, sweep).runs()
    assert set(runs) == {"sweep", "range test SGD", *(f"trial {number}" for number in range(4))}
    assert {run.status for run in runs.values()} == {"FINISHED"}
    for number, epochs in ((0, 4), (1, 2), (2, 4), (3, 4)):
        run = runs[f"trial {number}"]
        assert list(run.values("val/loss")) == list(range(1, epochs + 1))
        assert len(run.values("train/loss_step")) == 10 * epochs
    look = Look(home, sweep)
    assert "picks.json" in look.files(runs["sweep"].id)
    assert runs["sweep"].params["best.initial_lr"] == "0.1"

    before = runs
    Projector(sweep.store, sweep.id, home).finish()
    assert look.runs() == before


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
