"""Rungs stand where Optuna's own pruners judge."""

import pytest

from sweeps.pruning import rungs
from sweeps.spec import PrunerSpec


@pytest.mark.parametrize(
    ("pruner", "epochs", "expected"),
    [
        (PrunerSpec(name="none"), 20, ()),
        (PrunerSpec(name="asha"), 1, ()),
        (PrunerSpec(name="asha"), 2, (1,)),
        (PrunerSpec(name="asha"), 9, (1, 3)),
        (PrunerSpec(name="asha"), 10, (1, 3, 9)),
        (PrunerSpec(name="asha", first_rung=4, reduction_factor=2), 33, (4, 8, 16, 32)),
        (PrunerSpec(name="asha", first_rung=20), 20, ()),
        (PrunerSpec(name="hyperband", first_rung=2, reduction_factor=4), 100, (2, 8, 32)),
        (PrunerSpec(name="median"), 4, (1, 2, 3)),
        (PrunerSpec(name="median", first_rung=3), 10, (3, 6, 9)),
        (PrunerSpec(name="median", first_rung=5), 5, ()),
    ],
)
def test_rungs_lie_at_growing_epochs_and_never_after_the_last(
    pruner: PrunerSpec, epochs: int, expected: tuple[int, ...]
) -> None:
    assert rungs(pruner, epochs) == expected
