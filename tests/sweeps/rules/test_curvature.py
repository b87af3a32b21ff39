"""On a quadratic, the ramp of plain gradient descent says the largest stable LR and the best constant one."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.domains import Fixed
from sweeps.objective import Objective
from sweeps.rangetest import ramp_lrs, read_range_test
from sweeps.records import Ramp
from sweeps.rules.curvature import curvature, curvature_of
from sweeps.spec import OptimizerSpec, RangeTestSpec, SchedulerSpec
from tests.sweeps.scripted import quadratic_spec, really_run
from workers.tasks.quadratic import Quadratic


def losses_of(task: Quadratic, lrs: list[float]) -> list[float]:
    """Stock SGD on the task, up to where the loss is no longer finite."""
    model, (rows, _) = task.model(), task.data()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    losses = []
    for lr in lrs:
        optimizer.param_groups[0]["lr"] = lr
        optimizer.zero_grad()
        loss = task.loss(model, rows)
        if not math.isfinite(loss.item()):
            break
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
    return losses


@settings(max_examples=40)
@given(
    L=st.floats(2.0, 200.0),
    spread=st.floats(1.0, 1000.0),
    dimensions=st.integers(2, 50),
    steps=st.sampled_from([100, 200]),
)
def test_both_lrs_are_found_within_a_tenth(L: float, spread: float, dimensions: int, steps: int) -> None:
    task = Quadratic(mu=L / spread, L=L, dimensions=dimensions)
    lrs = ramp_lrs(Ramp(low=1e-6, high=10.0, steps=steps))
    found = curvature_of(lrs, losses_of(task, lrs))
    assert found is not None
    assert found.largest_stable_lr == pytest.approx(task.largest_stable_lr, rel=0.1)
    assert found.best_lr == pytest.approx(task.best_lr, rel=0.1)


@pytest.mark.parametrize(("mu", "L"), [(0.1, 10.0), (1.0, 10.0), (9.0, 10.0), (1.0, 100.0), (0.5, 2.0)])
def test_the_range_test_of_a_sweep_finds_both(mu: float, L: float) -> None:
    spec = quadratic_spec(
        optimizers=(OptimizerSpec(name="SGD", params={"momentum": Fixed(value=0.0)}),),
        schedulers=(SchedulerSpec(name="none"),),
        range_test=RangeTestSpec(steps=100, seeds=1),
        objective=Objective(),
        trials=0,
    )
    task = Quadratic(mu=mu, L=L)
    _, recorder = really_run(spec, task=lambda: task)
    (test,) = recorder.tests
    found = curvature(test)
    assert found is not None
    assert found.largest_stable_lr == pytest.approx(task.largest_stable_lr, rel=0.1)
    assert found.best_lr == pytest.approx(task.best_lr, rel=0.1)


@pytest.mark.parametrize(
    "losses",
    [
        [],
        [1.0],
        [3.0, 2.0, 1.0, 0.5],
        [1.0, 0.5, 0.6, 0.7, 0.8],
        [1.0, 0.5, 100.0, 200.0],
        [1.0, 0.5, 5.0, 20.0, 49.0],
        [0.5, -1.0, 10.0, 100.0, 1000.0],
        [0.5, 0.0, 10.0, 100.0, 1000.0],
    ],
)
def test_a_ramp_that_did_not_blow_up_says_nothing(losses: list[float]) -> None:
    assert curvature_of([0.01 * 2**step for step in range(len(losses))], losses) is None


def test_three_steps_that_grow_the_loss_a_hundredfold_have_blown_up() -> None:
    assert curvature_of([0.1, 0.2, 0.4, 0.8, 1.6], [1.0, 0.5, 5.0, 20.0, 51.0]) is not None


@pytest.mark.parametrize(
    ("blown_up", "seeds", "found"), [(1, 2, False), (2, 5, False), (2, 4, False), (2, 3, True), (0, 0, False)]
)
def test_most_seeds_must_blow_up(blown_up: int, seeds: int, found: bool) -> None:
    task, lrs = Quadratic(mu=1.0, L=10.0, dimensions=5), ramp_lrs(Ramp(low=1e-6, high=10.0, steps=100))
    losses = [losses_of(task, lrs)] * blown_up + [[1.0] * 100] * (seeds - blown_up)
    said = curvature(read_range_test("SGD", range(seeds), lrs, losses))
    assert (said is not None) is found
    assert said is None or said == curvature_of(lrs, losses[0])
