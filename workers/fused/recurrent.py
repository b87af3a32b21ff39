"""Recurrent layers of all lanes: torch 2.13 makes each in one operation, of which vmap has no form."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from workers.fused.alllanes import for_all_lanes
from workers.fused.recurrence import Cell, State, gru, lstm, recur, relu, tanh

_VF: Any = torch._VF
_Operation = Callable[..., Tensor]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of layer; up to `largest` multiplications of a lane in a step it is quicker made for all lanes at once."""

    cell: Cell
    largest: int


_KINDS: Mapping[Any, _Kind] = {
    _VF.lstm: _Kind(lstm, 200_000),
    _VF.gru: _Kind(gru, 3_000_000),
    _VF.rnn_tanh: _Kind(tanh, 3_000_000),
    _VF.rnn_relu: _Kind(relu, 3_000_000),
}


@dataclass(frozen=True, slots=True)
class _Layers:
    """What torch's operation takes beside its input and its first state."""

    weights: Sequence[Tensor]
    has_biases: bool
    count: int
    dropout: float
    training: bool
    both_ways: bool
    batch_first: bool

    @property
    def each(self) -> Sequence[Sequence[Tensor]]:
        """The weights of each layer and direction: the input's, the output's, their biases, those of a projection."""
        count = len(self.weights) // (self.count * (1 + self.both_ways))
        return [self.weights[at : at + count] for at in range(0, len(self.weights), count)]

    @property
    def projects(self) -> bool:
        """True if outputs are made smaller than an LSTM's memory."""
        return len(self.each[0]) % 2 == 1

    @property
    def draws(self) -> bool:
        """True if some of the outputs are dropped between layers."""
        return self.training and self.dropout > 0 and self.count > 1


def recurrent(linear: _Operation, dropout: _Operation) -> Mapping[Any, Callable[..., Any]]:
    """What stands for torch's LSTM, GRU and RNN, and for its LSTMCell, inside of a vmap.

    Small layers are made step by step for all lanes at once, large ones lane by lane by torch itself. Packed sequences
    are left to vmap, which refuses them.
    """

    def made(stock: Any, kind: _Kind, values: Tensor, state: Any, *given: Any) -> Any:
        if not isinstance(given[1], bool):
            return stock(values, state, *given)
        layers = _Layers(*given)
        # The zeros that torch begins with are no lane's.
        states = [each + values.new_zeros(()) for each in (state if isinstance(state, Sequence) else (state,))]
        examples = values.shape[0 if layers.batch_first else 1]
        large = examples * layers.weights[1].numel() > kind.largest
        result = None
        if not layers.draws and (large or layers.projects):
            result = _lane_by_lane(stock, values, states, *given)
        elif not layers.projects:
            result = _step_by_step(kind.cell, layers, values, states, linear, dropout)
        return stock(values, state, *given) if result is None else result

    def lstm_cell(values: Tensor, state: State, weight: Tensor, own: Tensor, *biases: Tensor | None) -> State:
        bias, own_bias = biases or (None, None)
        return lstm(linear(values, weight, bias), linear(state[0], own, own_bias), state)

    return {**{stock: partial(made, stock, kind) for stock, kind in _KINDS.items()}, _VF.lstm_cell: lstm_cell}


def _lane_by_lane(
    stock: Any, values: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor], *options: Any
) -> tuple[Tensor, ...] | None:
    """What torch's operation gives; None where there are no lanes to be had."""
    memory = stock is _VF.lstm

    def of_lane(values: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        state, own = others[: len(states)], list(others[len(states) :])
        made: tuple[Tensor, ...] = stock(values, state if memory else state[0], own, *options)
        return made

    def of_all_lanes(*tensors: Tensor) -> tuple[Tensor, ...]:
        lanes = zip(*(each.unbind() for each in tensors), strict=True)
        return tuple(torch.stack(each) for each in zip(*(of_lane(*own) for own in lanes), strict=True))

    made: tuple[Tensor, ...] | None = for_all_lanes(of_all_lanes, values, *states, *weights, anywhere=True)
    return made


def _step_by_step(
    cell: Cell, layers: _Layers, values: Tensor, states: Sequence[Tensor], linear: _Operation, dropout: _Operation
) -> tuple[Tensor, ...] | None:
    """What torch's operation gives; None where there are no lanes to be had."""
    values = values.transpose(0, 1) if layers.batch_first else values
    outputs: list[Tensor] = []
    ends: list[State] = []
    for at, (weight, own, *biases) in enumerate(layers.each):
        backwards = layers.both_ways and at % 2 == 1
        bias, own_bias = biases or (None, None)
        given = linear(values, weight, bias)
        first = [each[at] for each in states]
        given = given.flip(0) if backwards else given
        made = for_all_lanes(partial(recur, cell), given, own, own_bias, *first, anywhere=True)
        if made is None:
            return None
        output, *end = made
        outputs.append(output.flip(0) if backwards else output)
        ends.append(tuple(end))
        if len(outputs) == 1 + layers.both_ways:
            values = torch.cat(outputs, -1)
            outputs = []
            if layers.draws and at + 1 < len(layers.each):
                values = dropout(values, layers.dropout, True)
    return values.transpose(0, 1) if layers.batch_first else values, *map(torch.stack, zip(*ends, strict=True))
