"""The chaos itself: sweeps of several users, kills at random moments, and then peace until all is done."""

import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import yaml

from benchmarks.chaos.deck import Deck
from benchmarks.chaos.verdict import Verdict, curves, judge
from benchmarks.chaos.victims import VICTIMS
from benchmarks.chaos.world import COMMAND, MARKS, World
from service.store import Store
from sweeps.errors import EnvironmentFailure

TASK = """
import os, time
from pathlib import Path
import torch
from torch import nn

class Task:
    batch_size = 8
    def __init__(self, pause, marks):
        self.pause, self.marks = pause, Path(marks)
    def model(self):
        return nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.2), nn.Linear(4, 1))
    def data(self):
        x = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
        return (x, x.sum(1, keepdim=True)), (x, x.sum(1, keepdim=True))
    def loss(self, model, batch):
        time.sleep(self.pause)
        (self.marks / str(os.getpid())).touch()
        x, y = batch
        return ((model(x) - y) ** 2).mean()
"""
"""It has dropout, so that a random state which is not restored changes the losses, and leaves a mark of who trains."""

_LONGER = 300.0
"""Seconds that the kills may go on beyond their time until each victim has been struck."""
_TO_END = 60.0
"""Seconds before the end of the kills from which no more sweeps begin."""


def spec(folder: Path, name: str, workers: int) -> dict[str, Any]:
    """A sweep of ten seconds or so when nobody disturbs it, also with several workers: they train more slowly."""
    return {
        "name": name,
        "task": {
            "use": f"{folder}/task.py:Task",
            "pause": 0.01 if workers == 1 else 0.05,
            "marks": str(folder / MARKS),
        },
        "budget": {"epochs": 8},
        "optimizers": [{"SGD": {"lr": {"low": 1e-3, "high": 1.0}}}, {"AdamW": {"lr": 0.05}}],
        "schedulers": ["none", {"ReduceLROnPlateau": {"patience": 1}}],
        "sampler": {"name": "tpe", "startup_trials": 4, "window": 2},
        "pruner": {"name": "asha", "first_rung": 2},
        "trials": 8,
        "lanes": "off",
        "range_test": {"steps": 60, "seeds": 1, "probe": 0},
        "stability": "off",
        "workers": {"count": workers, "cpus": 0.5},
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was killed, and what that cost."""

    kills: Counter[str]
    spared: Sequence[str]
    """Who was never struck."""
    verdict: Verdict
    takeovers: Sequence[float]
    """Seconds from the kill of a coordinator to the moment at which another owned a sweep of its."""
    seconds: float

    def __str__(self) -> str:
        each = ", ".join(f"{count} {victim}" for victim, count in sorted(self.kills.items()))
        return f"kills made: {self.kills.total()} ({each}) in {self.seconds:.0f} s; {self.verdict}; {self._taken_over}"

    @property
    def _taken_over(self) -> str:
        s = self.takeovers
        return f"takeovers: {len(s)}" + (f", s: median {median(s):.1f}, maximum {max(s):.1f}" if s else "")


def undisturbed(folder: Path) -> dict[int, str]:
    """What the sweep leaves when nothing dies."""
    home = folder / "undisturbed"
    home.mkdir()
    (home / "spec.yaml").write_text(yaml.safe_dump(spec(folder, "undisturbed", 1)))
    world = {"LRSWEEP_HOME": str(home), "OMP_NUM_THREADS": "1"}
    subprocess.run([*COMMAND, "run", "spec.yaml", "--runner", "inline"], cwd=home, env=_clean() | world, check=True)
    with Store.open(f"sqlite:///{home}/lrsweep.db") as store:
        return curves(store, store.resolve("last"))


def unleash(
    folder: Path, *, seconds: float, users: Sequence[int], seed: int = 0, say: Callable[[str], None] = print
) -> Outcome:
    """Submits one sweep per user, with so many workers each, and one in the foreground; kills for `seconds`, or longer.

    Each victim has its turn before any comes again, and each has had one in the end: they are drawn like cards. Where a
    sweep has ended, its like follows while there is time. Then everything is left in peace until all is done.
    """
    (folder / MARKS).mkdir()
    (folder / "task.py").write_text(TASK)
    (folder / "cli.yaml").write_text(yaml.safe_dump(spec(folder, "cli", 1)))
    expected = undisturbed(folder)
    dice, world = random.Random(seed), World(folder)
    deck = Deck({name: partial(strike, world, dice) for name, strike in VICTIMS.items()}, dice)
    began = time.monotonic()
    try:
        ids: dict[str, int] = {}
        _refill(world, ids, users)
        world.start_cli(folder / "cli.yaml")
        while (left := began + seconds - time.monotonic()) > (-_LONGER if deck.spared else 0):
            _rest(world, dice.uniform(1.0, 5.0))
            if left > _TO_END:
                _refill(world, ids, users)
            elif deck.spared:
                # Of the largest alone everybody is there to be struck, but for the command line.
                _refill(world, ids, [max(users)])
            if world.cli is not None and world.cli.done and (left > _TO_END or "command line" in deck.spared):
                world.start_cli(folder / "cli.yaml")
            if victim := deck.strike():
                say(f"{time.monotonic() - began:6.1f} s: killed {victim}")
        _until_done(world, list(ids), patience=300)
        of_cli = [sweep.id for sweep in world.store.sweeps(limit=1000) if sweep.name == "cli"]
        return Outcome(
            kills=deck.kills,
            spared=deck.spared,
            verdict=judge(world, [*ids, *of_cli], expected),
            takeovers=world.takeovers.seconds,
            seconds=time.monotonic() - began,
        )
    finally:
        world.close()


def _refill(world: World, ids: dict[str, int], users: Sequence[int]) -> None:
    """Submits sweeps until for each user one with so many workers is open; notes the workers of each."""
    open_now = Counter(ids[sweep_id] for sweep_id in _open(world, list(ids)))
    for count in (Counter(users) - open_now).elements():
        user = f"user-{len(ids) % 3}"
        ids[world.submit(spec(world.folder, f"{user}-{len(ids)}", count), user)] = count


def _rest(world: World, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        world.look()
        time.sleep(0.2)


def _open(world: World, ids: Sequence[str]) -> list[str]:
    try:
        return [sweep_id for sweep_id in ids if not world.store.sweep(sweep_id).status.ended]
    except EnvironmentFailure:
        return list(ids)


def _until_done(world: World, ids: Sequence[str], patience: float) -> None:
    """Waits until all sweeps have ended and MLflow shows them."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        _rest(world, 1.0)
        through = world.cli is None or world.cli.done
        at_work = _open(world, ids) or world.workers("service.coordinator.child") or world.store.unshown()
        if through and not at_work:
            return


def _clean() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("LRSWEEP_", "MLFLOW_", "RAY_", "PYTEST_"))}
