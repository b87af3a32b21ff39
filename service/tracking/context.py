"""What all runs of one sweep share: its spec, its colours, and the tools that write to MLflow."""

from dataclasses import dataclass
from datetime import datetime

from service.plots.palette import range_test_colours, scheduler_colours
from service.records import Status, SweepRecord
from service.tracking.naming import budget_text
from service.tracking.runs import Runs
from service.tracking.writer import Writer
from sweeps.groups import ParamGroup
from sweeps.spec import SweepSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One sweep in one MLflow. `parent` is the id of its parent run."""

    spec: SweepSpec
    writer: Writer
    runs: Runs
    parent: str

    @property
    def colours(self) -> dict[str, str]:
        """The colour of each scheduler's runs."""
        return scheduler_colours(scheduler.name for scheduler in self.spec.schedulers)

    @property
    def range_test_colours(self) -> dict[str, str]:
        """The colour of each optimizer's range test, whose curves lie in one chart."""
        names = [optimizer.name for optimizer in self.spec.optimizers]
        return range_test_colours(names, [scheduler.name for scheduler in self.spec.schedulers])

    @property
    def groups(self) -> tuple[ParamGroup, ...]:
        """The parameter groups that every trial has, beside the rest of its model."""
        return tuple(each.group for each in self.spec.groups)

    @property
    def budget(self) -> str:
        """How long one trial trains, in words."""
        return budget_text(self.spec.budget)


def began(sweep: SweepRecord) -> datetime:
    """When a sweep's runs begin: a queued one has only been asked for."""
    return sweep.started or sweep.created


def status_of_unfinished(status: Status) -> str:
    """MLflow's status of a run that has no outcome, in a sweep of this status.

    An interrupted sweep goes on one day, which MLflow's clock for SCHEDULED says best; KILLED would be a red
    cross for what is only waiting.
    """
    if status is Status.RUNNING:
        return "RUNNING"
    return "KILLED" if status.ended else "SCHEDULED"
