"""What stands beside a pick, in words: how lucky it is, how it does at multiples of its LR, what the folk grid got."""

from sweeps.records import Pick


def stability_words(pick: Pick) -> str:
    """What each multiple of the LR came to; empty where none was trained.

    >>> from sweeps.pickevidence import Stressed
    >>> tried = (Stressed(factor=2, initial_lr=0.2, value=0.35, exploded=False),
    ...          Stressed(factor=5, initial_lr=0.5, value=None, exploded=True))
    >>> stability_words(Pick(optimizer="SGD", scheduler="none", initial_lr=0.1, value=0.3, params={}, trials=(0,),
    ...                      tried=9, low=0.1, high=0.1, stability=tried))
    '2x 0.35, 5x explodes'
    """
    return ", ".join(
        f"{each.factor:g}x {'explodes' if each.exploded else '-' if each.value is None else format(each.value, '.4g')}"
        for each in pick.stability
    )


def folk_words(pick: Pick) -> str:
    """The best of the folk grid and what it came to; empty where it was not trained, or all of it exploded."""
    best = pick.folk_grid
    return f"{best.initial_lr:g}: {best.value:.4g}" if best is not None else ""


def luck_words(pick: Pick) -> str:
    """How often it would win again and how much of its value is luck; empty where nothing says how large the noise is.

    >>> from sweeps.pickevidence import Luck
    >>> lucky = Luck(noise=0.02, source="seeds", wins=0.625, optimism=0.0124, rivals=3)
    >>> luck_words(Pick(optimizer="SGD", scheduler="none", initial_lr=0.1, value=0.3, params={}, trials=(0, 1), tried=9,
    ...                 low=0.1, high=0.1, luck=lucky))
    '62 % of repeats, against 3 rivals; 0.012 of its value is luck'
    >>> ahead = Luck(noise=0.02, source="seeds", wins=1.0, optimism=0.0, rivals=0)
    >>> luck_words(Pick(optimizer="SGD", scheduler="none", initial_lr=0.1, value=0.3, params={}, trials=(0, 1), tried=9,
    ...                 low=0.1, high=0.1, luck=ahead))
    '100 % of repeats: no rival comes near'
    """
    luck = pick.luck
    if luck is None:
        return ""
    if not luck.rivals:
        return f"{100 * luck.wins:.0f} % of repeats: no rival comes near"
    rivals = "1 rival" if luck.rivals == 1 else f"{luck.rivals} rivals"
    return f"{100 * luck.wins:.0f} % of repeats, against {rivals}; {luck.optimism:.2g} of its value is luck"


def beside(pick: Pick) -> str:
    """Both in sentences, for a note."""
    stability, best = stability_words(pick), pick.folk_grid
    folk = "" if best is None else f"The best of the folk grid, {best.initial_lr:g}, came to {best.value:.4g}."
    if best is not None and (best.initial_lr, best.value) == (pick.initial_lr, pick.value):
        folk = "It is of the folk grid itself."
    return " ".join(filter(None, (f"At multiples of this LR: {stability}." if stability else "", folk)))
