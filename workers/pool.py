"""Trains on Ray: warm actors that are reused from job to job and stream a report each epoch."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pickle import PicklingError
from types import ModuleType
from typing import Any, TypeVar, cast

import ray
from ray import ObjectRef, ObjectRefGenerator
from ray.exceptions import GetTimeoutError, RayActorError, RayError, RayTaskError

from sweeps.errors import EnvironmentFailure, TaskError, UserError
from sweeps.lanerecords import LanePlan, LaneProbe, Rehearsal
from sweeps.records import Ended, Event, Job, Lost, Stop, TaskInfo
from sweeps.spec import Precision
from workers.cluster import connect, in_words

_START_TIMEOUT = 120.0
"""Seconds within which a worker must have started and tried its first batch."""
_COMPILE_TIMEOUT = 300.0
"""Seconds within which a worker must have measured lanes, compiled ones too."""
_TRY_TIMEOUT = 10.0
"""Seconds more for each candidate that it tries as well."""
_ATTEMPTS = 3
"""Workers that may die while they try the task out, before the task is to blame."""


_Method = TypeVar("_Method", bound=Callable[..., Any])


def _method(**options: Any) -> Callable[[_Method], _Method]:
    """ray.method, typed: the decorated method keeps its signature."""
    return cast(Callable[[_Method], _Method], ray.method(**options))


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """How many workers, and what each may use; `gpus` may be a fraction."""

    count: int
    cpus: float
    gpus: float
    threads: int
    precision: Precision = "float32"


class _Actor:
    """A Worker inside a Ray actor: jobs in one thread, the coordinator's word in another."""

    def __init__(
        self, make_task: Callable[[], Any], provided: Mapping[str, Any], gpu: bool, threads: int, precision: Precision
    ):
        from workers.mailbox import Mailbox
        from workers.worker import Worker

        self._worker = Worker(make_task, gpu=gpu, threads=threads, precision=precision, provided=provided)
        self._mailbox = Mailbox()

    def probe(self, candidates: Sequence[Job]) -> TaskInfo:
        return self._worker.probe(candidates)

    def measure(self, candidates: Sequence[Job], wanted: Rehearsal) -> LaneProbe:
        return self._worker.measure(candidates, wanted)

    @_method(num_returns="streaming")
    def serve(self, plan: LanePlan) -> Iterator[Sequence[Event]]:
        yield from self._worker.serve(self._mailbox, plan)

    @_method(concurrency_group="control")
    def submit(self, jobs: Sequence[Job]) -> None:
        self._mailbox.put(jobs)

    @_method(concurrency_group="control")
    def go_on(self, key: str) -> None:
        self._mailbox.go_on(key)

    @_method(concurrency_group="control")
    def stop(self, key: str, reason: Stop) -> None:
        self._mailbox.stop(key, reason)


@dataclass(slots=True)
class _Seat:
    """One actor, what it says, and the jobs that it trains; `alone`: one that nothing else may train beside.

    `waits` for what takes the places of jobs that have ended.
    """

    actor: Any
    stream: ObjectRefGenerator | None = None
    jobs: dict[str, Job] = field(default_factory=dict)
    alone: bool = False
    waits: bool = False

    def send(self, jobs: Sequence[Job]) -> None:
        """Sends jobs; none lets it train on without."""
        self.jobs |= {job.key: job for job in jobs}
        self.waits = False
        self.actor.submit.remote(list(jobs))


class RayPool:
    """A Runner over Ray actors, on a cluster that is joined or on a local one that ends with this process.

    `provided` are the classes and functions that the spec names by path; modules that are sent `by_value` need not be
    there where the workers run. Of jobs that were lost together one may be to blame: those that are submitted again
    train alone, so that it takes no other with it.
    """

    def __init__(
        self,
        make_task: Callable[[], Any],
        resources: Resources,
        *,
        address: str | None = None,
        provided: Mapping[str, Any] | None = None,
        by_value: Sequence[ModuleType] = (),
    ):
        self._resources, self._plan = resources, LanePlan(count=0, most=0)
        self._suspects: set[str] = set()
        self._waiting: list[Job] = []
        self._gone: list[Lost] = []
        connect(address)
        try:
            _refuse_infeasible(resources)
            for module in by_value:
                ray.cloudpickle.register_pickle_by_value(module)
            self._make_task = _put(make_task, "the task")
            self._provided = _put(dict(provided or {}), "a class or function that the spec names by path")
            self._seats = [self._seat() for _ in range(resources.count)]
        except BaseException as error:
            ray.shutdown()
            if isinstance(error, RayError):
                raise EnvironmentFailure(f"Ray failed while workers were started: {_first_line(error)}") from error
            raise

    def _seat(self) -> _Seat:
        remote = ray.remote(
            num_cpus=self._resources.cpus, num_gpus=self._resources.gpus, concurrency_groups={"control": 1}
        )(_Actor)
        each = self._resources
        return _Seat(actor=remote.remote(self._make_task, self._provided, each.gpus > 0, each.threads, each.precision))

    def probe(self, candidates: Sequence[Job] = ()) -> TaskInfo:
        # That no worker starts shall not take longer to be seen because there are many candidates.
        info: TaskInfo = self._ask("its first batch", _START_TIMEOUT, "probe", ())
        if candidates:
            info = self._ask("all candidates", _START_TIMEOUT + _TRY_TIMEOUT * len(candidates), "probe", candidates)
        return info

    def measure(self, candidates: Sequence[Job], wanted: Rehearsal) -> LaneProbe:
        timeout = _START_TIMEOUT + _COMPILE_TIMEOUT + _TRY_TIMEOUT * len(candidates)
        probe: LaneProbe = self._ask("lanes", timeout, "measure", candidates, wanted)
        return probe

    def _ask(self, what: str, timeout: float, method: str, candidates: Sequence[Job], *args: Any) -> Any:
        """What the first worker says; another is asked where one dies. Raises TaskError if that always happens."""
        for _ in range(_ATTEMPTS):
            actor = self._seats[0].actor
            try:
                return ray.get(getattr(actor, method).remote(list(candidates), *args), timeout=timeout)
            except RayTaskError as error:
                raise _cause(error) from None
            except GetTimeoutError:
                raise EnvironmentFailure(
                    f"no worker has tried {what} within {timeout:g} s; the cluster has "
                    f"{in_words(ray.available_resources())} free of {in_words(ray.cluster_resources())}"
                ) from None
            except RayActorError as error:
                reason = _first_line(error)
                self._seats[0] = self._seat()
            except RayError as error:
                raise EnvironmentFailure(f"Ray failed while a worker tried {what}: {_first_line(error)}") from error
        raise TaskError(f"{_ATTEMPTS} workers died one after another while they tried {what}: {reason}")

    def open(self, plan: LanePlan) -> None:
        self._plan = plan
        for seat in self._seats:
            seat.stream = seat.actor.serve.remote(plan)

    def room(self) -> int:
        # While suspects wait for a worker of their own, nobody new comes in their way.
        if self._waiting:
            return 0
        return sum(max(0, self._plan.room - len(seat.jobs)) for seat in self._seats if not seat.alone)

    def submit(self, jobs: Sequence[Job]) -> None:
        dealt: dict[int, list[Job]] = {}
        for job in jobs:
            if job.key in self._suspects:
                self._waiting.append(job)
                continue
            open_to_all = [place for place, seat in enumerate(self._seats) if not seat.alone]
            place = min(open_to_all, key=lambda each: len(self._seats[each].jobs) + len(dealt.get(each, ())))
            dealt.setdefault(place, []).append(job)
        for place, own in dealt.items():
            self._seats[place].send(own)
        self._seat_suspects()

    def _seat_suspects(self) -> None:
        for seat in self._seats:
            if not seat.jobs:
                seat.alone = bool(self._waiting)
                if self._waiting:
                    seat.send([self._waiting.pop(0)])

    def events(self, timeout: float) -> Iterable[Event]:
        self._seat_suspects()
        for seat in self._seats:
            if seat.waits:
                seat.send([])
        gone, self._gone = self._gone, []
        yield from gone
        # Those with jobs only: an idle worker says nothing, and nobody waits for its death.
        streams = [seat.stream for seat in self._seats if seat.jobs]
        if not streams:
            return
        ready, _ = ray.wait(streams, num_returns=len(streams), timeout=0)
        if not ready:
            ready, _ = ray.wait(streams, num_returns=1, timeout=timeout)
        for seat in list(self._seats):
            if seat.stream in ready:
                yield from self._said(seat)

    def _said(self, seat: _Seat) -> Sequence[Event]:
        assert seat.stream is not None
        try:
            said: Sequence[Event] = ray.get(next(seat.stream))
        except RayTaskError as error:
            raise _cause(error) from error
        except RayError as error:
            # Its worker has died, or its node, with what it had said last.
            said = [Lost(key=key, reason=f"its worker died: {_first_line(error)}") for key in seat.jobs]
            if len(said) > 1:
                self._suspects |= set(seat.jobs)
            self._replace(seat)
        for event in said:
            if isinstance(event, Ended | Lost):
                del seat.jobs[event.key]
            if isinstance(event, Ended):
                self._suspects.discard(event.key)
                seat.waits = True
        return said

    def _replace(self, seat: _Seat) -> None:
        ray.kill(seat.actor)
        fresh = self._seat()
        fresh.stream = fresh.actor.serve.remote(self._plan)
        self._seats[self._seats.index(seat)] = fresh

    def go_on(self, key: str) -> None:
        for seat in self._training(key):
            seat.actor.go_on.remote(key)

    def stop(self, key: str, reason: Stop) -> None:
        for seat in self._training(key):
            seat.actor.stop.remote(key, reason)
        self._gone += [Lost(key=key, reason="it was stopped") for job in self._waiting if job.key == key]
        self._waiting = [job for job in self._waiting if job.key != key]

    def _training(self, key: str) -> list[_Seat]:
        return [seat for seat in self._seats if key in seat.jobs]

    def close(self) -> None:
        for seat in self._seats:
            ray.kill(seat.actor)
        ray.shutdown()


def _put(sent: Any, what: str) -> ObjectRef:
    try:
        return ray.put(sent)
    except (TypeError, PicklingError) as error:
        raise UserError(
            f"{what} cannot be sent to workers: {error}; make what cannot be pickled (open files, locks, "
            "connections) inside model() or data(), not in the constructor"
        ) from error


def _refuse_infeasible(resources: Resources) -> None:
    """Ray would leave an actor that fits nowhere pending without a word."""
    has = ray.cluster_resources()
    for kind, each in (("CPU", resources.cpus), ("GPU", resources.gpus)):
        wanted = each * resources.count
        if wanted > has.get(kind, 0.0):
            raise UserError(
                f"{resources.count} workers with {each:g} {kind} each need {wanted:g} {kind}, but the cluster has "
                f"{in_words(has)}; ask for fewer workers, or for less {kind} each"
            )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _cause(error: RayTaskError) -> Exception:
    """The error that was raised on the worker: the task's own, or a bug of ours."""
    return error.cause if isinstance(error.cause, TaskError | UserError) else error
