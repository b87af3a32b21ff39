"""A warm-up is stock LinearLR, and what comes after it begins as if training began there."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.domains import Value
from sweeps.nesting import clock_of
from tests.workers.stockschedules import GRID, lrs_of, optimizer_with, plain_loop
from workers.scheduletable import schedule_table

tables = pytest.mark.parametrize(
    ("name", "params"), [(name, params) for name, grid in GRID.items() for params in grid], ids=str
)


WARM: dict[str, Value] = {"warmup": 1.5, "warmup_factor": 0.1}


@tables
@pytest.mark.parametrize("per_epoch", [1, 4])
def test_after_a_warm_up_a_scheduler_begins_as_if_training_began(
    name: str, params: dict[str, Value], per_epoch: int
) -> None:
    rise, lrs, left = round(1.5 * per_epoch), (0.8, 0.08), 9 * per_epoch
    table = schedule_table(name, {**params, **WARM}, lrs, rise + left, per_epoch)
    stock = optimizer_with(lrs)
    scheduler = torch.optim.lr_scheduler.LinearLR(stock, start_factor=0.1, total_iters=rise)
    warm = []
    for _ in range(rise):
        warm.append(lrs_of(stock))
        stock.step()
        scheduler.step()
    assert lrs_of(stock) == pytest.approx(lrs)
    assert warm[0] == pytest.approx((0.08, 0.008))
    by_step = clock_of(name, params) == "step"
    after = plain_loop(name, params, lrs, left if by_step else 9)
    assert table.by_step
    assert list(table.lrs) == warm + [row for row in after for _ in range(1 if by_step else per_epoch)]


@given(
    warmup=st.floats(1e-3, 12, exclude_min=True),
    factor=st.floats(1e-6, 1),
    per_epoch=st.integers(1, 7),
    steps=st.integers(1, 60),
    name=st.sampled_from(["none", "CosineAnnealingLR", "StepLR", "OneCycleLR", "SWALR"]),
)
@settings(max_examples=60)
def test_a_warm_up_of_any_length_rises_evenly_and_every_step_has_an_lr(
    warmup: float, factor: float, per_epoch: int, steps: int, name: str
) -> None:
    params: dict[str, Value] = {"warmup": warmup, "warmup_factor": factor}
    table = schedule_table(name, params, [0.8], steps, per_epoch)
    rise = round(warmup * per_epoch)
    lrs = [row[0] for row in table.lrs]
    assert len(lrs) == steps
    expected = [0.8 * (factor + (1 - factor) * step / rise) for step in range(rise)][:steps]
    assert lrs[:rise] == pytest.approx(expected)
    # A cycle of a single step is nothing but its end.
    if rise + (name == "OneCycleLR") < steps:
        assert lrs[rise] == pytest.approx(0.8 / 25 if name == "OneCycleLR" else 0.8)
    if table.momenta is not None:
        assert len(table.momenta) == steps
        assert set(table.momenta[:rise]) <= {(0.95,)}


def test_the_length_of_a_scheduler_is_what_its_warm_up_leaves() -> None:
    table = schedule_table("CosineAnnealingLR", {"warmup": 5}, [0.8], 60, 3)
    assert table.lrs[15:] == tuple(
        row for row in schedule_table("CosineAnnealingLR", {"T_max": 15}, [0.8], 15).lrs for _ in range(3)
    )
    one_cycle = schedule_table("OneCycleLR", {"warmup": 5}, [0.8], 60, 3)
    assert one_cycle.lrs[15:] == schedule_table("OneCycleLR", {"total_steps": 45}, [0.8], 45).lrs
