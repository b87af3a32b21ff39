"""What the errors of stacked training say about the model."""

import re
from collections.abc import Mapping

from workers.fused.template import CannotFuse

_REASONS: Mapping[str, str] = {
    r"aten::(lstm|gru|rnn)_?\w*\.": "its recurrent layers read packed sequences, or compute in bfloat16",
    r"calling \.item\(\)": "it takes a number out of a tensor, by .item() or float(), or a layer of torch's does",
    r"data-dependent control flow": "it branches on the values of a tensor",
    r"dynamic shape": "the shape of one of its tensors depends on values",
    r"Cannot access (storage|data pointer)|escaped": "it looks into the memory of its tensors, as checkpointing does",
    r"in-?place|broadcast shape": "it writes into a tensor that all lanes share; a buffer is each lane's own",
    r"autograd\.Function with functorch": "it has a backward hook, or an autograd.Function that knows no vmap",
    r"randomness": "it draws random numbers here and not on its first batch",
    r"aten::(\w+)": "torch has no stacked form of {0}()",
}
"""What torch says under vmap, and what that says about the model; the first that is found counts."""


def why_not(error: Exception) -> str:
    """What an error of stacked training says about the model, the loss or the metrics.

    >>> why_not(RuntimeError("Batching rule not implemented for aten::gru.input. We could not generate a fallback."))
    'its recurrent layers read packed sequences, or compute in bfloat16'
    """
    if isinstance(error, CannotFuse):
        return str(error)
    for pattern, reason in _REASONS.items():
        if found := re.search(pattern, str(error)):
            return reason.format(*found.groups())
    return first_line(error)


def first_line(error: Exception) -> str:
    """What an error is called, and the first line of what it says.

    >>> first_line(ValueError("no such thing\\nat all"))
    'ValueError: no such thing'
    """
    line = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {line}"
