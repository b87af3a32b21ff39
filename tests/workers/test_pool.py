"""The Ray pool on a real cluster."""

import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sweeps.errors import EnvironmentFailure, TaskError, UserError
from sweeps.lanerecords import LanePlan
from sweeps.objective import Objective
from sweeps.records import Budget, Ended, Event, Job, Lost, Outcome, Report, Started, Stop
from workers.loading import load_task
from workers.provided import load_provided

pytestmark = [
    pytest.mark.ray,
    # Ray leaves pipes of its own open when a driver disconnects.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
]

TASK = """
import os, signal, time
from helpers import network
import torch

class Task:
    def __init__(self, marker=None, pause=0.0):
        self.marker, self.pause = marker, pause
    def model(self):
        return network()
    def data(self):
        x = torch.randn(32, 2, generator=torch.Generator().manual_seed(0))
        return (x, x.sum(1, keepdim=True)), (x, x.sum(1, keepdim=True))
    def loss(self, model, batch):
        time.sleep(self.pause)
        if self.marker and not os.path.exists(self.marker):
            open(self.marker, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        x, y = batch
        return ((model(x) - y) ** 2).mean()
"""
HELPERS = """
from torch import nn

def network():
    return nn.Linear(2, 1)
"""


@pytest.fixture
def pools(ray_address: str) -> Iterator[Callable[..., Any]]:
    """Makes pools on the session's cluster; each is closed at the end."""
    from workers.pool import RayPool, Resources

    made = []

    def make(
        task: Any,
        *,
        provided: dict[str, Any] | None = None,
        modules: tuple[str, ...] = (),
        count: int = 1,
        cpus: float = 1.0,
        gpus: float = 0.0,
    ) -> Any:
        resources = Resources(count=count, cpus=cpus, gpus=gpus, threads=1)
        by_value = [sys.modules[name] for name in modules]
        made.append(RayPool(lambda: task, resources, address=ray_address, provided=provided, by_value=by_value))
        return made[-1]

    yield make
    for pool in made:
        pool.close()


@pytest.fixture
def users_task(tmp_path: Path) -> Callable[..., Any]:
    """A task in a file of the user's, with a helper module beside it, that workers cannot import."""
    (tmp_path / "task.py").write_text(TASK)
    (tmp_path / "helpers.py").write_text(HELPERS)
    return lambda **args: load_task(f"{tmp_path}/task.py:Task", args)


def job(key: str = "trial 0", epochs: int = 3, **fields: Any) -> Job:
    defaults: dict[str, Any] = {"optimizer": "SGD", "scheduler": "none", "initial_lr": 0.1}
    return Job(key=key, budget=Budget(epochs=epochs), objective=Objective(), **defaults | fields)


def start(pool: Any, each: Job) -> None:
    if not pool.room():
        pool.open(LanePlan())
    pool.submit([each])


def events_until(pool: Any, over: Callable[[Event], bool], seconds: float = 60) -> list[Event]:
    found: list[Event] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for event in pool.events(0.2):
            found.append(event)
            if over(event):
                return found
    pytest.fail(f"nothing of the kind within {seconds} s: {found}")


def has_ended(event: Event) -> bool:
    return isinstance(event, Ended | Lost)


def test_user_code_reaches_workers_that_cannot_import_it(pools: Any, users_task: Any) -> None:
    loaded = users_task()
    assert set(loaded.local_modules) == {"helpers", "task"}
    pool = pools(loaded.task, modules=loaded.local_modules)
    assert pool.probe().metrics == ("train/loss", "val/loss")
    start(pool, job())
    found = events_until(pool, has_ended)
    assert [type(event) for event in found] == [Started, Report, Report, Report, Ended]
    assert found[-1] == Ended(key="trial 0", outcome=Outcome.COMPLETE)


OWN = """
import math
import torch
from sizes import HALF

class Halved(torch.optim.SGD):
    def step(self, closure=None):
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad.mul_(HALF)
        return super().step(closure)

def falls(epoch):
    return HALF ** epoch
"""


def test_an_optimizer_and_a_schedule_by_path_reach_workers_that_cannot_import_them(
    pools: Any, users_task: Any, tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "sizes.py").write_text("HALF = 0.5\n")
    loaded = users_task()
    optimizer, function = f"{tmp_path}/own.py:Halved", f"{tmp_path}/own.py:falls"
    found = load_provided({optimizer: "optimizer", function: "function"})
    assert {"helpers", "own", "sizes"} < set(found.local_modules)
    pool = pools(loaded.task, provided=dict(found.objects), modules=found.local_modules)
    jobs = [
        job(optimizer=optimizer, scheduler="LambdaLR", scheduler_params={"lr_lambda": function}),
        job(initial_lr=0.05, scheduler="LambdaLR", scheduler_params={"lr_lambda": "0.5 ** epoch"}),
    ]
    reports = []
    for each in jobs:
        start(pool, each)
        events = events_until(pool, has_ended)
        assert events[-1] == Ended(key="trial 0", outcome=Outcome.COMPLETE)
        reports.append([event for event in events if isinstance(event, Report)])
        assert not list(iter(lambda: list(pool.events(0.2)), []))
    assert [report.lrs for report in reports[0]] == [(0.1,), (0.05,), (0.025,)]
    # Half the gradient at twice the LR is the same step.
    assert [report.step_losses for report in reports[0]] == [report.step_losses for report in reports[1]]


def test_a_warm_worker_takes_job_after_job(pools: Any, users_task: Any) -> None:
    loaded = users_task()
    pool = pools(loaded.task, modules=loaded.local_modules)
    losses = []
    for number in range(3):
        start(pool, job(f"trial {number}"))
        found = events_until(pool, has_ended)
        losses.append([event.metrics for event in found if isinstance(event, Report)])
        events = iter(lambda pool=pool: list(pool.events(0.2)), [])
        assert not list(events)
        assert pool.room() == 1
    assert losses[0] == losses[1] == losses[2]


def test_a_stop_ends_a_running_trial_within_an_epoch(pools: Any, users_task: Any) -> None:
    loaded = users_task(pause=0.3)
    pool = pools(loaded.task, modules=loaded.local_modules)
    start(pool, job(epochs=1000))
    events_until(pool, lambda event: isinstance(event, Report))
    pool.stop("trial 0", Stop.CANCELLED)
    found = events_until(pool, has_ended)
    assert len([event for event in found if isinstance(event, Report)]) <= 1
    assert found[-1] == Ended(key="trial 0", outcome=Outcome.CANCELLED)


@pytest.mark.parametrize(("verdict", "epochs"), [("stop", 2), ("go_on", 4)])
def test_a_trial_waits_at_its_rung(pools: Any, users_task: Any, verdict: str, epochs: int) -> None:
    loaded = users_task()
    pool = pools(loaded.task, modules=loaded.local_modules)
    start(pool, job(epochs=4, rungs=(2,)))
    events_until(pool, lambda event: isinstance(event, Report) and event.epoch == 2)
    assert list(pool.events(0.5)) == []
    if verdict == "stop":
        pool.stop("trial 0", Stop.PRUNED)
    else:
        pool.go_on("trial 0")
    found = events_until(pool, has_ended)
    assert 2 + len([event for event in found if isinstance(event, Report)]) == epochs


def test_a_dead_worker_is_lost_and_its_place_is_filled(pools: Any, users_task: Any, tmp_path: Path) -> None:
    loaded = users_task(marker=str(tmp_path / "killed"))
    pool = pools(loaded.task, modules=loaded.local_modules)
    start(pool, job())
    lost = events_until(pool, has_ended)[-1]
    assert isinstance(lost, Lost)
    assert "died" in lost.reason
    start(pool, job())
    assert events_until(pool, has_ended)[-1] == Ended(key="trial 0", outcome=Outcome.COMPLETE)


def test_a_task_that_always_kills_its_worker_is_to_blame_itself(pools: Any, tmp_path: Path) -> None:
    (tmp_path / "killer.py").write_text(
        textwrap.dedent(
            """
            import os
            class Killer:
                def model(self):
                    os._exit(1)
                def data(self):
                    import torch
                    return torch.ones(4, 2), None
                def loss(self, model, batch):
                    return 0
            """
        )
    )
    loaded = load_task(f"{tmp_path}/killer.py:Killer", {})
    pool = pools(loaded.task, modules=loaded.local_modules)
    with pytest.raises(TaskError, match="3 workers died one after another while they tried its first batch"):
        pool.probe()


def test_what_was_lost_together_is_tried_again_alone(pools: Any, users_task: Any, tmp_path: Path) -> None:
    loaded = users_task(marker=str(tmp_path / "killed"))
    pool = pools(loaded.task, modules=loaded.local_modules)
    pool.open(LanePlan(count=2))
    jobs = [job(f"trial {number}") for number in range(2)]
    pool.submit(jobs)
    lost: list[Event] = []
    events_until(pool, lambda event: isinstance(event, Lost) and (lost.append(event) or len(lost) == 2))
    pool.submit(jobs)
    assert pool.room() == 0
    found = events_until(pool, has_ended)
    assert {event.key for event in found} == {"trial 0"}
    assert {event.key for event in events_until(pool, has_ended)} == {"trial 1"}
    list(pool.events(0.1))
    assert pool.room() == 2


def test_one_that_waits_to_be_tried_alone_can_be_stopped(pools: Any, users_task: Any, tmp_path: Path) -> None:
    loaded = users_task(marker=str(tmp_path / "killed"), pause=0.05)
    pool = pools(loaded.task, modules=loaded.local_modules)
    pool.open(LanePlan(count=2))
    jobs = [job(f"trial {number}", epochs=1000) for number in range(2)]
    pool.submit(jobs)
    lost: list[Event] = []
    events_until(pool, lambda event: isinstance(event, Lost) and (lost.append(event) or len(lost) == 2))
    pool.submit(jobs)
    for each in jobs:
        pool.stop(each.key, Stop.CANCELLED)
    ended: list[Event] = []
    events_until(pool, lambda event: has_ended(event) and (ended.append(event) or len(ended) == 2))
    assert {type(event) for event in ended} == {Ended, Lost}


@pytest.mark.parametrize(
    ("asked", "words"),
    [({"count": 3}, "3 workers with 1 CPU each need 3 CPU"), ({"gpus": 0.5}, "0.5 GPU each need 0.5 GPU")],
)
def test_what_the_cluster_has_not_is_refused_at_once(pools: Any, asked: dict[str, float], words: str) -> None:
    with pytest.raises(UserError, match="the cluster has 2 CPU and 0 GPU") as refused:
        pools(None, **asked)
    assert words in str(refused.value)


def test_a_task_that_fails_its_first_batch_shows_its_traceback(pools: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(
        textwrap.dedent(
            """
            class Bad:
                def model(self):
                    raise KeyError("my model")
                def data(self):
                    import torch
                    return torch.ones(4, 2), None
                def loss(self, model, batch):
                    return 0
            """
        )
    )
    loaded = load_task(f"{tmp_path}/bad.py:Bad", {})
    pool = pools(loaded.task, modules=loaded.local_modules)
    with pytest.raises(TaskError, match="KeyError: 'my model'") as failed:
        pool.probe()
    assert "workers/" not in failed.value.traceback


def test_a_task_that_cannot_be_pickled_is_refused(pools: Any) -> None:
    import threading

    task = load_task("quadratic", {}).task
    task.lock = threading.Lock()
    with pytest.raises(UserError, match="cannot be sent to workers"):
        pools(task)


def test_an_address_where_nobody_listens_is_said_at_once(ray_address: str) -> None:
    from workers.pool import RayPool, Resources

    with pytest.raises(EnvironmentFailure, match=r"127\.0\.0\.1:1"):
        RayPool(lambda: None, Resources(count=1, cpus=1, gpus=0, threads=1), address="127.0.0.1:1")


@pytest.mark.parametrize("address", [None, "127.0.0.1:1"])
def test_a_cluster_that_dies_while_it_starts_is_not_the_tasks_fault(
    address: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    from workers import cluster
    from workers.pool import RayPool, Resources

    def init(**_: Any) -> None:
        # As Ray says it: a plain Exception.
        raise Exception("The current node timed out during startup.")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(cluster, "_knock", lambda address: None)
    with pytest.raises(EnvironmentFailure, match="timed out during startup"):
        RayPool(lambda: None, Resources(count=1, cpus=1, gpus=0, threads=1), address=address)


def test_a_node_that_dies_during_the_first_batch_is_not_the_tasks_fault(
    pools: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray
    from ray.exceptions import LocalRayletDiedError

    pool = pools(load_task("quadratic", {}).task)

    def get(*_: Any, **__: Any) -> None:
        raise LocalRayletDiedError

    with monkeypatch.context() as patched:
        patched.setattr(ray, "get", get)
        with pytest.raises(EnvironmentFailure, match="while a worker tried its first batch"):
            pool.probe()


def test_what_takes_a_place_begins_in_the_very_next_epoch(pools: Any, users_task: Any) -> None:
    loaded = users_task()
    pool = pools(loaded.task, modules=loaded.local_modules)
    pool.open(LanePlan(count=2, most=2))
    pool.submit([job("long", 8), job("short 0", 1)])
    said: list[str] = []
    shorts = iter(["short 1", "short 2", "short 3"])
    while said.count("long") < 8:
        for event in list(pool.events(0.2)):
            if isinstance(event, Report):
                said.append(event.key)
            elif isinstance(event, Ended) and (key := next(shorts, None)):
                pool.submit([job(key, 1)])
    # A short one in each of the long one's epochs, and then none, for which nobody waits.
    beside = [key for number in range(4) for key in ("long", f"short {number}")]
    assert said == beside + ["long"] * 4
