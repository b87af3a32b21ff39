"""What is made lane by lane at once is what torch.func.vmap makes."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import vmap
from torch.nn import functional as F

from workers.fused.lanewise import lanewise

FUNCTIONS: dict[str, Callable[[Sequence[Tensor]], Any]] = {
    "a product": lambda own: own[0] @ own[1],
    "several results": lambda own: {"sum": own[0].sum(), "parts": [own[1] * 2, own[1].mT]},
    "what no lane has a part in": lambda own: {"fixed": torch.arange(3.0), "own": own[0]},
    "a draw": lambda own: F.dropout(own[0], 0.5),
    "what torch takes apart for it": lambda own: F.huber_loss(own[0], own[1].mT[: len(own[0])]),
    "a vmap within": lambda own: vmap(torch.sin)(own[0]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_it_is_vmap(name: str) -> None:
    def of_vmap(*own: Tensor) -> Any:
        return FUNCTIONS[name](own)

    tensors = [torch.randn(5, 3, 4), torch.randn(5, 4, 3)]
    torch.manual_seed(0)
    expected = vmap(of_vmap, randomness="different")(*tensors)
    torch.manual_seed(0)
    torch.testing.assert_close(lanewise(FUNCTIONS[name], tensors, randomness="different"), expected, rtol=0, atol=0)


def test_gradients_flow_back_to_every_lane() -> None:
    weights, values = torch.randn(4, 3, requires_grad=True), torch.randn(4, 3)
    [grad] = torch.autograd.grad(
        lanewise(lambda own: own[0] @ own[1], [weights, values], randomness="error").sum(), weights
    )
    assert torch.equal(grad, values)


def test_a_draw_that_lanes_would_share_is_refused() -> None:
    with pytest.raises(RuntimeError, match="random"):
        lanewise(lambda own: F.dropout(own[0]), [torch.ones(2, 3)], randomness="error")


def test_an_error_within_leaves_nothing_behind() -> None:
    with pytest.raises(ZeroDivisionError):
        lanewise(lambda own: 1 / 0, [torch.ones(2, 3)], randomness="error")
    assert torch._C._functorch.maybe_current_level() is None
