"""One colour per scheduler, the same in every plot and in MLflow, and told apart by colour-blind people."""

from collections.abc import Iterable

# Okabe and Ito, "Color Universal Design" (2008), less its yellow, which is lost on white; then Tol's "muted"; the
# last three lie farthest from all others, also as the colour-blind (deuteranopia) see them.
_COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#D55E00",
    "#56B4E9",
    "#332288",
    "#882255",
    "#999933",
    "#44AA99",
    "#661100",
    "#555555",
    "#AA4499",
    "#117733",
    "#0000FF",
    "#AA55FF",
    "#EE9988",
)

SWEEP_COLOUR = "#000000"

_PREFERRED = {
    "none": 0,
    "StepLR": 1,
    "CosineAnnealingLR": 2,
    "ReduceLROnPlateau": 3,
    "ExponentialLR": 4,
    "OneCycleLR": 5,
    "MultiStepLR": 6,
    "CosineAnnealingWarmRestarts": 7,
    "LinearLR": 8,
    "PolynomialLR": 9,
    "CyclicLR": 10,
    "ConstantLR": 11,
    "LambdaLR": 12,
    "MultiplicativeLR": 13,
    "SequentialLR": 14,
    "ChainedScheduler": 15,
    "SWALR": 16,
}


def scheduler_colours(schedulers: Iterable[str]) -> dict[str, str]:
    """The colour of each scheduler of a sweep: the usual one of its name, the next free one for other names.

    >>> scheduler_colours(["CosineAnnealingLR", "my.module:Warmup"])
    {'CosineAnnealingLR': '#009E73', 'my.module:Warmup': '#0072B2'}
    """
    names = list(dict.fromkeys(schedulers))
    taken = {name: _PREFERRED[name] for name in names if name in _PREFERRED}
    free = [index for index in range(len(_COLOURS)) if index not in taken.values()] or list(range(len(_COLOURS)))
    others = [name for name in names if name not in taken]
    taken |= {name: free[place % len(free)] for place, name in enumerate(others)}
    return {name: _COLOURS[taken[name]] for name in names}


def range_test_colours(optimizers: Iterable[str], schedulers: Iterable[str]) -> dict[str, str]:
    """The colour of each optimizer's range test in MLflow: one that none of the sweep's schedulers has.

    >>> range_test_colours(["SGD", "AdamW"], ["none", "StepLR"])
    {'SGD': '#009E73', 'AdamW': '#CC79A7'}
    """
    taken = set(scheduler_colours(schedulers).values())
    free = [colour for colour in _COLOURS if colour not in taken] or list(_COLOURS)
    return {name: free[place % len(free)] for place, name in enumerate(dict.fromkeys(optimizers))}
