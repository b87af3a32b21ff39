"""Recurrent layers of all lanes: torch 2.13 makes each in one operation, of which vmap has no form."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from workers.fused.alllanes import for_all_lanes
from workers.fused.recurrence import Cell, gru, recur, relu, tanh

_VF: Any = torch._VF
_LARGE = 3_000_000
"""Multiplications of one lane in a step from which on torch's own operation is quicker."""
_CELLS: Mapping[Any, Cell] = {_VF.gru: gru, _VF.rnn_tanh: tanh, _VF.rnn_relu: relu}
"""Of those that are small. Torch's LSTM is one call of oneDNN, and the quicker of the two at any size."""
_Operation = Callable[..., Tensor]
_Results = tuple[Tensor, ...]
"""All outputs [T, B, H], the last state of each direction [D, B, H], and that of an LSTM's memory."""


@dataclass(frozen=True, slots=True)
class _Options:
    """What torch's operation takes beside tensors."""

    has_biases: bool
    layers: int
    dropout: float
    training: bool
    both_ways: bool
    batch_first: bool


def recurrent(linear: _Operation, dropout: _Operation) -> Mapping[Any, Callable[..., Any]]:
    """What stands for torch's LSTM, GRU and RNN, and for its LSTMCell, inside of a vmap.

    Small layers are made step by step for all lanes at once, others lane by lane by torch itself. Packed sequences are
    left to vmap, which refuses them.
    """

    def made(stock: Any, values: Tensor, state: Any, *given: Any) -> Any:
        if not isinstance(given[1], bool):
            return stock(values, state, *given)
        weights, options = given[0], _Options(*given[1:])
        # The zeros that torch begins with are no lane's.
        states = [each + values.new_zeros(()) for each in (state if isinstance(state, Sequence) else (state,))]
        outputs = values.transpose(0, 1) if options.batch_first else values
        ends: list[_Results] = []
        for layer in range(options.layers):
            own = _part(weights, layer, options.layers)
            first = [_part(each, layer, options.layers) for each in states]
            if stock in _CELLS and outputs.shape[1] * own[1].numel() < _LARGE:
                result = _step_by_step(_CELLS[stock], outputs, first[0], own, options, linear)
            else:
                result = _lane_by_lane(stock, outputs, first, own, options)
            if result is None:
                return stock(values, state, *given)
            outputs, *end = result
            ends.append(tuple(end))
            if options.dropout and options.training and layer + 1 < options.layers:
                outputs = dropout(outputs, options.dropout, True)
        last = (torch.cat(each) for each in zip(*ends, strict=True))
        return outputs.transpose(0, 1) if options.batch_first else outputs, *last

    return {**{stock: partial(made, stock) for stock in (_VF.lstm, *_CELLS)}, _VF.lstm_cell: _lstm_cell(linear)}


def _part(whole: Any, layer: int, layers: int) -> Any:
    """A layer's share of what there is for all of them."""
    count = len(whole) // layers
    return whole[layer * count : (layer + 1) * count]


def _lane_by_lane(
    stock: Any, values: Tensor, states: Sequence[Tensor], weights: Sequence[Tensor], options: _Options
) -> _Results | None:
    """A layer as torch makes it for each lane; None where there are no lanes to be had."""

    def of_lane(values: Tensor, *others: Tensor) -> _Results:
        state, own = others[: len(states)], list(others[len(states) :])
        made: _Results = stock(
            values,
            state if stock is _VF.lstm else state[0],
            own,
            options.has_biases,
            1,
            0.0,
            options.training,
            options.both_ways,
            False,
        )
        return made

    def of_all_lanes(*tensors: Tensor) -> _Results:
        lanes = zip(*(each.unbind() for each in tensors), strict=True)
        return tuple(torch.stack(each) for each in zip(*(of_lane(*own) for own in lanes), strict=True))

    made: _Results | None = for_all_lanes(of_all_lanes, values, *states, *weights, anywhere=True)
    return made


def _step_by_step(
    cell: Cell, values: Tensor, state: Tensor, weights: Sequence[Tensor], options: _Options, linear: _Operation
) -> _Results | None:
    """A layer whose state is its output; None where there are no lanes to be had."""
    outputs: list[Tensor] = []
    ends: list[Tensor] = []
    for direction, first in enumerate(state.unbind()):
        weight, own, *biases = _part(weights, direction, 1 + options.both_ways)
        bias, own_bias = biases or (None, None)
        given = linear(values, weight, bias)
        given = given.flip(0) if direction else given
        made = for_all_lanes(partial(recur, cell), given, own, own_bias, first, anywhere=True)
        if made is None:
            return None
        outputs.append(made.flip(0) if direction else made)
        ends.append(made[-1])
    return torch.cat(outputs, -1), torch.stack(ends)


def _lstm_cell(linear: _Operation) -> Callable[..., _Results]:
    def made(values: Tensor, state: Sequence[Tensor], weight: Tensor, own: Tensor, *biases: Tensor | None) -> _Results:
        bias, own_bias = biases or (None, None)
        gates = linear(values, weight, bias) + linear(state[0], own, own_bias)
        take, keep, new, out = gates.chunk(4, -1)
        memory = keep.sigmoid() * state[1] + take.sigmoid() * new.tanh()
        return out.sigmoid() * memory.tanh(), memory

    return made
