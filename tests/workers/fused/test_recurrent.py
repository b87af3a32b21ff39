"""Recurrent layers of lanes: which way they are made, and against torch's own with its gradients."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._C._functorch import is_batchedtensor

from tests.workers.fused.told import tell
from tests.workers.fused.zoo import STACKED
from tests.workers.small import a_job, prepared
from workers.fused import recurrent
from workers.fused.recurrence import Cell, gru, lstm, recur, relu, tanh

STEPS, EXAMPLES, WIDTH = 5, 3, 4
CELLS: list[tuple[Cell, Callable[[], nn.RNNBase]]] = [
    (lstm, lambda: nn.LSTM(WIDTH, WIDTH)),
    (gru, lambda: nn.GRU(WIDTH, WIDTH)),
    (tanh, lambda: nn.RNN(WIDTH, WIDTH)),
    (relu, lambda: nn.RNN(WIDTH, WIDTH, nonlinearity="relu")),
]


@pytest.mark.parametrize(("cell", "make"), CELLS, ids=["lstm", "gru", "tanh", "relu"])
def test_every_lane_has_torch_s_outputs_states_and_gradients(cell: Cell, make: Callable[[], nn.RNNBase]) -> None:
    torch.manual_seed(0)
    layers = [make().double() for _ in range(3)]
    inputs = [torch.randn(STEPS, EXAMPLES, WIDTH, dtype=torch.float64) for _ in layers]
    count = 2 if cell is lstm else 1
    firsts = [
        [torch.randn(1, EXAMPLES, WIDTH, dtype=torch.float64, requires_grad=True) for _ in range(count)] for _ in layers
    ]
    alone: list[list[Tensor]] = []
    for layer, values, first in zip(layers, inputs, firsts, strict=True):
        outputs, state = layer(values, tuple(first) if cell is lstm else first[0])
        ends = state if isinstance(state, tuple) else (state,)
        made = [outputs, *(each[0] for each in ends)]
        wanted = [layer.weight_hh_l0, layer.bias_hh_l0, *first]
        alone.append([*made, *torch.autograd.grad([each.sin().sum() for each in made], wanted)])

    given = torch.stack(
        [
            torch.nn.functional.linear(each, layer.weight_ih_l0, layer.bias_ih_l0)
            for layer, each in zip(layers, inputs, strict=True)
        ]
    )
    weight, bias = (
        torch.stack([getattr(layer, name) for layer in layers]).detach().requires_grad_()
        for name in ("weight_hh_l0", "bias_hh_l0")
    )
    state = [torch.stack([first[at][0] for first in firsts]).detach().requires_grad_() for at in range(count)]
    made = recur(cell, given, weight, bias, *state)
    grads = torch.autograd.grad([each.sin().sum() for each in made], [weight, bias, *state])
    for lane, own in enumerate(alone):
        for ours, theirs in zip((*made, *grads), own, strict=True):
            torch.testing.assert_close(ours[lane].reshape(theirs.shape), theirs, rtol=1e-12, atol=1e-12)


STEPPED, SINGLE = "_step_by_step", "_lane_by_lane"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LSTM", {STEPPED}),
        ("LSTM with dropout", {STEPPED}),
        ("LSTM with projections", {SINGLE}),
        # The last batch of validation, of one example, is small.
        ("LSTM lane by lane", {SINGLE, STEPPED}),
        ("GRU both ways", {STEPPED}),
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
