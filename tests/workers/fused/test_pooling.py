"""Max pooling of all lanes, against torch's own, lane by lane: values and gradients are equal, not close."""

from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import grad, vmap
from torch.nn import functional as F

from tests.workers.fused.company import hear_all
from tests.workers.fused.zoo import Task, pictures
from tests.workers.small import a_job, prepared
from workers.fused import mended as module
from workers.fused.mended import mended

Pool = Callable[..., Any]
POOLS: tuple[Pool, ...] = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
LANES = 3
NAN, INF = float("nan"), float("inf")


def ties(*shape: int, special: tuple[float, ...] = ()) -> Tensor:
    """A tensor for each lane, of few different values."""
    values = torch.randint(-2, 3, (LANES, *shape)).double()
    for each in special:
        values[torch.rand(values.shape) < 0.2] = each
    return values.requires_grad_()


def together(pool: Pool, values: Tensor) -> Tensor:
    with mended():
        found: Tensor = vmap(pool)(values)
    return found


def is_ours(found: Tensor) -> bool:
    """True if all lanes were pooled at once, by element-wise maxima."""
    seen, todo = set(), [found.grad_fn]
    while todo:
        if (node := todo.pop()) is not None and node not in seen:
            seen.add(node)
            todo += [each for each, _ in node.next_functions]
    return "_WindowsBackward" in {node.name() for node in seen}


def same(pool: Pool, values: Tensor, *, ours: bool = True) -> None:
    found, alone = together(pool, values), torch.stack([pool(each) for each in values])
    assert is_ours(found) is ours
    torch.testing.assert_close(found, alone, rtol=0, atol=0, equal_nan=True)
    push = torch.randn_like(found)
    [by_us], [by_torch] = (torch.autograd.grad(each, [values], push) for each in (found, alone))
    assert torch.equal(by_us, by_torch)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_windows_side_by_side_are_pooled_as_torch_does(data: st.DataObject) -> None:
    pool = data.draw(st.sampled_from(POOLS))
    axes = POOLS.index(pool) + 1
    kernel = data.draw(st.tuples(*[st.integers(1, 4)] * axes))
    plane = [data.draw(st.integers(size, 9)) for size in kernel]
    leading = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=2))
    special = data.draw(st.sampled_from([(), (NAN,), (-INF,), (INF, -INF), (NAN, INF), (-0.0,)]))
    torch.manual_seed(data.draw(st.integers(0, 9)))
    same(partial(pool, kernel_size=kernel), ties(*leading, *plane, special=special))


@pytest.mark.parametrize("fill", [0.0, NAN, INF, -INF])
def test_windows_of_one_value(fill: float) -> None:
    same(partial(F.max_pool2d, kernel_size=2), torch.full((LANES, 2, 3, 6, 6), fill, requires_grad=True))


def test_every_place_of_a_window_can_win() -> None:
    windows = torch.stack([torch.randperm(9) for _ in range(LANES * 50)]).double()
    values = windows.view(LANES, 50, 1, 3, 3).requires_grad_()
    same(partial(F.max_pool2d, kernel_size=3), values)
    by_torch = torch.cat([F.max_pool2d(each, 3, return_indices=True)[1].flatten() for each in values])
    assert set(by_torch.tolist()) == set(range(9))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_any_precision(dtype: torch.dtype) -> None:
    same(partial(F.max_pool2d, kernel_size=2), torch.randn(LANES, 4, 3, 16, 16, dtype=dtype).relu().requires_grad_())


def test_planes_of_many_pixels() -> None:
    same(partial(F.max_pool2d, kernel_size=(2, 3)), ties(1, 1, 200, 301))


@pytest.mark.parametrize("order", [(0, 1, 4, 2, 3), (1, 0, 2, 3, 4), (4, 3, 2, 1, 0)])
def test_any_layout(order: tuple[int, ...]) -> None:
    values = ties(4, 3, 6, 8).detach().permute(order).contiguous().permute(torch.tensor(order).argsort().tolist())
    assert not values.is_contiguous()
    same(partial(F.max_pool2d, kernel_size=2), values.requires_grad_())


OURS: dict[str, Pool] = {
    "a number": partial(F.max_pool2d, kernel_size=2),
    "a stride": partial(F.max_pool2d, kernel_size=2, stride=2),
    "strides": partial(F.max_pool2d, kernel_size=(3, 2), stride=[3, 2]),
    "no strides": partial(F.max_pool2d, kernel_size=2, stride=()),
    "by position": lambda x: F.max_pool2d(x, 2, 2, 0, 1, False),
    "pairs": lambda x: F.max_pool2d(x, [2], (2,), (0, 0), (1, 1)),
    "a module": nn.MaxPool2d(2),
}
TORCHS: dict[str, Pool] = {
    "overlap": partial(F.max_pool2d, kernel_size=3, stride=2),
    "gaps": partial(F.max_pool2d, kernel_size=2, stride=3),
    "overlap in one axis": partial(F.max_pool2d, kernel_size=(2, 3), stride=(2, 2)),
    "padding": partial(F.max_pool2d, kernel_size=2, padding=1),
    "padding of one axis": partial(F.max_pool2d, kernel_size=2, padding=(0, 1)),
    "dilation": partial(F.max_pool2d, kernel_size=2, dilation=2),
    "ceil_mode": partial(F.max_pool2d, kernel_size=2, ceil_mode=True),
    "ceil_mode by position": lambda x: F.max_pool2d(x, 2, None, 0, 1, True),
    "indices": lambda x: F.max_pool2d(x, 2, return_indices=True)[0],
    "torch.max_pool2d": lambda x: torch.max_pool2d(x, 2),
}


@pytest.mark.parametrize("pool", OURS.values(), ids=OURS)
def test_however_it_is_said(pool: Pool) -> None:
    same(pool, ties(4, 3, 7, 9))


@pytest.mark.parametrize("pool", TORCHS.values(), ids=TORCHS)
def test_all_else_is_left_to_torch(pool: Pool) -> None:
    same(pool, ties(4, 3, 7, 9), ours=False)


def test_a_window_larger_than_the_plane_is_torchs_error() -> None:
    with pytest.raises(RuntimeError, match="too small"):
        together(nn.MaxPool2d(4), ties(2, 3, 3, 5))


def test_a_gradient_of_a_gradient_is_torchs() -> None:
    values = torch.randn(LANES, 4, 3, 6, 6, dtype=torch.float64).requires_grad_()
    push = torch.randn(LANES, 4, 3, 3, 3, dtype=torch.float64).requires_grad_()
    found = []
    for pooled in (together(nn.MaxPool2d(2), values), torch.stack([F.max_pool2d(each, 2) for each in values])):
        [slopes] = torch.autograd.grad(pooled, [values], push, create_graph=True)
        found.append(torch.autograd.grad(slopes.pow(2).sum(), [push])[0])
    assert torch.equal(*found)


def test_transforms_within_are_torchs() -> None:
    values = ties(4, 3, 6, 6).detach()

    def slope(lane: Tensor) -> Tensor:
        found: Tensor = grad(lambda x: F.max_pool2d(x, 2).pow(2).sum())(lane)
        return found

    assert torch.equal(together(slope, values), torch.stack([slope(each) for each in values]))


def test_nothing_is_kept_of_an_evaluation() -> None:
    with torch.no_grad():
        found = together(nn.MaxPool2d(2), ties(4, 3, 6, 6))
    assert found.grad_fn is None


def lenet() -> nn.Module:
    """Both windows that do not overlap and windows that do, behind normalization."""
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 4, 1),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Flatten(),
        nn.Linear(4, 2),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_whole_trajectories_are_those_of_torchs_pooling(dtype: torch.dtype) -> None:
    ready = prepared(Task(lenet, pictures, dtype))
    jobs = [
        a_job(key="SGD", optimizer_params={"momentum": 0.9}, initial_lr=0.05),
        a_job(key="Adam", optimizer="Adam", initial_lr=0.01, seed=3),
        a_job(key="RMSprop", optimizer="RMSprop", initial_lr=0.01, seed=3),
    ]
    ours = hear_all(ready, jobs)
    with patch.dict(module._operations(1), {pool: pool for pool in POOLS}):  # type: ignore[arg-type]
        theirs = hear_all(ready, jobs)
    looped = hear_all(ready, jobs, fused=False)
    for job in jobs:
        assert ours[job.key].said == theirs[job.key].said
        assert torch.tensor(ours[job.key].steps) == pytest.approx(torch.tensor(looped[job.key].steps), rel=1e-4)
