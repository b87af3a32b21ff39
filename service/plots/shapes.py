"""Schedules as they were: the LR that the best trial of each scheduler had, step by step."""

from collections.abc import Sequence

from matplotlib.ticker import MaxNLocator

from service.plots.figure import CARD, FAINT, INK, Paper, panels, printed
from service.plots.palette import scheduler_colours
from service.records import Curve
from sweeps.records import Proposal

_HEIGHT = 2.4
"""Inches: there is no legend."""


def shape(
    proposal: Proposal, curve: Curve, steps_per_epoch: int, schedulers: Sequence[str], *, paper: Paper = CARD
) -> bytes | None:
    """The LR of one trial's first parameter group over the epochs, as recorded; None if nothing was.

    `schedulers` are all of the sweep's, which give the colour.
    """
    if not curve.steps:
        return None
    figure, (ax,) = panels([proposal.scheduler], paper)
    figure.set_figheight(_HEIGHT)
    x = [(step - 1) / steps_per_epoch for step in curve.steps]
    ax.plot(
        [*x, curve.steps[-1] / steps_per_epoch],
        [*curve.lrs, curve.lrs[-1]],
        color=scheduler_colours(schedulers)[proposal.scheduler],
        linewidth=2.0,
        drawstyle="steps-post",
    )
    ax.axhline(proposal.initial_lr, color=FAINT, linewidth=0.8, linestyle=":")
    ax.set_ylim(0, 1.08 * max(*curve.lrs, proposal.initial_lr))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.set_xlabel("epoch", fontsize=9.5, color=INK)
    ax.set_ylabel("LR", fontsize=9.5, color=INK)
    return printed(figure, paper)
