"""A cohort to its end, with all that it says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sweeps.records import Ended, Job, Notice, Report, Started
from tests.workers.small import Heard
from workers.cohort import Cohort
from workers.prepared import PreparedTask


@dataclass(slots=True)
class Told:
    """What the jobs of a cohort said, by their keys, and its notices."""

    jobs: dict[str, Heard] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)


def tell(ready: PreparedTask, jobs: Sequence[Job], *, fused: bool = True, most: int = 64) -> Told:
    """Trains jobs in a cohort. What a job said before it began again does not count; after its end it says nothing."""
    cohort, told = Cohort(ready, fused=fused, most=most), Told({job.key: Heard() for job in jobs})
    cohort.join(jobs)
    while len(cohort):
        said = [*cohort.admit(), *cohort.train_epoch()]
        said += cohort.hear({event.key: None for event in said if isinstance(event, Report)})
        for event in said:
            if isinstance(event, Notice):
                told.notices.append(event.text)
                continue
            heard = told.jobs[event.key]
            assert heard.ended is None, f"{event} after its end"
            match event:
                case Started():
                    heard.started.append(event)
                    del heard.reports[event.epoch :]
                case Report():
                    heard.reports.append(event)
                case Ended():
                    heard.ended = event
    return told


def numbers(heard: Heard) -> Mapping[tuple[int, str], tuple[float, ...]]:
    """Every loss and metric of a job, by epoch."""
    found = {(report.epoch, "step losses"): report.step_losses for report in heard.reports}
    return found | {
        (report.epoch, name): (value,) for report in heard.reports for name, value in report.metrics.items()
    }
