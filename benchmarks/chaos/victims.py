"""The ways in which something dies, and what brings it back. Each says whether there was anything to kill."""

import random
import signal
import time
from collections.abc import Callable, Mapping

from benchmarks.chaos.processes import descendants, kill
from benchmarks.chaos.takeovers import owned_below
from benchmarks.chaos.world import World


def _one_of(words: str) -> Callable[[World, random.Random], bool]:
    def strike(world: World, dice: random.Random) -> bool:
        pids = sorted(world.workers(words))
        return bool(pids) and kill(dice.choice(pids))

    return strike


def _ray_worker(world: World, dice: random.Random) -> bool:
    # One that starts for a minute and dies each time would tell nothing.
    pids = sorted(pid for pid in world.workers("ray::_Actor") if world.trains(pid))
    return bool(pids) and kill(dice.choice(pids))


def _ray_node(world: World, dice: random.Random) -> bool:
    nodes = [pid for pid in sorted(world.workers("raylet/raylet")) if any(map(world.trains, descendants(pid)))]
    return bool(nodes) and kill(dice.choice(nodes))


def _coordinator(world: World, dice: random.Random) -> bool:
    # It is started again by whoever looks after the world.
    victim = dice.choice(world.coordinators).process.pid
    lost = owned_below(world.store, victim)
    struck = kill(victim)
    if struck:
        world.takeovers.orphaned(lost)
    return struck


def _coordinator_told(world: World, dice: random.Random) -> bool:
    return kill(dice.choice(world.coordinators).process.pid, signal.SIGTERM)


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
    "coordinator": _coordinator,
    "coordinator, told to stop": _coordinator_told,
    "sweep's process": _one_of("service.coordinator.child"),
    "Ray worker": _ray_worker,
    "Ray node": _ray_node,
    "writer to MLflow": _one_of("service.tracking.process"),
    "MLflow server": _mlflow,
    "PostgreSQL": _postgres,
    "command line": _cli,
}
"""Whatever is there of each is killed by its id: all of it was started by the chaos."""
