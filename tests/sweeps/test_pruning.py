"""Rungs stand where Optuna's own pruners judge; verdicts look back as far as is certain."""

from typing import Any

import pytest

from sweeps.pruning import rungs, verdict_window
from sweeps.spec import PrunerSpec, SamplerSpec, WorkersSpec
from tests.doubles import a_spec


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


@pytest.mark.parametrize(
    ("pruner", "workers", "given", "expected"),
    [
        ("asha", 1, None, 1),
        ("hyperband", 1, None, 1),
        ("median", 1, None, 32),
        ("asha", 2, None, 32),
        ("hyperband", 2, None, 32),
        ("asha", 1, 32, 32),
    ],
)
def test_verdicts_know_all_trials_before_where_one_worker_trains_them_in_step(
    pruner: Any, workers: int, given: int | None, expected: int
) -> None:
    spec = a_spec(pruner=PrunerSpec(name=pruner), workers=WorkersSpec(count=workers), sampler=SamplerSpec(window=given))
    assert verdict_window(spec, 32) == expected
