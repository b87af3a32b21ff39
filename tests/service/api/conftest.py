"""The API over a store, called in this process or through a real socket."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import uvicorn
from starlette.testclient import TestClient

from service.api.app import make_app
from service.api.context import Settings
from service.policy import Policy
from service.records import MlflowPlace, Status
from service.store import Store
from sweeps.finding import warning
from sweeps.lanerecords import LanePlan
from sweeps.pickevidence import FolkBest, Luck, Stressed
from sweeps.records import CodeVersion, Outcome, Probed, TaskInfo
from tests.service.store.conftest import Make

SPEC: dict[str, Any] = {
    "name": "small",
    "task": "quadratic",
    "budget": {"epochs": 2},
    "optimizers": [{"SGD": {"lr": [0.1, 0.01]}}],
    "schedulers": ["none", {"StepLR": {"step_size": 1}}],
    "trials": 3,
    "range_test": "off",
    "pruner": "none",
}

NewClient = Callable[..., TestClient]


def settings_of(**given: Any) -> Settings:
    """Settings of a test: loopback's, with quick streams and no limit that a test would notice."""
    return Settings(**{"anonymous": True, "policy": Policy(), "poll": 0.02, "rate": 10_000.0, **given})


@pytest.fixture
def new_client(store: Store) -> Iterator[NewClient]:
    """Makes clients of an application over the store; keyword arguments are settings."""
    with ExitStack() as stack:

        def make(**given: Any) -> TestClient:
            app = make_app(store, settings_of(**given))
            return stack.enter_context(TestClient(app, base_url="http://localhost", raise_server_exceptions=False))

        yield make


@pytest.fixture
def client(new_client: NewClient) -> TestClient:
    """A client that may do everything."""
    return new_client()


@contextmanager
def serving(store: Store, **given: Any) -> Iterator[str]:
    """The URL of a real server on a free loopback port."""
    config = uvicorn.Config(
        make_app(store, settings_of(**given)), port=0, log_level="error", ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def fill(store: Store, *, status: Status | None = Status.DONE, spec: dict[str, Any] = SPEC) -> str:
    """A sweep with everything in it that a sweep can have; its id."""
    make = Make()
    record, _ = store.submit(
        name="small",
        task="quadratic",
        spec=spec,
        total_trials=3,
        findings=[warning("trials", "are few; really", "give more")],
        submitted_by="ann",
    )
    sweep_id = record.id
    recorder = store.recorder(sweep_id)
    store.claim(sweep_id, "1@there", 60)
    recorder.probed(TaskInfo(steps_per_epoch=2, batch_size=64))
    store.set_code(sweep_id, CodeVersion(task="quadratic", lrsweep="0.1.0", torch="2.13.0"))
    recorder.planned(LanePlan(count=4, fused=True, reason="it pays"), None)
    recorder.range_tested(
        make.range_test(
            interval=(0.05, 0.3),
            metric_steps=(1, 3),
            metrics={"val/loss": ((2.0, 1.5), (2.25,), ())},
            probe=(Probed(lr=0.1, seed=0, values=(0.5, 0.25)), Probed(lr=0.3, seed=1, exploded=True)),
        )
    )
    store.set_range_test_run(sweep_id, "SGD", "ramp")
    for number in range(3):
        recorder.proposed(make.proposal(number))
    for epoch in (1, 2):
        recorder.reported([(0, make.report(epoch), 2.0 / epoch)])
    diverged = make.report(1, metrics={"train/loss": float("nan"), "val/loss": float("inf")})
    recorder.reported([(1, diverged, float("inf"))])
    recorder.ended(0, make.ended(), 1.0)
    recorder.ended(1, make.ended(Outcome.DIVERGED), None)
    evidence = {
        "luck": Luck(noise=0.01, source="seeds", wins=0.75, optimism=0.005, rivals=2),
        "stability": (Stressed(factor=3.0, initial_lr=0.3, value=None, exploded=True),),
        "folk_grid": FolkBest(initial_lr=0.3, value=0.5),
    }
    recorder.picked([make.pick(), make.pick("AdamW", **evidence)])
    store.set_mlflow_place(sweep_id, MlflowPlace(tracking_uri="http://mlflow", experiment_id="1", run_id="parent"))
    store.set_mlflow_run(sweep_id, 0, "child")
    if status is not None:
        store.finish(sweep_id, status)
    return sweep_id


@pytest.fixture
def filled(store: Store) -> str:
    """The id of a finished sweep with everything in it."""
    return fill(store)
