"""How exactly losses and metrics are computed: in the tensors' own type, in TF32, or in bfloat16 where torch can."""

from contextlib import AbstractContextManager, nullcontext

import torch

from sweeps.spec import Precision


def computing(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """The context in which losses and metrics are computed: torch's autocast for bf16, else none.

    Parameters, gradients and the optimizer's state stay what they are.
    """
    if precision != "bf16":
        return nullcontext()
    # Under vmap a cached copy of a weight would outlive the rows that it was made of.
    return torch.autocast(device.type, dtype=torch.bfloat16, cache_enabled=False)


def set_precision(precision: Precision) -> None:
    """Lets this process round the inputs of float32 products to TF32 on CUDA; elsewhere it changes nothing."""
    if precision == "tf32":
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.allow_tf32 = True
