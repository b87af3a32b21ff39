"""Puts the parts of a running sweep together: runner, store, MLflow and coordinator."""

import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from types import FrameType
from typing import Any, Literal

from service.home import Home
from service.records import Status
from service.store import LeaseLost, Store
from service.tracking.client import check_reachable
from service.tracking.process import TrackingProcess
from sweeps.builtin import BUILTIN_TASKS
from sweeps.coderefs import code_references
from sweeps.coordinator import Coordinator, Past
from sweeps.errors import EnvironmentFailure
from sweeps.lint import Finding, lint
from sweeps.ports import Recorder, Runner
from sweeps.records import Ended, Ending, LanePlan, LaneProbe, Pick, Proposal, RangeTest, Reported, Stop, TaskInfo
from sweeps.spec import SweepSpec

_LEASE = 15.0
"""Seconds for which a sweep stays ours without a sign of life."""
_HEARTBEAT = 1.0
"""Seconds between two signs of life, and between two looks at whether the sweep was cancelled."""
_MLFLOW_PATIENCE = 60.0
"""Seconds that the end of a sweep waits for an MLflow that is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where trials train: in Ray workers (of the cluster at `address`, else a local one) or in this process.

    Left to itself one worker without an address is this process: a cluster would take longer to start than to help.
    """

    runner: Literal["auto", "ray", "inline"] = "auto"
    address: str | None = None

    def is_here(self, workers: int) -> bool:
        """True if so many workers are this process."""
        return self.runner == "inline" or (self.runner == "auto" and self.address is None and workers == 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """How a run of a sweep ended, and what MLflow still lacks (None: nothing)."""

    sweep_id: str
    ending: Ending
    mlflow_trouble: str | None


class Recorders:
    """A Recorder that passes everything on, to the store first."""

    def __init__(self, recorders: Sequence[Recorder]):
        self._recorders = recorders

    def probed(self, info: TaskInfo) -> None:
        for recorder in self._recorders:
            recorder.probed(info)

    def planned(self, plan: LanePlan, probe: LaneProbe | None) -> None:
        for recorder in self._recorders:
            recorder.planned(plan, probe)

    def range_tested(self, test: RangeTest) -> None:
        for recorder in self._recorders:
            recorder.range_tested(test)

    def proposed(self, proposal: Proposal) -> None:
        for recorder in self._recorders:
            recorder.proposed(proposal)

    def reported(self, epochs: Sequence[Reported]) -> None:
        for recorder in self._recorders:
            recorder.reported(epochs)

    def ended(self, number: int, ended: Ended, value: float | None) -> None:
        for recorder in self._recorders:
            recorder.ended(number, ended, value)

    def picked(self, picks: Sequence[Pick]) -> None:
        for recorder in self._recorders:
            recorder.picked(picks)


class Interrupt:
    """Ctrl-C and SIGTERM as a wish that the sweep looks at; a second Ctrl-C leaves at once."""

    def __init__(self, say: Callable[[str], None]):
        self._say = say
        self.wanted = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.wanted and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.wanted = True
        self._say("stopping within an epoch, keeping what was done; press Ctrl-C again to leave at once")

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Listens while the block runs."""
        before = {number: signal.signal(number, self) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def launch(
    home: Home,
    store: Store,
    spec: SweepSpec,
    *,
    place: Place,
    sweep_id: Callable[[], str],
    watcher: Recorder,
    say: Callable[[str], None],
    retry_failed: bool = False,
) -> Launched:
    """Runs a sweep to its end and leaves store and MLflow complete.

    `sweep_id` is called for the sweep's id once task, MLflow and workers are known to be there, so that a
    mistake leaves no empty sweep behind. Raises UserError, TaskError, SweepFailed or EnvironmentFailure; by then
    the store says FAILED, or INTERRUPTED where the sweep can go on.
    """
    check_reachable(home)
    interrupt = Interrupt(say)
    with interrupt.installed(), TrackingProcess(home) as tracking, closing(_runner(spec, place)) as runner:
        claimed = sweep_id()
        owner = f"{os.getpid()}@{socket.gethostname()}"
        store.claim(claimed, owner, _LEASE)
        if retry_failed:
            store.reset_failed(claimed)
        store.add_findings(claimed, lint(spec))
        tracking.begin(claimed)
        checkpoints = home.checkpoints / claimed
        coordinator = Coordinator(
            spec,
            runner,
            Recorders([store.recorder(claimed), watcher]),
            checkpoints=str(checkpoints),
            wanted=_wanted(store, claimed, owner, interrupt),
            warn=_warning(store, claimed, say),
        )
        with _kept(store, claimed):
            past = Past(
                trials=store.history(claimed),
                range_tests=store.range_tests(claimed),
                plan=store.sweep(claimed).lanes,
            )
            ending = coordinator.run(past)
            store.finish(claimed, Status(ending.value))
        if Status(ending.value).ended:
            shutil.rmtree(checkpoints, ignore_errors=True)
        trouble = tracking.close(patience=0.0 if ending is Ending.INTERRUPTED else _MLFLOW_PATIENCE)
        return Launched(sweep_id=claimed, ending=ending, mlflow_trouble=trouble)


@contextmanager
def _kept(store: Store, sweep_id: str) -> Iterator[None]:
    """Leaves the sweep's status true whatever goes wrong: it can go on where the cause lies outside of it."""
    try:
        yield
    except LeaseLost:
        # The sweep is another's by now, who says how it ends.
        raise
    except (EnvironmentFailure, KeyboardInterrupt) as error:
        # The store may be what failed: then its lease runs out, which says the same.
        with suppress(EnvironmentFailure):
            store.finish(sweep_id, Status.INTERRUPTED, str(error) or "left at once")
        raise
    except Exception as error:
        store.finish(sweep_id, Status.FAILED, str(error))
        raise


def _warning(store: Store, sweep_id: str, say: Callable[[str], None]) -> Callable[[Finding], None]:
    def warn(finding: Finding) -> None:
        store.add_findings(sweep_id, [finding])
        say(f"warning: {finding}")

    return warn


def _wanted(store: Store, sweep_id: str, owner: str, interrupt: Interrupt) -> Callable[[], Stop | None]:
    looked, cancelled = 0.0, False

    def wanted() -> Stop | None:
        nonlocal looked, cancelled
        if interrupt.wanted:
            return Stop.INTERRUPTED
        if time.monotonic() - looked >= _HEARTBEAT:
            cancelled = store.renew(sweep_id, owner, _LEASE)
            looked = time.monotonic()
        return Stop.CANCELLED if cancelled else None

    return wanted


def _runner(spec: SweepSpec, place: Place) -> Runner:
    code = _users_code(spec)
    workers = spec.workers
    if place.is_here(spec.workers.count):
        from workers.inline import InlineRunner

        return InlineRunner(code.make_task, gpu=workers.gpus > 0, threads=workers.threads, provided=code.provided)
    from workers.rayenv import prepare_ray

    prepare_ray(local=place.address is None)
    from workers.pool import RayPool, Resources

    return RayPool(
        code.make_task,
        Resources(count=workers.count, cpus=workers.cpus, gpus=workers.gpus, threads=workers.threads),
        address=place.address,
        provided=code.provided,
        by_value=[sys.modules[name] for name in code.modules],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _UsersCode:
    """What makes the task on a worker, what the spec names by path, and the user's modules that travel with both."""

    make_task: Callable[[], Any]
    provided: Mapping[str, Any] = field(default_factory=dict)
    modules: Sequence[str] = ()


def _users_code(spec: SweepSpec) -> _UsersCode:
    """Loads what is the user's own, for workers that cannot import it.

    A built-in task is made where it trains, so that this process need not load torch.
    """
    task, references = spec.task, code_references(spec)
    make_task: Callable[[], Any] = partial(_make_builtin, task.use, dict(task.args))
    modules: tuple[str, ...] = ()
    if task.use not in BUILTIN_TASKS:
        from workers.loading import load_task

        loaded = load_task(task.use, task.args)
        make_task, modules = partial(_same, loaded.task), loaded.local_modules
    if not references:
        return _UsersCode(make_task=make_task, modules=modules)
    from workers.imports import forget_earlier
    from workers.provided import load_provided

    if task.use in BUILTIN_TASKS:
        forget_earlier()
    found = load_provided(references)
    modules = tuple(sorted({*modules, *found.local_modules}))
    return _UsersCode(make_task=make_task, provided=found.objects, modules=modules)


def _make_builtin(use: str, args: Mapping[str, Any]) -> Any:
    from workers.loading import load_task

    return load_task(use, args).task


def _same(task: Any) -> Any:
    return task
