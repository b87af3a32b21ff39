"""Where trials are compared with others: the rungs, in epochs."""

from itertools import count, takewhile

from sweeps.spec import PrunerSpec


def rungs(pruner: PrunerSpec, epochs: int) -> tuple[int, ...]:
    """Epochs after which a trial of so many epochs is judged; never after the last.

    >>> rungs(PrunerSpec(name="asha", first_rung=2, reduction_factor=3), 20)
    (2, 6, 18)
    >>> rungs(PrunerSpec(name="median", first_rung=5), 20)
    (5, 10, 15)
    """
    if pruner.name == "none":
        return ()
    if pruner.name == "median":
        return tuple(range(pruner.first_rung, epochs, pruner.first_rung))
    steps = (pruner.first_rung * pruner.reduction_factor**rung for rung in count())
    return tuple(takewhile(lambda epoch: epoch < epochs, steps))
