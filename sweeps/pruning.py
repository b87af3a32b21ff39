"""Where trials are compared with others, and with which: the rungs, in epochs, and how far verdicts look back."""

from itertools import count, takewhile

from sweeps.spec import PrunerSpec, SweepSpec


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


def verdict_window(spec: SweepSpec, window: int) -> int:
    """How far back the trials begin that a verdict compares with: that on trial n knows those numbered up to n - this.

    One worker trains its lanes in step: when a trial comes to a rung, all before it have been there or have ended. With
    several workers, for the median of trials that have ended, and where the spec gives a window, so that any number of
    workers judges alike, it is the proposals' `window` (docs/decisions/0002-reproducible-search.md).
    """
    in_step = spec.workers.count == 1 and spec.pruner.name != "median" and spec.sampler.window is None
    return 1 if in_step else window
