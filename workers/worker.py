"""One place that trains: it holds the task's data ready and runs jobs one after another."""

import inspect
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import torch

from sweeps.errors import TaskError, UserError
from sweeps.records import Event, Job, Report, Stop, TaskInfo
from workers.driver import drive
from workers.lane import PreparedTask
from workers.task import Task
from workers.tracebacks import user_traceback
from workers.training import Training, probe, train
from workers.trial import train_function


class Worker:
    """Trains jobs of one task on one device; made once, warm from job to job."""

    def __init__(self, make_task: Callable[[], Any], *, gpu: bool, threads: int):
        torch.set_num_threads(threads)
        # Denormal numbers slow diverging and dying lanes down several times over.
        torch.set_flush_denormal(True)
        self._make_task = make_task
        self._device = torch.device("cuda" if gpu and torch.cuda.is_available() else "cpu")

    @cached_property
    def _task(self) -> Any:
        return self._make_task()

    @cached_property
    def _prepared(self) -> PreparedTask:
        task: Task = self._task
        return PreparedTask.of(task, self._device)

    @property
    def _is_function(self) -> bool:
        return inspect.isroutine(self._task)

    def probe(self) -> TaskInfo:
        """Tries the task on one batch. Raises TaskError with the task's own traceback."""
        try:
            if self._is_function:
                return TaskInfo(steps_per_epoch=None, device=str(self._device))
            return probe(self._prepared)
        except (TaskError, UserError):
            raise
        except Exception as error:
            raise TaskError(f"the task failed on its first batch: {error!r}", user_traceback(error)) from error

    def run(self, job: Job, word: Callable[[Report], Stop | None]) -> Iterator[Event]:
        """Trains a job and yields its events; `word` is asked after each report."""
        yield from drive(self._training(job), job, word)

    def _training(self, job: Job) -> Training:
        if self._is_function:
            return (yield from train_function(self._task, job, self._device))
        return (yield from train(self._prepared, job))
