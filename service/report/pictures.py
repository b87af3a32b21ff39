"""The pictures of a report: one plot each, small enough for a phone, sharp at any size."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass

from service import plots
from service.plots.figure import CARD
from service.report.material import Material


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """`alt` says what is drawn to who cannot see it; `source` is the picture itself as an address."""

    alt: str
    source: str
    caption: str = ""


def sensitivity(material: Material) -> list[Picture]:
    """The objective over the initial LR, an optimizer each, all on the same scale."""
    optimizers = sorted({trial.proposal.optimizer for trial in material.trials})
    objective = material.spec.objective
    drawn = {
        name: plots.sensitivity(material.trials, material.picks, objective, optimizers=[name], paper=CARD)
        for name in optimizers
    }
    return _pictures({f"{objective.metric} over the initial LR of {name}": svg for name, svg in drawn.items()})


def best_curves(material: Material) -> list[Picture]:
    """How the picks' trials went, an optimizer each, all on the same scale."""
    series = {each.proposal.number: list(enumerate(each.objectives, start=1)) for each in material.history}
    objective = material.spec.objective
    drawn = {
        name: plots.best_curves(material.trials, material.picks, series, objective, optimizers=[name], paper=CARD)
        for name in sorted({pick.optimizer for pick in material.picks})
    }
    return _pictures(
        {f"{objective.metric} over the epochs for the picks of {name}": svg for name, svg in drawn.items()}
    )


def shapes(material: Material) -> list[Picture]:
    """The LR that the best trial of each scheduler had."""
    proposals = {trial.proposal.number: trial.proposal for trial in material.trials}
    schedulers = sorted({proposal.scheduler for proposal in proposals.values()})
    return [
        _picture(
            f"The LR of trial {number} under {proposals[number].scheduler}",
            svg,
            f"{proposals[number].optimizer} from {proposals[number].initial_lr:.2g}, trial {number}",
        )
        for number, curve in material.shapes.items()
        if (svg := plots.shape(proposals[number], curve, material.steps_per_epoch, schedulers, paper=CARD))
    ]


def range_tests(material: Material) -> list[Picture]:
    """Each range test with what every rule reads off it."""
    return _pictures(
        {
            f"LR range test of {test.optimizer}, with what each rule reads": plots.range_test(
                test, material.readings[test.optimizer], material.spec.objective, paper=CARD
            )
            for test in material.tests
        }
    )


def importance(material: Material) -> list[Picture]:
    """How much each parameter decides; none where too few trials ended."""
    said = ", ".join(f"{name} {share:.0%}" for name, share in material.shares.items())
    return _pictures({f"Parameter importance: {said}": plots.importance(material.shares, paper=CARD)})


def timeline(material: Material) -> list[Picture]:
    """How far each trial came."""
    drawn = plots.timeline(material.trials, material.rungs, material.epochs, paper=CARD)
    return _pictures({"Epochs that each trial was trained, by number and outcome": drawn})


def _pictures(drawn: dict[str, bytes | None]) -> list[Picture]:
    return list(_those_drawn(drawn))


def _those_drawn(drawn: dict[str, bytes | None]) -> Iterator[Picture]:
    for alt, svg in drawn.items():
        if svg is not None:
            yield _picture(alt, svg)


def _picture(alt: str, svg: bytes, caption: str = "") -> Picture:
    return Picture(alt=alt, source=f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}", caption=caption)
