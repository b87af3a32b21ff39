"""A plateau is torch's own, live one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import ReduceLROnPlateau

from sweeps.catalogue import SCHEDULERS
from sweeps.domains import Value
from sweeps.objective import Objective
from sweeps.records import Budget
from tests.workers.small import a_job
from tests.workers.stockschedules import optimizer_with
from workers.lrsources import PlateauSource
from workers.schedules import build_schedule


def follow(source: PlateauSource, metrics: list[float]) -> list[float]:
    """The LR of every epoch."""
    lrs = []
    for epoch, metric in enumerate(metrics):
        lrs += source.lrs(epoch=epoch, step=epoch)
        source.epoch_done(metric)
    return lrs


def test_the_known_trace_of_a_plateau() -> None:
    # SGD at 0.1, metric 0.5, but 0.4 from the step of epoch 5 on: the LR falls after epochs 16, 37 and 58.
    params: dict[str, Value] = {"factor": 0.1, "patience": 10, "cooldown": 10, "min_lr": 1e-4}
    lrs = follow(PlateauSource(params, [0.1], 1, "min"), [0.5] * 5 + [0.4] * 195)
    expected = [0.1] * 17 + [1e-2] * 21 + [1e-3] * 21 + [1e-4] * 141
    assert lrs == pytest.approx(expected)


@given(
    metrics=st.lists(st.integers(0, 8).map(float), min_size=1, max_size=40),
    mode=st.sampled_from(["min", "max"]),
    patience=st.integers(0, 3),
    cooldown=st.integers(0, 3),
    threshold_mode=st.sampled_from(["rel", "abs"]),
    threshold=st.sampled_from([1e-4, 0.5, 2.0]),
)
def test_a_plateau_follows_the_stock_one(
    metrics: list[float], mode: Any, patience: int, cooldown: int, threshold_mode: Any, threshold: float
) -> None:
    params = {
        "factor": 0.5,
        "patience": patience,
        "cooldown": cooldown,
        "threshold": threshold,
        "threshold_mode": threshold_mode,
        "min_lr": 0.01,
    }
    optimizer = optimizer_with((0.8,))
    stock = ReduceLROnPlateau(optimizer, mode=mode, **params)
    expected = []
    for metric in metrics:
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        stock.step(metric)
    assert follow(PlateauSource(params, [0.8], 1, mode), metrics) == expected


@pytest.mark.parametrize(("direction", "metrics"), [("minimize", [1.0, 2.0, 0.5]), ("maximize", [1.0, 0.5, 2.0])])
def test_a_plateau_takes_its_mode_from_the_objective(direction: Any, metrics: list[float]) -> None:
    job = a_job(
        scheduler="ReduceLROnPlateau",
        scheduler_params={"patience": 0, "factor": 0.5},
        objective=Objective(direction=direction),
    )
    schedule = build_schedule(job, optimizer_with((0.8,)), (0.8,), 1)
    lrs = []
    for epoch, metric in enumerate(metrics):
        lrs += schedule.lrs(epoch=epoch, step=epoch)
        schedule.epoch_done(metric)
    assert lrs == [0.8, 0.8, 0.4]


METRICS = [1.0, 0.9, 0.95, 0.95, 0.95, 0.95, 0.8, 0.9, 0.9, 0.9, 0.9]


@pytest.mark.parametrize("warm", [{}, {"warmup": 3.0, "warmup_factor": 0.5}])
def test_a_plateau_goes_on_from_its_state(warm: dict[str, Value]) -> None:
    def source() -> PlateauSource:
        return PlateauSource({"factor": 0.5, "patience": 1, "cooldown": 1, **warm}, [0.8], 1, "min")

    expected = follow(source(), METRICS)
    for at in range(1, len(METRICS)):
        left, resumed = source(), source()
        lrs = follow(left, METRICS[:at])
        resumed.load_state_dict(left.state_dict())
        for epoch, metric in enumerate(METRICS[at:], start=at):
            lrs += resumed.lrs(epoch=epoch, step=epoch)
            resumed.epoch_done(metric)
        assert lrs == expected
    assert len(set(expected)) >= 3


@pytest.mark.parametrize(("warmup", "heard"), [(2.0, 2), (1.75, 1), (2.25, 2), (0.25, 0)])
def test_a_plateau_hears_only_epochs_that_end_after_its_warm_up(warmup: float, heard: int) -> None:
    params: dict[str, Value] = {"factor": 0.5, "patience": 1}
    source = PlateauSource({**params, "warmup": warmup, "warmup_factor": 0.1}, [0.8], 4, "min")
    optimizer = optimizer_with((0.8,))
    stock = ReduceLROnPlateau(optimizer, **params)
    assert source.by_step
    for epoch, metric in enumerate(METRICS):
        for step in range(4 * epoch, 4 * epoch + 4):
            rise = round(4 * warmup)
            expected = 0.8 * (0.1 + 0.9 * step / rise) if step < rise else optimizer.param_groups[0]["lr"]
            assert source.lrs(epoch=epoch, step=step) == (pytest.approx(expected),)
        source.epoch_done(metric)
        if epoch >= heard:
            stock.step(metric)
    assert optimizer.param_groups[0]["lr"] < 0.8


def test_a_plateau_is_live_and_all_others_are_tables() -> None:
    nested: dict[str, Value] = {"schedulers": ("LinearLR", "StepLR"), "milestones": (4,)}
    for name, row in SCHEDULERS.items():
        params = {key: value for key, value in nested.items() if key in row.params} if row.nests else {}
        job = a_job(scheduler=name, scheduler_params=params, budget=Budget(epochs=9))
        (state,) = build_schedule(job, optimizer_with((0.1,)), (0.1,), 5).state_dict()["sources"]
        assert bool(state) is (name == "ReduceLROnPlateau")
