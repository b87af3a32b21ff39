"""The ways in which something dies, and what brings it back. Each says whether there was anything to kill."""

import random
import signal
import time
from collections.abc import Callable, Mapping

from benchmarks.chaos.processes import command_of, descendants, kill
from benchmarks.chaos.world import World

_TRAINS, _NODE = "ray::_Actor.serve", "raylet/raylet"
"""Workers that train, and Ray's nodes: one that starts for a minute and dies each time would tell nothing."""


def _one_of(words: str) -> Callable[[World, random.Random], bool]:
    def strike(world: World, dice: random.Random) -> bool:
        pids = sorted(world.workers(words))
        return bool(pids) and kill(dice.choice(pids))

    return strike


def _ray_node(world: World, dice: random.Random) -> bool:
    nodes = [pid for pid in sorted(world.workers(_NODE)) if any(_TRAINS in command_of(w) for w in descendants(pid))]
    return bool(nodes) and kill(dice.choice(nodes))


def _coordinator(sign: signal.Signals) -> Callable[[World, random.Random], bool]:
    # It is started again by whoever looks after the world.
    return lambda world, dice: kill(dice.choice(world.coordinators).process.pid, sign)


def _postgres(world: World, dice: random.Random) -> bool:
    struck = world.postgres.kill()
    time.sleep(dice.uniform(0, 2))
    world.postgres.start()
    return struck


def _mlflow(world: World, dice: random.Random) -> bool:
    world.restart_mlflow()
    return True


def _cli(world: World, dice: random.Random) -> bool:
    return world.cli is not None and not world.cli.done and kill(world.cli.process.pid)


VICTIMS: Mapping[str, Callable[[World, random.Random], bool]] = {
    "coordinator": _coordinator(signal.SIGKILL),
    "coordinator, told to stop": _coordinator(signal.SIGTERM),
    "sweep's process": _one_of("service.coordinator.child"),
    "Ray worker": _one_of(_TRAINS),
    "Ray node": _ray_node,
    "writer to MLflow": _one_of("service.tracking.process"),
    "MLflow server": _mlflow,
    "PostgreSQL": _postgres,
    "command line": _cli,
}
"""Whatever is there of each is killed by its id: all of it was started by the chaos."""
