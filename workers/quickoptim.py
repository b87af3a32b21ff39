"""torch.optim without torch's compiler, which takes 2 to 3 seconds to load and compiles no optimizer here.

In torch 2.13 a few methods of every optimizer load `torch._dynamo` when they are first called, only to tell it that it
should leave them alone. Here they are called as they were before that wrapping; their own code stays torch's.
docs/decisions/0006-start-up.md has the measurements.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer

_WRAPPED = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")


def keep_compiler_out() -> None:
    """Makes torch's optimizers work without loading torch._dynamo; harmless to call again."""
    for name in _WRAPPED:
        method = getattr(Optimizer, name)
        setattr(Optimizer, name, getattr(method, "__wrapped__", method))
    for cls in Optimizer.__subclasses__():
        _unwrap_step(cls)


def _unwrap_step(cls: type[Optimizer]) -> None:
    step = cls.__dict__.get("step")
    if cls.__module__.startswith("torch.optim.") and getattr(step, "__name__", "") == "step" and step is not None:
        bare = inspect.unwrap(step)
        if "differentiable" in inspect.signature(cls).parameters and bare is not step:
            cls.step = _with_grad_mode(bare)  # type: ignore[method-assign]


def _with_grad_mode(step: Callable[..., Any]) -> Callable[..., Any]:
    """What torch wraps around a step besides its words to the compiler."""

    @functools.wraps(step)
    def stepped(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        with torch.set_grad_enabled(self.defaults["differentiable"]):
            return step(self, *args, **kwargs)

    return stepped
