"""Recurrent layers of lanes: against torch's own with its gradients, and which way they are made."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch._C._functorch import is_batchedtensor
from torch.nn import functional as F

from tests.workers.fused.told import tell
from tests.workers.fused.zoo import STACKED
from tests.workers.small import a_job, prepared
from workers.fused import recurrent
from workers.fused.recurrence import Cell, gru, recur, relu, tanh

STEPS, EXAMPLES, WIDTH = 5, 3, 4
CELLS: list[tuple[Cell, Callable[[], nn.RNNBase]]] = [
    (gru, lambda: nn.GRU(WIDTH, WIDTH)),
    (tanh, lambda: nn.RNN(WIDTH, WIDTH)),
    (relu, lambda: nn.RNN(WIDTH, WIDTH, nonlinearity="relu")),
]


@pytest.mark.parametrize(("cell", "make"), CELLS, ids=["gru", "tanh", "relu"])
def test_every_lane_has_torch_s_outputs_and_gradients(cell: Cell, make: Callable[[], nn.RNNBase]) -> None:
    torch.manual_seed(0)
    layers = [make().double() for _ in range(3)]
    shape = (STEPS, EXAMPLES, WIDTH)
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for _ in layers]
    firsts = [torch.randn(1, EXAMPLES, WIDTH, dtype=torch.float64, requires_grad=True) for _ in layers]
    own = {name: torch.stack([getattr(layer, name) for layer in layers]) for name in layers[0]._flat_weights_names}
    given = torch.stack(
        [
            F.linear(values, weight, bias)
            for values, weight, bias in zip(inputs, own["weight_ih_l0"], own["bias_ih_l0"], strict=True)
        ]
    )
    made = recur(cell, given, own["weight_hh_l0"], own["bias_hh_l0"], torch.cat(firsts))
    for layer, values, first, ours in zip(layers, inputs, firsts, made, strict=True):
        theirs, _ = layer(values, first)
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
        wanted = [values, first, *layer.parameters()]
        grads = (torch.autograd.grad(each.sin().sum(), wanted, retain_graph=True) for each in (ours, theirs))
        for of_ours, of_theirs in zip(*grads, strict=True):
            torch.testing.assert_close(of_ours, of_theirs, rtol=1e-12, atol=1e-12)


STEPPED, SINGLE = "_step_by_step", "_lane_by_lane"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LSTM", {SINGLE}),
        ("LSTM with projections and dropout", {SINGLE}),
        ("GRU", {STEPPED}),
        ("GRU both ways", {STEPPED}),
        # The last batch of validation, of one example, is small.
        ("GRU lane by lane", {SINGLE, STEPPED}),
        ("RNN", {STEPPED}),
    ],
)
def test_small_layers_go_step_by_step_and_large_ones_lane_by_lane(
    name: str, expected: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ways: set[str] = set()

    def noted(which: str) -> Callable[..., Any]:
        own = getattr(recurrent, which)

        def made(*given: Any) -> Any:
            ways.add(which)
            return own(*given)

        return made

    for which in (STEPPED, SINGLE):
        monkeypatch.setattr(recurrent, which, noted(which))
    told = tell(prepared(STACKED[name]), [a_job(key="a"), a_job(key="b", seed=4)])
    assert told.notices == []
    assert ways == expected


def test_nobody_asks_where_the_weights_of_lanes_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU torch puts a layer's weights side by side in memory, for which it asks where they lie."""

    def flatten(layer: nn.RNNBase) -> None:
        assert not any(is_batchedtensor(each) for each in layer._flat_weights)

    monkeypatch.setattr(nn.RNNBase, "flatten_parameters", flatten)
    told = tell(prepared(STACKED["LSTM"]), [a_job(key="a"), a_job(key="b", seed=4)])
    assert told.notices == []
