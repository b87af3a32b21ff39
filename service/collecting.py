"""How often a process of ours looks for garbage."""

import gc

_YOUNG = 50_000


def collect_seldom() -> None:
    """Has Python look for cycles every 50,000 new objects instead of every 700.

    torch and mlflow make a million objects that stay while they are imported, and looking through them again and again
    took a sixth of the time until a sweep trains (benchmarks/RESULTS.md). What is freed without cycles, tensors
    among it, is freed at once as ever.
    """
    gc.set_threshold(_YOUNG, 10, 10)


def leave_garbage() -> None:
    """Has Python end without looking for cycles once more: with torch loaded that takes half a second, for nothing."""
    gc.freeze()
