"""Cross-entropy of all lanes."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from workers.fused.alllanes import for_all_lanes

_PLAIN: Mapping[str, Any] = {
    "weight": None,
    "size_average": None,
    "reduce": None,
    "reduction": "mean",
    "label_smoothing": 0.0,
}
"""What stands for a mean over labels."""
_REGISTER = 16
"""Numbers that a processor computes with at once: fewer classes are quicker read across examples."""


def cross_entropy(input: Tensor, target: Tensor, *options: Any, **more: Any) -> Tensor:
    """torch.nn.functional.cross_entropy, whose mean over labels is made for all lanes at once inside of a vmap.

    Under vmap torch would break it into two dozen operations, and for that load sympy, and wait a second.
    """
    plain = not options and all(more.get(name, default) == default for name, default in _PLAIN.items())
    result = None
    if plain and input.dim() == 2 and not target.is_floating_point():
        result = for_all_lanes(partial(_means, more.get("ignore_index", -100)), input, target)
    return F.cross_entropy(input, target, *options, **more) if result is None else result


def _means(ignored: int, logits: Tensor, target: Tensor) -> Tensor:
    """The mean over labels [K, B] of each lane's logits [K, B, C]: [K]."""
    each = partial(F.cross_entropy, ignore_index=ignored, reduction="none")
    if logits.shape[2] < _REGISTER:
        losses = each(logits.mT, target)
    else:
        losses = each(logits.flatten(0, 1), target.flatten()).view(target.shape)
    return losses.sum(1) / (target != ignored).sum(1)
