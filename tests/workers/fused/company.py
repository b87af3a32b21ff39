"""Lanes that train together, heard out: a cohort from its first job to its last."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from sweeps.records import Ended, Event, Job, Lost, Notice, Report, Started, Stop
from tests.workers.parts import TwoParts
from tests.workers.small import Heard, Regression
from workers.cohort import Cohort
from workers.fused.stacking import Stacking
from workers.prepared import PreparedTask
from workers.structures import map_tensors

Word = Callable[[Report], Stop | None]


class Precise(Regression):
    """The same in float64, with eight batches an epoch, the last of one example."""

    batch_size = 3

    def model(self) -> nn.Module:
        return super().model().double()

    def data(self) -> Any:
        return map_tensors(lambda tensor: tensor.double(), super().data())


class PreciseParts(Precise, TwoParts):
    """Two parts in float64, three batches an epoch."""

    batch_size = 8


def hear_all(
    ready: PreparedTask,
    jobs: Sequence[Job],
    *,
    fused: bool = True,
    most: int = 512,
    planned: int = 1,
    joins: Mapping[str, int] | None = None,
    word: Word = lambda report: None,
) -> dict[str, Heard]:
    """Trains jobs in one cohort; `joins` says after how many of its epochs a job comes, 0 unless it is named.

    Fails if stacked training is given up, or if a job says anything after its end.
    """
    cohort, heard, epoch = (
        Cohort(ready, fused=fused, most=most, stacking=Stacking(ready, planned)),
        {job.key: Heard() for job in jobs},
        0,
    )
    coming = {job.key: (joins or {}).get(job.key, 0) for job in jobs}
    while len(cohort) or epoch <= max(coming.values()):
        cohort.join([job for job in jobs if coming[job.key] == epoch])
        said = [*cohort.admit(), *cohort.train_epoch()]
        words = {each.key: word(each) for each in said if isinstance(each, Report)}
        for event in (*said, *cohort.hear(words)):
            _note(heard, event)
        epoch += 1
    return heard


def _note(heard: Mapping[str, Heard], event: Event) -> None:
    assert not isinstance(event, Notice), event.text
    own = heard[event.key]
    assert own.ended is None, f"{event} after its end"
    match event:
        case Started():
            own.started.append(event)
        case Report():
            own.reports.append(event)
        case Ended():
            own.ended = event
        case Lost():
            raise AssertionError(event)
