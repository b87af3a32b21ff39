"""Real coordinators over a store in a folder of a test's own, and a task that does what a test says."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from service.store import Store
from tests.service.cli.conftest import clean_environment, command

TASK = """
import os, time
import torch
from torch import nn

class Task:
    batch_size = 8
    def __init__(self, pause=0.0, kills=None):
        self.pause, self.kills = pause, kills
    def model(self):
        return nn.Sequential(nn.Dropout(0.2), nn.Linear(2, 1))
    def data(self):
        x = torch.randn(32, 2, generator=torch.Generator().manual_seed(0))
        return (x, x.sum(1, keepdim=True)), (x, x.sum(1, keepdim=True))
    def loss(self, model, batch):
        time.sleep(self.pause)
        x, y = batch
        loss = ((model(x) - y) ** 2).mean()
        # Whatever is at an LR so high dies.
        if self.kills is not None and loss.item() > self.kills:
            os._exit(7)
        return loss
"""
"""It has dropout, so that a random state which is not restored changes the losses."""


def submit(store: Store, here: Path, **given: Any) -> str:
    """Queues a sweep of two trials."""
    spec = {
        "name": "s",
        "task": {"use": f"{here}/task.py:Task", **given.pop("task", {})},
        "budget": {"epochs": 4},
        "optimizers": [{"SGD": {"lr": [0.01, 0.05], "momentum": 0}}],
        "sampler": "grid",
        "pruner": "none",
        "lanes": "off",
        "stability": "off",
        "workers": 1,
        **given,
    }
    trials = spec.get("trials", 2)
    return store.submit(name="s", task="Task", spec=spec, total_trials=trials)[0].id


@contextmanager
def coordinator(here: Path, *args: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """`lrsweep coordinator ARGS`; killed at the end, if it is still there."""
    process = subprocess.Popen(
        command("coordinator", *args),
        cwd=here,
        env=clean_environment() | {"OMP_NUM_THREADS": "1"} | environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(condition: Callable[[], bool], seconds: float = 90) -> None:
    """Returns once something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "that took too long"
        time.sleep(0.05)
