"""Parameter importance: bars, the longest first."""

from collections.abc import Mapping

from service.plots.figure import CARD, INK, Paper, panels, plain, printed
from service.plots.range_tests import LINE

_MOST = 12
_ROW = 0.26
"""Inches of a bar."""


def importance(shares: Mapping[str, float], *, paper: Paper = CARD) -> bytes | None:
    """How much each parameter matters, as shares of 1, the first dozen; None if there are none."""
    if not shares:
        return None
    rows = sorted(shares.items(), key=lambda row: row[1])[-_MOST:]
    figure, (ax,) = panels(["Parameter importance"], paper)
    figure.set_figheight(0.9 + _ROW * len(rows))
    bars = ax.barh(range(len(rows)), [share for _, share in rows], color=LINE, height=0.7)
    ax.bar_label(bars, labels=[f"{share:.0%}" for _, share in rows], padding=3, fontsize=8.5, color=INK)
    ax.set_yticks(range(len(rows)), [plain(_short(name)) for name, _ in rows], fontsize=8.5)
    ax.set_xlim(0, 1.2 * max(share for _, share in rows) or 1)
    ax.set_xticks([])
    ax.grid(False)
    return printed(figure, paper)


def _short(name: str) -> str:
    """The end of a name that is too long.

    >>> _short("my_package.optimizers:Lion.head.lr_multiplier")
    '…imizers:Lion.head.lr_multiplier'
    """
    return name if len(name) <= 32 else f"…{name[-31:]}"
