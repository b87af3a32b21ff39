"""The objective compares values as its direction says, and early stopping waits as torch's own plateau does."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from sweeps.objective import EarlyStopping, Objective

DIRECTIONS = ("minimize", "maximize")
values = st.floats(-100, 100).map(lambda value: round(value, 2))


@pytest.mark.parametrize(
    ("direction", "left", "right", "better"),
    [
        ("minimize", 0.1, 0.2, True),
        ("minimize", 0.2, 0.1, False),
        ("maximize", 0.2, 0.1, True),
        ("maximize", 0.1, 0.2, False),
        *((direction, 0.1, 0.1, False) for direction in DIRECTIONS),
        *((direction, 0.1, math.nan, True) for direction in DIRECTIONS),
        *((direction, math.nan, 0.1, False) for direction in DIRECTIONS),
        *((direction, math.nan, math.nan, False) for direction in DIRECTIONS),
    ],
)
def test_better_is_strict_and_nan_never_wins(direction: str, left: float, right: float, better: bool) -> None:
    assert Objective(direction=direction).better(left, right) is better


@pytest.mark.parametrize("direction", DIRECTIONS)
@given(value=st.floats(allow_infinity=False, allow_nan=False))
def test_every_value_beats_the_worst(direction: str, value: float) -> None:
    objective = Objective(direction=direction)
    assert objective.better(value, objective.worst)
    assert not objective.better(objective.worst, value)


@pytest.mark.parametrize(
    ("objective", "series", "value"),
    [
        (Objective(), [], None),
        (Objective(), [math.nan, math.inf], None),
        (Objective(), [0.5, 0.3, 0.4], 0.3),
        (Objective(direction="maximize"), [0.5, 0.7, 0.4], 0.7),
        (Objective(value="last"), [0.5, 0.3, 0.4], 0.4),
        (Objective(value="last"), [0.5, 0.3, math.nan], 0.3),
        (Objective(), [0.5, -math.inf], 0.5),
        (Objective(direction="maximize"), [0.5, math.inf], 0.5),
    ],
)
def test_the_value_of_a_series_is_its_best_or_last_finite_one(
    objective: Objective, series: list[float], value: float | None
) -> None:
    assert objective.of(series) == value


@given(series=st.lists(values, min_size=1, max_size=30), direction=st.sampled_from(DIRECTIONS))
def test_no_value_of_a_series_beats_its_best(series: list[float], direction: str) -> None:
    objective = Objective(direction=direction)
    best = objective.of(series)
    assert best in series
    assert not any(objective.better(value, best) for value in series)


@given(
    series=st.lists(values, min_size=1, max_size=30),
    direction=st.sampled_from(DIRECTIONS),
    patience=st.integers(1, 6),
    min_delta=st.sampled_from([0.0, 0.5, 10.0]),
)
def test_early_stopping_strikes_where_torchs_plateau_first_lowers_the_lr(
    series: list[float], direction: str, patience: int, min_delta: float
) -> None:
    # Torch acts when MORE than its patience of epochs were bad, early stopping once `patience` were.
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=1.0)
    plateau = ReduceLROnPlateau(
        optimizer,
        mode={"minimize": "min", "maximize": "max"}[direction],
        patience=patience - 1,
        threshold=min_delta,
        threshold_mode="abs",
    )
    stopping, objective = EarlyStopping(patience=patience, min_delta=min_delta), Objective(direction=direction)
    for epoch, value in enumerate(series, start=1):
        optimizer.step()
        plateau.step(value)
        lowered = optimizer.param_groups[0]["lr"] < 1.0
        assert stopping.is_over(series[:epoch], objective) is lowered
        if lowered:
            return


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_trial_that_has_not_reported_is_not_over(direction: str) -> None:
    assert not EarlyStopping(patience=1).is_over([], Objective(direction=direction))
