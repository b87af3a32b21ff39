"""What MLflow is given of a range test: medians over the seeds, nothing that would flatten the rest, an LR for each."""

import math
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime

from service.tracking.range_points import range_test_points
from sweeps.objective import Objective
from sweeps.records import Probed, RangeTest
from tests.doubles import a_range_test

LRS = tuple(1e-5 * 1.005**step for step in range(2500))
LONG = replace(a_range_test("SGD", 0.01), lrs=LRS, losses=(tuple(2.0 - step / 5000 for step in range(2500)),))


def points(test: RangeTest) -> dict[str, dict[int, float]]:
    found: defaultdict[str, dict[int, float]] = defaultdict(dict)
    for point in range_test_points(test, Objective(), datetime(2026, 1, 1, tzinfo=UTC)):
        assert point.step not in found[point.name]
        found[point.name][point.step] = point.value
    return found


def test_a_long_ramp_is_thinned_but_every_validation_has_its_lr() -> None:
    found = points(replace(LONG, metric_steps=(2, 2500), metrics={"val/macro@f1": ((1.0, 2.0),)}))
    assert list(found["range_test/loss"]) == [*range(1, 2501, 3)]
    assert list(found["range_test/log10_lr"]) == sorted({*range(1, 2501, 3), 2, 2500})
    assert found["range_test/val_macro_f1"] == {2: 1.0, 2500: 2.0}
    assert all(math.isclose(10**value, LRS[step - 1]) for step, value in found["range_test/log10_lr"].items())


def test_what_explodes_is_left_out_unless_more_is_better() -> None:
    curves = {"val/loss": ((1.0, 0.5, 2.5, math.nan),), "val/accuracy": ((0.1, 0.9, 0.5, math.nan),)}
    found = points(replace(LONG, metric_steps=(1, 2, 3, 4), metrics=curves))
    assert found["range_test/val_loss"] == {1: 1.0, 2: 0.5}
    assert found["range_test/val_accuracy"] == {1: 0.1, 2: 0.9, 3: 0.5}


def test_a_probe_is_a_point_an_lr_in_the_middle_of_its_seeds() -> None:
    lanes = ((0.1, (3.0, 1.0)), (0.1, (2.0, 3.0)), (0.1, (2.0,)), (0.01, (4.0,)), (1.0, ()))
    found = points(replace(LONG, probe=tuple(Probed(lr=lr, seed=0, values=values) for lr, values in lanes)))
    assert found["probe/val_loss"] == {1: 4.0, 2: 2.0}
    assert found["probe/log10_lr"] == {1: -2.0, 2: -1.0}


def test_a_test_that_failed_on_every_seed_has_no_points() -> None:
    assert points(replace(LONG, losses=((), ()))) == {}
