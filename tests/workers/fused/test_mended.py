"""What runs otherwise under vmap than for one model, against torch's own: convolutions, batch norm."""

from typing import Any

import pytest
import torch
from torch.func import vmap
from torch.nn import functional as F

from workers.fused.mended import mended

LANES = 3

CONVOLUTIONS: dict[str, tuple[Any, tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "one axis": (F.conv1d, (8, 4, 400), (16, 4, 9), {"stride": [2]}),
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
        torch.testing.assert_close(own, F.conv2d(image, kernel))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("affine", [True, False], ids=["affine", "plain"])
@pytest.mark.parametrize("shape", [(8, 5), (4, 5, 3, 3)], ids=["rows", "pictures"])
def test_a_vmapped_batch_norm_is_that_of_each_lane(shape: tuple[int, ...], affine: bool, training: bool) -> None:
    values = torch.randn(LANES, *shape, dtype=torch.float64, requires_grad=True)
    scales = [torch.randn(LANES, 5, dtype=torch.float64, requires_grad=True) for _ in range(2 * affine)]
    means, variances = torch.randn(LANES, 5, dtype=torch.float64), 1 + torch.rand(LANES, 5, dtype=torch.float64)
    moved = [means.clone(), variances.clone()]

    def norm(values: Any, mean: Any, variance: Any, *scales: Any) -> Any:
        return F.batch_norm(values, mean, variance, *scales, training=training, momentum=0.3)

    with mended():
        found = vmap(norm)(values, *moved, *scales)
    alone = torch.stack([norm(*own) for own in zip(values, means, variances, *scales, strict=True)])
    assert torch.equal(found, alone)
    assert torch.equal(moved[0], means)
    assert torch.equal(moved[1], variances)
    push, inputs = torch.randn_like(found), (values, *scales)
    for own, torchs in zip(
        torch.autograd.grad(found, inputs, push), torch.autograd.grad(alone, inputs, push), strict=True
    ):
        torch.testing.assert_close(own, torchs, rtol=1e-12, atol=1e-12)
