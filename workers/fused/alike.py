"""Whether two ways to compute the same came to the same, but for rounding."""

import torch
from torch import Tensor

from sweeps.spec import Precision

_TOLERANCE = 1e-2
"""The relative difference that is still noise, for sums in low precision."""
_TOLERANCE_DOUBLE = 1e-6


_TOLERANCE_BF16 = 0.1


def alike(one: Tensor, other: Tensor, precision: Precision = "float32") -> bool:
    """True if both hold the same numbers but for rounding; non-finite ones are not looked at.

    >>> alike(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0001])), alike(torch.zeros(2), torch.ones(2))
    (True, False)
    """
    tolerance = _TOLERANCE_DOUBLE if other.dtype in (torch.float64, torch.complex128) else _TOLERANCE
    tolerance = _TOLERANCE_BF16 if precision == "bf16" else tolerance
    a, b = (in_double(each).nan_to_num(posinf=0.0, neginf=0.0) for each in (one, other))
    return float((a - b).norm()) <= tolerance * (float(b.norm()) + _TOLERANCE_DOUBLE)


def in_double(tensor: Tensor) -> Tensor:
    """A tensor's numbers in float64, the two parts of complex ones side by side."""
    numbers = tensor.detach()
    return (torch.view_as_real(numbers.resolve_conj()) if numbers.is_complex() else numbers).double()
