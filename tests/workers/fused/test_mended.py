"""What runs otherwise under vmap than for one model, against torch's own: cross-entropy and convolutions."""

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import grad_and_value, vmap
from torch.nn import functional as F

from workers.fused.mended import mended

LANES, BATCH, CLASSES = 3, 7, 5


def labels(*more: int) -> Tensor:
    return torch.randint(0, CLASSES, (LANES, BATCH, *more))


def ignoring(label: int) -> Tensor:
    target = labels()
    target[:, :2] = label
    return target


@pytest.mark.parametrize(
    ("options", "target", "more"),
    [
        ({}, labels(), ()),
        ({}, ignoring(-100), ()),
        ({"ignore_index": 3}, ignoring(3), ()),
        ({"reduction": "sum"}, labels(), ()),
        ({"label_smoothing": 0.1}, labels(), ()),
        ({"weight": torch.rand(CLASSES)}, labels(), ()),
        ({}, torch.rand(LANES, BATCH, CLASSES), ()),
        ({}, labels(4), (4,)),
    ],
    ids=["plain", "ignored", "ignore_index", "sum", "smoothing", "weight", "probabilities", "pixels"],
)
def test_a_vmapped_cross_entropy_is_torchs_to_the_bit(
    options: dict[str, Any], target: Tensor, more: tuple[int, ...]
) -> None:
    logits = 3 * torch.randn(LANES, BATCH, CLASSES, *more)
    step = vmap(grad_and_value(lambda x, y: F.cross_entropy(x, y, **options)))
    with mended():
        found = step(logits, target)
    for own, torchs in zip(found, step(logits, target), strict=True):
        assert torch.equal(own, torchs)


def test_positional_options_are_torchs() -> None:
    logits, target, weight = torch.randn(LANES, BATCH, CLASSES), labels(), torch.rand(CLASSES)
    with mended():
        found = vmap(lambda x, y: F.cross_entropy(x, y, weight))(logits, target)
    assert torch.equal(found, vmap(lambda x, y: F.cross_entropy(x, y, weight))(logits, target))


def test_it_does_not_load_what_takes_a_second() -> None:
    step = """
import sys, torch
from workers.fused.mended import mended
logits = torch.randn(2, 4, 3, requires_grad=True)
with mended():
    torch.vmap(torch.nn.functional.cross_entropy)(logits, torch.zeros(2, 4, dtype=torch.int64)).sum().backward()
sys.exit("sympy" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", step], timeout=120).returncode == 0


CONVOLUTIONS: dict[str, tuple[Any, tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "one axis": (F.conv1d, (8, 4, 400), (16, 4, 9), {"stride": 2}),
    "two axes": (F.conv2d, (16, 3, 20, 20), (8, 3, 5, 5), {"padding": 2}),
    "strides, dilation, groups": (
        F.conv2d,
        (16, 8, 24, 24),
        (16, 4, 3, 3),
        {"stride": (1, 2), "dilation": 2, "groups": 2},
    ),
    "padding by name": (F.conv2d, (16, 4, 18, 18), (8, 4, 5, 5), {"padding": "same"}),
    "three axes": (F.conv3d, (4, 2, 12, 12, 12), (4, 2, 3, 3, 3), {}),
    "small": (F.conv2d, (2, 1, 6, 6), (3, 1, 3, 3), {}),
}


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize(("convolve", "shape", "weights", "options"), CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_a_vmapped_convolution_is_that_of_each_lane(
    convolve: Any, shape: tuple[int, ...], weights: tuple[int, ...], options: dict[str, Any], bias: bool
) -> None:
    values = torch.randn(LANES, *shape, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(LANES, *weights, dtype=torch.float64, requires_grad=True)
    offset = torch.randn(LANES, weights[0], dtype=torch.float64, requires_grad=True)
    tensors = (values, weight, offset)[: 3 if bias else 2]
    with mended():
        found = vmap(lambda *own: convolve(*own, **options))(*tensors)
    alone = torch.stack([convolve(*own, **options) for own in zip(*tensors, strict=True)])
    torch.testing.assert_close(found, alone, rtol=1e-12, atol=1e-12)
    push = torch.randn_like(found)
    for own, torchs in zip(
        torch.autograd.grad(found, tensors, push), torch.autograd.grad(alone, tensors, push), strict=True
    ):
        torch.testing.assert_close(own, torchs, rtol=1e-10, atol=1e-10)


def test_large_convolutions_go_lane_by_lane_and_small_ones_together() -> None:
    counts = {}
    for name in ("two axes", "small"):
        convolve, shape, weights, _ = CONVOLUTIONS[name]
        with torch.profiler.profile() as profile, mended():
            vmap(lambda *own, convolve=convolve: convolve(*own))(
                torch.randn(LANES, *shape), torch.randn(LANES, *weights)
            )
        counts[name] = sum(each.count for each in profile.key_averages() if each.key == "aten::_convolution")
    assert counts == {"two axes": LANES, "small": 1}


def test_lanes_may_share_what_they_convolve() -> None:
    image, weight = torch.randn(16, 3, 20, 20), torch.randn(LANES, 8, 3, 5, 5)
    with mended():
        found = vmap(F.conv2d, in_dims=(None, 0))(image, weight)
    for own, kernel in zip(found, weight, strict=True):
        assert torch.equal(own, F.conv2d(image, kernel))
