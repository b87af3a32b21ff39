"""A lane's state is its stock optimizer's state_dict: either goes on where the other stopped."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.workers.stacked.lanes import (
    CYCLING,
    SHAPES,
    Params,
    StockLanes,
    given_gradients,
    lane_lrs,
    slices,
    stacked,
    start,
)
from workers.stacked.rules import RULES

STEPS, HALF = 16, 9


def assert_same_state(ours: Any, theirs: Any) -> None:
    """Equal in every key, type and number, ASGD's average up to rounding."""
    assert ours["param_groups"] == theirs["param_groups"]
    assert ours["state"].keys() == theirs["state"].keys()
    for index, state in theirs["state"].items():
        assert ours["state"][index].keys() == state.keys()
        for key, value in state.items():
            near = {"rtol": 1e-6, "atol": 1e-7} if key == "ax" else {"rtol": 0, "atol": 0}
            torch.testing.assert_close(ours["state"][index][key], value, **near)


def plain_state(name: str, params: Params, lr: float) -> tuple[list[nn.Parameter], Any]:
    """Parameters and stock optimizer as a trial by itself has them: torch chooses the implementation."""
    parameters = [nn.Parameter(torch.zeros(shape)) for shape in SHAPES]
    stock: Any = RULES[name].stock
    return parameters, stock(parameters, lr=lr, **params)


def fill(parameters: list[nn.Parameter], values: Tensor, grads: Tensor) -> None:
    sizes = [shape.numel() for shape in SHAPES]
    for parameter, value, grad in zip(parameters, values.split(sizes), grads.split(sizes), strict=True):
        parameter.data.copy_(value.reshape(parameter.shape))
        parameter.grad = grad.reshape(parameter.shape).clone()


@slices()
def test_the_state_is_that_of_stock_at_every_step(name: str, lanes: list[Params]) -> None:
    steps = 4
    lrs, grads = lane_lrs(name, len(lanes), steps), given_gradients(steps, len(lanes), torch.float32)
    first = start(len(lanes), torch.float32)
    ours, param, before = stacked(name, lanes, lrs[0]), first.clone(), first
    stocks = [plain_state(name, params, lr) for params, lr in zip(lanes, lrs[0].tolist(), strict=True)]
    for tick in range(steps + 1):
        for lane, (parameters, optimizer) in enumerate(stocks):
            if tick:
                optimizer.param_groups[0]["lr"] = float(lrs[tick - 1, lane])
                fill(parameters, before[lane], grads[tick - 1, lane])
                optimizer.step()
            assert_same_state(ours.lane_state(lane, SHAPES), optimizer.state_dict())
        if tick == 0:
            ours.prepare(lrs)
        if tick < steps:
            before = param.clone()
            ours.step(param, grads[tick])


@slices()
def test_stock_goes_on_from_a_lane(name: str, lanes: list[Params]) -> None:
    lrs, grads = lane_lrs(name, len(lanes), STEPS), given_gradients(STEPS, len(lanes), torch.float32)
    ours, param = stacked(name, lanes, lrs[0]), start(len(lanes), torch.float32)
    ours.prepare(lrs)
    for tick in range(HALF):
        ours.step(param, grads[tick])
    stock = StockLanes(name, lanes, lrs[0], param)
    for lane, optimizer in enumerate(stock.optimizers):
        optimizer.load_state_dict(ours.lane_state(lane, SHAPES))
    for tick in range(HALF, STEPS):
        stock.step(grads[tick], lrs[tick])
        # A lane that was looked at goes on in its chunk.
        ours.step(param, grads[tick])
    assert torch.equal(param, stock.flat())


@slices()
def test_a_lane_goes_on_from_stock(name: str, lanes: list[Params]) -> None:
    lrs, grads = lane_lrs(name, len(lanes), STEPS), given_gradients(STEPS, len(lanes), torch.float32)
    stock = StockLanes(name, lanes, lrs[0], start(len(lanes), torch.float32))
    for tick in range(HALF):
        stock.step(grads[tick], lrs[tick])
    # Into lanes that have trained something else before, with other hyperparameters.
    ours, param = stacked(name, lanes[::-1], lrs[0]), start(len(lanes), torch.float32)
    ours.prepare(lrs[:2])
    ours.step(param, grads[0])
    param = stock.flat()
    for lane, optimizer in enumerate(stock.optimizers):
        ours.load_lane(lane, optimizer.state_dict())
    ours.prepare(lrs[HALF:])
    for tick in range(HALF, STEPS):
        stock.step(grads[tick], lrs[tick])
        ours.step(param, grads[tick])
    assert torch.equal(param, stock.flat())


@slices()
def test_a_lane_starts_anew_from_a_stock_optimizer_that_has_not_stepped(name: str, lanes: list[Params]) -> None:
    lanes = lanes[-1:]
    lrs, grads = lane_lrs(name, 1, STEPS), given_gradients(STEPS, 1, torch.float32)
    first = start(1, torch.float32)
    ours, param = stacked(name, lanes, [1.0]), first.clone()
    ours.prepare(lrs)
    ours.step(param, grads[0])
    stock = StockLanes(name, lanes, lrs[0], first)
    ours.load_lane(0, stock.optimizers[0].state_dict())
    param = first.clone()
    ours.prepare(lrs)
    for tick in range(STEPS):
        stock.step(grads[tick], lrs[tick])
        ours.step(param, grads[tick])
    assert torch.equal(param, stock.flat())


@pytest.mark.parametrize("name", CYCLING)
def test_a_cycled_momentum_is_in_the_state(name: str) -> None:
    momenta = np.array([[0.5, np.nan], [0.8, np.nan]])
    params = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    ours, param = stacked(name, [params, params], [0.1, 0.1], cycled=True), start(2, torch.float32)
    ours.prepare(np.full((2, 2), 0.1), momenta)
    found = []
    for grad in given_gradients(2, 2, torch.float32):
        ours.step(param, grad)
        for lane in (0, 1):
            [group] = ours.lane_state(lane, SHAPES)["param_groups"]
            found.append(group["betas"][0] if "betas" in group else group["momentum"])
    assert found == [0.5, 0.9, 0.8, 0.9]


@pytest.mark.parametrize("name", CYCLING)
def test_a_cycled_lane_changes_over_to_stock_and_back(name: str) -> None:
    params = {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    lrs, grads = lane_lrs(name, 1, STEPS), given_gradients(STEPS, 1, torch.float32)
    momenta = np.linspace(0.9, 0.0, STEPS)[:, None] % 0.5
    first = start(1, torch.float32)
    ours, param = stacked(name, [params], lrs[0], cycled=True), first.clone()
    whole = StockLanes(name, [params], lrs[0], first)
    ours.prepare(lrs, momenta)
    for tick in range(STEPS):
        if tick == 5:
            halfway = StockLanes(name, [params], lrs[0], param)
            halfway.optimizers[0].load_state_dict(ours.lane_state(0, SHAPES))
        if tick == HALF:
            param = halfway.flat()
            ours.load_lane(0, halfway.optimizers[0].state_dict())
            ours.prepare(lrs[tick:], momenta[tick:])
        if 5 <= tick < HALF:
            halfway.step(grads[tick], lrs[tick], momenta[tick])
        else:
            ours.step(param, grads[tick])
        whole.step(grads[tick], lrs[tick], momenta[tick])
    assert torch.equal(param, whole.flat())


def test_what_a_state_holds_is_no_view_of_the_slice() -> None:
    ours, param = stacked("Adam", [{}], [0.1]), start(1, torch.float32)
    ours.prepare(np.full((2, 1), 0.1))
    ours.step(param, param.clone())
    state = ours.lane_state(0, SHAPES)
    before = state["state"][0]["exp_avg"].clone()
    ours.step(param, param.clone())
    assert torch.equal(state["state"][0]["exp_avg"], before)


def stepped(name: str, groups: int = 1, skip: int | None = None, **params: Any) -> Any:
    """The state_dict of a stock optimizer after a step; parameter `skip` had no gradient."""
    parameters = [nn.Parameter(torch.zeros(shape)) for shape in SHAPES]
    stock: Any = RULES[name].stock
    optimizer = stock(parameters if groups == 1 else [{"params": [each]} for each in parameters], lr=0.1, **params)
    for index, each in enumerate(parameters):
        each.grad = None if index == skip else torch.ones_like(each)
    optimizer.step()
    return optimizer.state_dict()


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (stepped("Adam", groups=3), "one param group, the state has 3"),
        (stepped("Adam", skip=1), "parameter 1 has no step, exp_avg, exp_avg_sq"),
        (stepped("Adam", weight_decay=0.1), r"this slice has the flags \[\], the state \['weight_decay'\]"),
    ],
    ids=["groups", "no gradient", "other flags"],
)
def test_a_state_that_no_lane_can_have_is_refused(state: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        stacked("Adam", [{}], [0.1]).load_lane(0, state)


def test_parameters_that_differ_in_their_steps_are_refused() -> None:
    state = stepped("Adam")
    state["state"][2]["step"] += 1
    with pytest.raises(ValueError, match="the parameters differ in their step"):
        stacked("Adam", [{}], [0.1]).load_lane(0, state)
