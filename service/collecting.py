"""How often a process of ours looks for garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_YOUNG = 50_000


def collect_seldom() -> None:
    """Has Python look for cycles every 50,000 new objects instead of every 700.

    torch and mlflow make a million objects that stay while they are imported, and looking through them again and again
    took a sixth of the time until a sweep trains (benchmarks/RESULTS.md). What is freed without cycles, tensors
    among it, is freed at once as ever.
    """
    gc.set_threshold(_YOUNG, 10, 10)


@contextmanager
def loading() -> Iterator[None]:
    """Has Python look for no cycles while the block imports what stays, nor ever again among what is there at its end.

    Only in a process that collects seldom, which is one of ours: in another's, whose cycles we know nothing of, the
    block is like any.
    """
    if gc.get_threshold()[0] != _YOUNG or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
