"""A lane moves exactly as its stock optimizer moves the same numbers."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.stacked.lanes import (
    CYCLING,
    TABLE,
    Params,
    StockLanes,
    given_gradients,
    lane_lrs,
    same,
    slices,
    stacked,
    start,
    wells,
)
from workers.stacked.rule import Array
from workers.stacked.rules import RULES, stock_group

EVERY_RULE = pytest.mark.parametrize("name", RULES)
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


@DTYPES
@slices()
def test_it_moves_as_stock_on_given_gradients(name: str, lanes: list[Params], dtype: torch.dtype) -> None:
    steps, chunk = 20, 7
    lrs = lane_lrs(name, len(lanes), steps)
    first, grads = start(len(lanes), dtype), given_gradients(steps, len(lanes), dtype)
    stock = StockLanes(name, lanes, lrs[0], first)
    # The LR of the first step counts, not that of construction.
    ours, param = stacked(name, lanes, 3 * lrs[0], dtype=dtype), first.clone()
    for tick in range(steps):
        if tick % chunk == 0:
            ours.prepare(lrs[tick : tick + chunk])
        stock.step(grads[tick], lrs[tick])
        ours.step(param, grads[tick])
        assert torch.equal(param, stock.flat()), f"step {tick}"
    assert param.isfinite().all()
    assert torch.equal(grads, given_gradients(steps, len(lanes), dtype)), "gradients are left alone"


@slices()
def test_it_goes_down_the_same_valleys_as_stock(name: str, lanes: list[Params]) -> None:
    steps = 100
    lrs = lane_lrs(name, len(lanes), steps)
    first = start(len(lanes), torch.float64)
    stock = StockLanes(name, lanes, lrs[0], first)
    ours, param = stacked(name, lanes, lrs[0], dtype=torch.float64), first.clone()
    ours.prepare(lrs)
    for tick in range(steps):
        stock.step(wells(stock.flat()), lrs[tick])
        ours.step(param, wells(param))
    theirs = stock.flat()
    assert same(param, theirs)
    # A lane or two diverge, as they should.
    assert theirs.isfinite().all(1).float().mean() > 0.7
    assert not torch.equal(theirs, first)


@slices(CYCLING, cycled=True)
def test_it_follows_a_cycled_momentum(name: str, lanes: list[Params]) -> None:
    steps = 30
    lrs = lane_lrs(name, len(lanes), steps)
    wave = 0.45 + 0.45 * np.cos(np.linspace(0, 12, steps))[:, None]
    # Down to 0 and up again, as base_momentum=0 has it; every third lane has a momentum of its own.
    momenta = np.where(wave < 0.1, 0.0, wave) * np.linspace(0.8, 1, len(lanes))
    momenta[:, ::3] = np.nan
    stock_momenta = momenta.copy()
    if name == "RMSprop":
        # Stock makes no buffer at a first step without a momentum, and then misses it.
        lanes = [params | {"momentum": params["momentum"] or 0.7} for params in lanes]
    lanes = [params | ({"momentum": 0.6} if params.get("nesterov") else {}) for params in lanes]
    first, grads = start(len(lanes), torch.float32), given_gradients(steps, len(lanes), torch.float32)
    stock = StockLanes(name, lanes, lrs[0], first)
    ours, param = stacked(name, lanes, lrs[0], cycled=True), first.clone()
    for tick in range(steps):
        if tick % 8 == 0:
            ours.prepare(lrs[tick : tick + 8], momenta[tick : tick + 8])
        stock.step(grads[tick], lrs[tick], stock_momenta[tick])
        ours.step(param, grads[tick])
        assert torch.equal(param, stock.flat()), f"step {tick}"
    assert (momenta == 0).any()


def test_a_momentum_that_starts_at_zero_starts_its_buffer_later() -> None:
    momenta = np.array([[0.0], [0.0], [0.5], [0.0], [0.9]])
    lanes, lrs = [{"dampening": 0.4}], np.full((5, 1), 0.1)
    first, grads = start(1, torch.float32), given_gradients(5, 1, torch.float32)
    stock = StockLanes("SGD", lanes, lrs[0], first)
    ours, param = stacked("SGD", lanes, lrs[0], cycled=True), first.clone()
    ours.prepare(lrs, momenta)
    for tick in range(5):
        stock.step(grads[tick], lrs[tick], momenta[tick])
        ours.step(param, grads[tick])
        assert torch.equal(param, stock.flat()), f"step {tick}"


def _unusual(kind: str, steps: int, count: int) -> tuple[Array, torch.Tensor]:
    """LRs [T, k] and gradients [T, k, P]."""
    lrs, grads = np.full((steps, count), 0.01), given_gradients(steps, count, torch.float32)
    match kind:
        case "LR 0":
            lrs[:] = 0
        case "LR 0 at first":
            lrs[: steps // 2] = 0
        case "huge LR":
            lrs[:] = 1e30
        case "no gradient":
            grads[:] = 0
        case "tiny gradients":
            grads *= 1e-30
        case "huge gradients":
            grads *= 1e25
        case "infinite gradient":
            grads[3, :, 2] = torch.inf
    return lrs, grads


@pytest.mark.parametrize(
    "kind", ["LR 0", "LR 0 at first", "huge LR", "no gradient", "tiny gradients", "huge gradients", "infinite gradient"]
)
@EVERY_RULE
def test_unusual_numbers_end_as_in_stock(name: str, kind: str) -> None:
    lanes: list[Params] = [{}, {"weight_decay": 0.1}, {"betas": (0.9, 0.9)}, {"momentum": 0.9}]
    for params in lanes:
        if not set(params) <= set(TABLE[name]):
            continue
        lrs, grads = _unusual(kind, 8, 1)
        first = start(1, torch.float32)
        stock = StockLanes(name, [params], lrs[0], first)
        ours, param = stacked(name, [params], lrs[0]), first.clone()
        ours.prepare(lrs)
        for tick in range(8):
            stock.step(grads[tick], lrs[tick])
            ours.step(param, grads[tick])
            assert same(param, stock.flat()), f"step {tick} with {params}"


@EVERY_RULE
def test_an_lr_beyond_the_tensors_range_turns_a_lane_non_finite_and_no_other(name: str) -> None:
    lrs = np.array([[0.01, 1e60]] * 3)
    first, grads = start(2, torch.float32), given_gradients(3, 2, torch.float32)
    ours, param = stacked(name, [{}, {}], lrs[0]), first.clone()
    stock = StockLanes(name, [{}], [0.01], first[:1])
    ours.prepare(lrs)
    for tick in range(3):
        ours.step(param, grads[tick])
        stock.step(grads[tick, :1], lrs[tick])
    assert torch.equal(param[:1], stock.flat())
    # Rprop clamps its steps.
    assert name == "Rprop" or not param[1].isfinite().all()


def test_what_python_cannot_compute_turns_a_lane_non_finite_and_no_other() -> None:
    lanes, lrs = [{}, {"lambd": -50.0}], np.full((3, 2), 0.1)
    first, grads = start(2, torch.float32), given_gradients(3, 2, torch.float32)
    ours, param = stacked("ASGD", lanes, lrs[0]), first.clone()
    stock = StockLanes("ASGD", lanes[:1], [0.1], first[:1])
    ours.prepare(lrs)
    for tick in range(3):
        ours.step(param, grads[tick])
        stock.step(grads[tick, :1], lrs[tick])
    assert torch.equal(param[:1], stock.flat())
    assert param[1].isnan().all()


def _strategy(key: str, default: Any) -> st.SearchStrategy[Any]:
    """Any value that torch takes for a hyperparameter, by its name."""
    unit = st.floats(0, 0.9999)
    special: dict[str, st.SearchStrategy[Any]] = {
        "betas": st.tuples(unit, unit),
        "momentum": st.just(0) | unit,
        "weight_decay": st.just(0) | st.floats(1e-6, 0.5),
        "eps": st.floats(1e-10, 1e-1),
        "etas": st.tuples(st.floats(0.1, 0.99), st.floats(1.01, 3)),
        "step_sizes": st.tuples(st.floats(1e-8, 1e-4), st.floats(1e-3, 50)),
        "t0": st.sampled_from((0, 2.5, 10, 1e6)),
        "rho": unit,
        "alpha": unit,
    }
    return special.get(key, st.booleans() if isinstance(default, bool) else st.floats(0, 1))


@st.composite
def _lane(draw: st.DrawFn, name: str) -> Params:
    defaults = stock_group(name, 0.1, {})
    params = {key: draw(_strategy(key, defaults[key])) for key in TABLE[name]}
    if params.get("nesterov"):
        params |= {"dampening": 0, "momentum": params["momentum"] or 0.9}
    # Centered, a difference of two nearly equal squares decides about NaN.
    return params | ({"centered": False} if "centered" in params else {})


@EVERY_RULE
@given(data=st.data())
def test_any_hyperparameters_move_as_in_stock(name: str, data: st.DataObject) -> None:
    params, steps = data.draw(_lane(name)), 6
    lrs = np.array(data.draw(st.lists(st.floats(1e-8, 10), min_size=steps, max_size=steps)))[:, None]
    first, grads = start(1, torch.float32), given_gradients(steps, 1, torch.float32)
    stock = StockLanes(name, [params], lrs[0], first)
    ours, param = stacked(name, [params], lrs[0]), first.clone()
    ours.prepare(lrs)
    for tick in range(steps):
        stock.step(grads[tick], lrs[tick])
        ours.step(param, grads[tick])
    assert same(param, stock.flat())


# Centered takes the root of a difference, which such coarse numbers make negative, in stock too.
@slices(without="centered")
def test_bfloat16_stays_near_float32(name: str, lanes: list[Params]) -> None:
    steps = 5
    lrs = lane_lrs(name, len(lanes), steps)
    first, grads = start(len(lanes), torch.bfloat16), given_gradients(steps, len(lanes), torch.bfloat16)
    moved = []
    for dtype in (torch.float32, torch.bfloat16):
        ours, param = stacked(name, lanes, lrs[0], dtype=dtype), first.to(dtype)
        ours.prepare(lrs)
        for tick in range(steps):
            ours.step(param, grads[tick].to(dtype))
        assert {tensor.dtype for tensor in (param, *ours.state.values())} == {dtype}
        moved.append(param.float())
    torch.testing.assert_close(moved[1], moved[0], rtol=0.03, atol=0.03)
