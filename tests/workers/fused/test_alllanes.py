"""What is made for all lanes at once, linear layers and cross-entropy, against torch's own, lane by lane."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.func import grad, vmap
from torch.nn import functional as F

from workers.fused.alllanes import for_all_lanes
from workers.fused.mended import mended
from workers.products import onednn_pays

Tensors = tuple[Tensor | None, ...]
Result = tuple[Tensor, list[Tensor]]
LANES, BATCH = 3, 7
SIZES = st.sampled_from([1, 3, 10, 64, 130])


def own(*shape: int) -> Tensor:
    """A tensor for each lane."""
    return torch.randn(LANES, *shape, dtype=torch.float64)


def gradients(results: Tensor, tensors: Tensors) -> Result:
    weights = torch.linspace(-1, 2, results[0].numel(), dtype=results.dtype).view(results[0].shape)
    wanted = [each for each in tensors if each is not None and each.requires_grad]
    return results.detach(), list(torch.autograd.grad((results * weights).sum(), wanted))


def together(operation: Callable[..., Tensor], *tensors: Tensor | None) -> Result:
    """Results and gradients of all lanes as stacked lanes compute them."""
    present = [each is not None for each in tensors]

    def of_lane(given: list[Tensor]) -> Tensor:
        mine = iter(given)
        return operation(*(next(mine) if there else None for there in present))

    with mended():
        results = vmap(of_lane)([each for each in tensors if each is not None])
    return gradients(results, tensors)


def apart(operation: Callable[..., Tensor], *tensors: Tensor | None) -> Result:
    """The same, each lane by torch alone."""
    lanes = [[None if each is None else each[lane] for each in tensors] for lane in range(LANES)]
    return gradients(torch.stack([operation(*lane) for lane in lanes]), tensors)


def same(operation: Callable[..., Tensor], *tensors: Tensor | None) -> None:
    (ours, our_grads), (theirs, their_grads) = together(operation, *tensors), apart(operation, *tensors)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
    for mine, other in zip(our_grads, their_grads, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    leading=st.lists(st.integers(0, 4), max_size=3),
    inputs=st.integers(1, 5),
    outputs=st.integers(1, 5),
    biased=st.booleans(),
    moved=st.booleans(),
)
def test_a_linear_layer_is_torchs(leading: list[int], inputs: int, outputs: int, biased: bool, moved: bool) -> None:
    values = own(*leading, inputs)
    if moved and len(leading) > 1:
        values = values.transpose(1, 2)
    bias = own(outputs).requires_grad_() if biased else None
    same(F.linear, values.requires_grad_(), own(outputs, inputs).requires_grad_(), bias)


def test_inputs_and_frozen_weights_need_no_gradient() -> None:
    same(F.linear, own(BATCH, 4), own(2, 4).requires_grad_(), own(2).requires_grad_())
    same(F.linear, own(BATCH, 4).requires_grad_(), own(2, 4), None)


def test_weights_get_their_gradient_in_their_own_layout() -> None:
    weight = own(5, 4).requires_grad_()
    with mended():
        results = vmap(F.linear)(own(BATCH, 4), weight)
    [found] = torch.autograd.grad(results.sum(), [weight])
    assert found.is_contiguous()


def test_a_gradient_of_a_gradient_is_torchs() -> None:
    def penalty(values: Tensor, weight: Tensor) -> Tensor:
        [slope] = torch.autograd.grad(F.linear(values, weight).pow(3).sum(), [values], create_graph=True)
        return slope.pow(2).sum()

    values, weight = own(BATCH, 4).requires_grad_(), own(2, 4).requires_grad_()
    with mended():
        results = vmap(F.linear)(values, weight)
    [slopes] = torch.autograd.grad(results.pow(3).sum(), [values], create_graph=True)
    [found] = torch.autograd.grad(slopes.pow(2).sum(), [weight])
    theirs = torch.stack(
        [
            torch.autograd.grad(penalty(own_values, own_weight), [own_weight])[0]
            for own_values, own_weight in zip(values.unbind(), weight.unbind(), strict=True)
        ]
    )
    torch.testing.assert_close(found, theirs)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lanes=st.integers(2, 20), rows=st.integers(1, 70), inputs=SIZES, outputs=SIZES, biased=st.booleans())
def test_a_linear_layer_with_wide_products_is_torchs_and_the_same_in_any_number_of_lanes(
    wide_products: list[int], lanes: int, rows: int, inputs: int, outputs: int, biased: bool
) -> None:
    whole = torch.randn(lanes, outputs * (inputs + 1))
    weight = whole[:, outputs:].view(lanes, outputs, inputs).requires_grad_()
    bias = whole[:, :outputs].requires_grad_() if biased else None
    values = torch.randn(lanes, rows, inputs, requires_grad=True)

    def of(these: slice) -> Result:
        given = [None if each is None else each.detach()[these].requires_grad_() for each in (values, weight, bias)]
        with mended(planned=10**6):
            results = vmap(F.linear, in_dims=(0, 0, 0 if biased else None))(*given)
        return gradients(results, tuple(given))

    wide_products.clear()
    found, slopes = of(slice(None))
    assert bool(wide_products) is onednn_pays(1000 * rows * inputs * outputs, values)
    some, some_slopes = of(slice(0, 2))
    for mine, other in zip((some, *some_slopes), (found[:2], *(each[:2] for each in slopes)), strict=True):
        assert torch.equal(mine, other)
    doubles = [None if each is None else each.detach().double().requires_grad_() for each in (values, weight, bias)]
    exactly = torch.stack(
        [F.linear(*(None if each is None else each[lane] for each in doubles)) for lane in range(lanes)]
    )
    true, true_slopes = gradients(exactly, tuple(doubles))
    for mine, other in zip((found, *slopes), (true, *true_slopes), strict=True):
        torch.testing.assert_close(mine.double(), other, rtol=1e-4, atol=1e-4 * float(other.abs().max()))


def test_a_gradient_of_a_gradient_with_wide_products_is_torchs(wide_products: list[int]) -> None:
    values, weight = torch.randn(2, 40, 30, requires_grad=True), torch.randn(2, 50, 30, requires_grad=True)

    def penalty(planned: int) -> Tensor:
        with mended(planned):
            results = vmap(F.linear)(values, weight)
        [slopes] = torch.autograd.grad(results.pow(3).sum(), [values], create_graph=True)
        return torch.autograd.grad(slopes.pow(2).sum(), [weight])[0]

    plain = penalty(1)
    assert not wide_products
    torch.testing.assert_close(penalty(10**6), plain, rtol=1e-4, atol=1e-4 * float(plain.abs().max()))
    assert wide_products


def labels(*more: int) -> Tensor:
    return torch.randint(0, 5, (LANES, BATCH, *more))


def of_every_kind(label: int) -> Tensor:
    return torch.tensor([[label, label, 1, 2, 4, 3, 0]] * LANES)


Loss = Callable[[Tensor, Tensor], Tensor]
MEANS: dict[str, tuple[Loss, Tensor]] = {
    "plain": (F.cross_entropy, labels()),
    "ignored": (F.cross_entropy, of_every_kind(-100)),
    "another ignored": (partial(F.cross_entropy, ignore_index=4), of_every_kind(4)),
    "all ignored": (F.cross_entropy, torch.full((LANES, BATCH), -100)),
}
OTHERS: dict[str, tuple[Loss, Tensor]] = {
    "summed": (partial(F.cross_entropy, reduction="sum"), labels()),
    "smoothed": (partial(F.cross_entropy, label_smoothing=0.1), labels()),
    "weighted": (partial(F.cross_entropy, weight=torch.rand(5, dtype=torch.float64)), labels()),
    "by position": (lambda x, y: F.cross_entropy(x, y, torch.arange(5.0, dtype=torch.float64)), labels()),
    "probabilities": (F.cross_entropy, torch.rand(LANES, BATCH, 5, dtype=torch.float64)),
    "one example": (F.cross_entropy, torch.randint(0, BATCH, (LANES,))),
}


@pytest.mark.parametrize(("loss", "target"), (MEANS | OTHERS).values(), ids=MEANS | OTHERS)
def test_a_cross_entropy_is_torchs(loss: Loss, target: Tensor) -> None:
    logits = (own(BATCH, 5) if target.dim() > 1 else own(BATCH)).requires_grad_()
    (ours, [our_grads]), (theirs, [their_grads]) = (how(loss, logits, target) for how in (together, apart))
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12, equal_nan=True)
    torch.testing.assert_close(our_grads, their_grads, rtol=1e-10, atol=1e-12, equal_nan=True)


def test_a_cross_entropy_over_pixels_is_torchs() -> None:
    same(F.cross_entropy, own(BATCH, 5, 4).requires_grad_(), labels(4))


@pytest.mark.parametrize("classes", [2, 5, 15, 16, 100])
@pytest.mark.parametrize("ignored", [-100, 1])
def test_a_mean_over_labels_is_torchs_own_under_vmap(classes: int, ignored: int) -> None:
    logits = (3 * torch.randn(LANES, BATCH, classes)).requires_grad_()
    target = torch.randint(0, classes, (LANES, BATCH))
    loss = partial(F.cross_entropy, ignore_index=ignored)
    ours, our_grads = together(loss, logits, target)
    theirs, their_grads = gradients(vmap(loss)(logits, target), (logits,))
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=0, equal_nan=True)
    torch.testing.assert_close(our_grads, their_grads, rtol=1e-5, atol=1e-7, equal_nan=True)


def test_it_does_not_load_what_takes_a_second() -> None:
    step = """
import sys, torch
from workers.fused.mended import mended
from workers.products import onednn_pays
logits = torch.randn(2, 4, 3, requires_grad=True)
with mended():
    torch.vmap(torch.nn.functional.cross_entropy)(logits, torch.zeros(2, 4, dtype=torch.int64)).sum().backward()
sys.exit("sympy" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", step], timeout=120).returncode == 0


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("no vmap", lambda double, x: double(x[0])),
        ("a gradient alone", lambda double, x: grad(lambda y: double(y).sum())(x)),
        ("a gradient within", lambda double, x: vmap(grad(lambda y: double(y).sum()))(x)),
        ("a vmap within", lambda double, x: vmap(vmap(double))(x)),
        ("tensors of no lane", lambda double, x: vmap(lambda _: double(torch.ones(2)))(x)),
        ("autocast", lambda double, x: _autocast(double, x)),
    ],
)
def test_it_leaves_to_torch_what_it_does_not_know(name: str, call: Callable[[Any, Tensor], Any]) -> None:
    seen: list[Tensor | None] = []

    def double(tensor: Tensor) -> Tensor:
        seen.append(for_all_lanes(lambda lanes: 2 * lanes, tensor))
        return 2 * tensor

    call(double, own(2))
    assert seen == [None]


def _autocast(double: Callable[[Tensor], Tensor], x: Tensor) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        vmap(double)(x)


def test_lanes_come_first_wherever_vmap_has_them() -> None:
    shapes = []

    def double(tensor: Tensor) -> Tensor:
        def noted(lanes: Tensor) -> Tensor:
            shapes.append(lanes.shape)
            return 2 * lanes

        result = for_all_lanes(noted, tensor)
        assert result is not None
        return result

    x = torch.randn(2, LANES)
    assert torch.equal(vmap(double, in_dims=1)(x), 2 * x.T)
    assert shapes == [(LANES, 2)]
