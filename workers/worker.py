"""One place that trains: it holds the task's data ready, and trains what its mailbox brings."""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any

import torch

from sweeps.errors import TaskError, UserError
from sweeps.lanerecords import LanePlan, LaneProbe, Rehearsal
from sweeps.records import Ended, Event, Job, Report, Stop, TaskInfo
from sweeps.spec import Precision
from workers.classes import provide
from workers.cohort import Cohort
from workers.driver import drive
from workers.fused.measure import measure_lanes
from workers.fused.stacking import Stacking
from workers.mailbox import Mailbox
from workers.prepared import PreparedTask
from workers.probe import probe
from workers.process import set_up_process
from workers.task import Task
from workers.tracebacks import user_traceback
from workers.trial import train_function


class Worker:
    """Trains jobs of one task on one device; made once, warm from job to job.

    `provided` are the classes and functions that the spec names by path and that this process cannot import.
    """

    def __init__(
        self,
        make_task: Callable[[], Any],
        *,
        gpu: bool,
        threads: int,
        precision: Precision = "float32",
        provided: Mapping[str, Any] | None = None,
    ):
        set_up_process(threads=threads, precision=precision)
        self._make_task, self._precision = make_task, precision
        self._provided = dict(provided or {})
        self._device = torch.device("cuda" if gpu and torch.cuda.is_available() else "cpu")

    @cached_property
    def _task(self) -> Any:
        return self._make_task()

    @cached_property
    def _prepared(self) -> PreparedTask:
        task: Task = self._task
        return PreparedTask.of(task, self._device, self._precision)

    @cached_property
    def _stacking(self) -> Stacking:
        return Stacking(self._prepared)

    @property
    def _is_function(self) -> bool:
        return inspect.isroutine(self._task)

    def probe(self, candidates: Sequence[Job] = ()) -> TaskInfo:
        """Tries the task on one batch, then each candidate; of a plain training function nothing can be tried.

        Raises TaskError with the task's own traceback, UserError for a candidate that asks for what there is not.
        """
        provide(self._provided)
        try:
            if self._is_function:
                return TaskInfo(steps_per_epoch=None, device=str(self._device))
            return probe(self._prepared, candidates)
        except (TaskError, UserError):
            raise
        except Exception as error:
            raise TaskError(f"the task failed on its first batch: {error!r}", user_traceback(error)) from error

    def measure(self, candidates: Sequence[Job], wanted: Rehearsal) -> LaneProbe:
        """Tries lanes of these candidates, which can all train the task, stacked and alone."""
        provide(self._provided)
        if self._is_function:
            return LaneProbe(refused="a training loop of your own trains one trial at a time")
        return measure_lanes(self._stacking, candidates, wanted)

    def serve(self, mailbox: Mailbox, plan: LanePlan) -> Iterator[list[Event]]:
        """Trains the jobs that come into the mailbox, one after another or as lanes; yields what has happened.

        It never ends; with nothing to train it waits.
        """
        provide(self._provided)
        return self._call(mailbox) if self._is_function else self._train(mailbox, plan)

    def _call(self, mailbox: Mailbox) -> Iterator[list[Event]]:
        while True:
            for job in mailbox.take(wait=True):
                for event in drive(train_function(self._task, job, self._device), job, partial(_word, mailbox, job)):
                    yield [event]
                mailbox.forget(job.key)

    def _train(self, mailbox: Mailbox, plan: LanePlan) -> Iterator[list[Event]]:
        self._stacking.planned = plan.count
        self._stacking.compile(plan.count if plan.compiled else None)
        cohort = Cohort(self._prepared, fused=plan.fused, most=plan.room, stacking=self._stacking)
        jobs: dict[str, Job] = {}
        while True:
            new = mailbox.take(wait=not len(cohort))
            jobs |= {job.key: job for job in new}
            cohort.join(new)
            begun = cohort.admit()
            if begun:
                yield _awaited(mailbox, begun)
            said = cohort.train_epoch()
            yield _awaited(mailbox, said)
            words = {each.key: _word(mailbox, jobs[each.key], each) for each in said if isinstance(each, Report)}
            over = cohort.hear(words)
            if over:
                yield _awaited(mailbox, over)
            for each in (*begun, *said, *over):
                if isinstance(each, Ended):
                    mailbox.forget(each.key)
                    del jobs[each.key]


def _awaited(mailbox: Mailbox, said: list[Event]) -> list[Event]:
    """What is said; before the next epoch new jobs take the places of those that have ended."""
    if any(isinstance(event, Ended) for event in said):
        mailbox.expect()
    return said


def _word(mailbox: Mailbox, job: Job, report: Report) -> Stop | None:
    """The coordinator's word on a report, which a job at a rung waits for."""
    return mailbox.wait(job.key) if report.epoch in job.rungs else mailbox.read(job.key)
