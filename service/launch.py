"""Puts the parts of a running sweep together: runner, store, MLflow and coordinator."""

import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from types import FrameType
from typing import Any

from service.codeversion import code_version
from service.collecting import loading
from service.home import Home
from service.lease import TTL, Lease, this_process
from service.place import Place
from service.records import Status
from service.store import LeaseLost, Store
from service.tracking.process import TrackingProcess
from sweeps.builtin import BUILTIN_TASKS
from sweeps.coderefs import code_references
from sweeps.coordinator import Coordinator, Past
from sweeps.errors import EnvironmentFailure
from sweeps.finding import warning
from sweeps.lanerecords import LanePlan, LaneProbe
from sweeps.lint import Finding, lint
from sweeps.ports import Recorder, Runner
from sweeps.records import Ended, Ending, Pick, Proposal, RangeTest, Reported, Stop, TaskInfo
from sweeps.spec import SweepSpec

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_MLFLOW_PATIENCE = 60.0
"""Seconds that the end of a sweep waits for an MLflow that is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """How a run of a sweep ended, and what MLflow still lacks (None: nothing)."""

    sweep_id: str
    ending: Ending
    mlflow_trouble: str | None


class Recorders:
    """A Recorder that passes everything on, to the store first; `picks_made` is called once they are recorded."""

    def __init__(self, recorders: Sequence[Recorder], picks_made: Callable[[], None]):
        self._recorders, self._picks_made = recorders, picks_made

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
        self._picks_made()


class Interrupt:
    """Ctrl-C, SIGTERM and a closed terminal as a wish that the sweep looks at; a second Ctrl-C leaves at once."""

    def __init__(self, say: Callable[[str], None]):
        self._say = say
        self.wanted = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self.wanted and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.wanted = True
        self._say("stopping within an epoch, keeping what was done; press Ctrl-C again to leave at once")

    def listen(self) -> None:
        """Listens from now on, also where somebody else has taken our place: Ray does for SIGTERM, as it starts."""
        for number in _SIGNALS:
            # Who says nohup wants the sweep to go on without a terminal.
            if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Listens while the block runs."""
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        self.listen()
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

    `sweep_id` is called for the sweep's id once task and workers are known to be there, so that a mistake leaves no
    empty sweep behind. Raises UserError, TaskError, SweepFailed or EnvironmentFailure; by then the store says FAILED,
    or INTERRUPTED where the sweep can go on.
    """
    interrupt, owner = Interrupt(say), this_process()
    with (
        interrupt.installed(),
        ExitStack() as ours,
        TrackingProcess(home) as tracking,
        closing(_runner(spec, place)) as runner,
    ):
        interrupt.listen()
        claimed = sweep_id()
        store.claim(claimed, owner, TTL)
        # Only when MLflow is written to no more: one sweep has one writer at a time.
        ours.callback(_give_back, store, claimed, owner)
        lease = ours.enter_context(Lease(store, claimed))
        if retry_failed:
            store.reset_failed(claimed)
        store.add_findings(claimed, lint(spec))
        _note_code(store, claimed, spec, say)
        tracking.begin(claimed)
        checkpoints = home.checkpoints / claimed
        coordinator = Coordinator(
            spec,
            runner,
            # Their pictures are drawn while the stability of the picks is tried.
            Recorders([store.recorder(claimed, owner), watcher], picks_made=tracking.look),
            checkpoints=str(checkpoints),
            wanted=_wanted(lease, interrupt),
            warn=_warning(store, claimed, say),
        )
        with _kept(store, claimed, owner):
            suspects = _after_deaths(store, claimed, say) if place.is_here(spec.workers.count) else frozenset()
            record = store.sweep(claimed)
            past = Past(
                trials=store.history(claimed),
                range_tests=store.range_tests(claimed),
                plan=record.lanes,
                measured=record.lane_probe,
                steps_per_epoch=record.steps_per_epoch,
                suspects=suspects,
            )
            ending = coordinator.run(past)
            store.finish(claimed, Status(ending.value), owner=owner, keep_lease=True)
        if Status(ending.value).ended:
            shutil.rmtree(checkpoints, ignore_errors=True)
        trouble = tracking.close(patience=0.0 if ending is Ending.INTERRUPTED else _MLFLOW_PATIENCE)
        store.shown(claimed, owner, completely=trouble is None)
        return Launched(sweep_id=claimed, ending=ending, mlflow_trouble=trouble)


@contextmanager
def _kept(store: Store, sweep_id: str, owner: str) -> Iterator[None]:
    """Leaves the sweep's status true whatever goes wrong: it can go on where the cause lies outside of it."""
    try:
        yield
    except LeaseLost:
        # The sweep is another's by now, who says how it ends.
        raise
    except (EnvironmentFailure, KeyboardInterrupt) as error:
        # The store may be what failed: then its lease runs out, which says the same.
        with suppress(EnvironmentFailure):
            reason = str(error) or "left at once"
            store.finish(sweep_id, Status.INTERRUPTED, reason, owner=owner, keep_lease=True)
        raise
    except Exception as error:
        store.finish(sweep_id, Status.FAILED, str(error), owner=owner, keep_lease=True)
        raise


def _give_back(store: Store, sweep_id: str, owner: str) -> None:
    # A store that is away needs no word: the lease runs out.
    with suppress(EnvironmentFailure):
        store.shown(sweep_id, owner, completely=False)


def _after_deaths(store: Store, sweep_id: str, say: Callable[[str], None]) -> frozenset[int]:
    """Gives up on trials that killed this process again and again; which others it died under, and are to be alone."""
    for number in store.give_up_hopeless(sweep_id):
        say(f"trial {number} FAILED: {store.trial(sweep_id, number).error}")
    if suspects := store.suspects(sweep_id):
        numbers = ", ".join(map(str, sorted(suspects)))
        say(f"the process died while it trained trials {numbers}: each goes on alone, then all lanes train again")
    return suspects


def _note_code(store: Store, sweep_id: str, spec: SweepSpec, say: Callable[[str], None]) -> None:
    """Keeps which code is trained, and warns where that is not what the sweep began with."""
    before, now = store.sweep(sweep_id).code, code_version(spec.task)
    store.set_code(sweep_id, now)
    if before not in (None, now):
        what = "its code, lrsweep or torch has changed since the sweep was last run"
        changed = warning("task", what, "what was trained before may not compare: start a new sweep to be sure")
        _warning(store, sweep_id, say)(changed)


def _warning(store: Store, sweep_id: str, say: Callable[[str], None]) -> Callable[[Finding], None]:
    def warn(finding: Finding) -> None:
        store.add_findings(sweep_id, [finding])
        say(f"warning: {finding}")

    return warn


def _wanted(lease: Lease, interrupt: Interrupt) -> Callable[[], Stop | None]:
    def wanted() -> Stop | None:
        cancelled = lease.cancelled()
        if interrupt.wanted:
            return Stop.INTERRUPTED
        return Stop.CANCELLED if cancelled else None

    return wanted


def _runner(spec: SweepSpec, place: Place) -> Runner:
    workers = spec.workers
    if place.is_here(workers.count):
        with loading():
            from workers.inline import InlineRunner

        code = _users_code(spec)
        return InlineRunner(
            code.make_task,
            gpu=workers.gpus > 0,
            threads=workers.threads,
            precision=workers.precision,
            provided=code.provided,
        )
    code = _users_code(spec)
    from workers.rayenv import prepare_ray

    prepare_ray(local=place.address is None)
    from workers.pool import RayPool, Resources

    return RayPool(
        code.make_task,
        Resources(
            count=workers.count,
            cpus=workers.cpus,
            gpus=workers.gpus,
            threads=workers.threads,
            precision=workers.precision,
        ),
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
