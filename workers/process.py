"""What a process that trains sets for itself, once and before it makes its first product."""

import torch

from sweeps.spec import Precision
from workers.memory import keep_freed_memory
from workers.precision import set_precision
from workers.products import round_alike
from workers.quickoptim import keep_compiler_out


def set_up_process(*, threads: int, precision: Precision = "float32") -> None:
    """Lets this process train quickly, and alike whichever lanes train together."""
    keep_compiler_out()
    keep_freed_memory()
    round_alike()
    torch.set_num_threads(threads)
    # Denormal numbers slow diverging and dying lanes down several times over.
    torch.set_flush_denormal(True)
    set_precision(precision)
