"""Makes the optimizer that a job asks for: torch's own, one by path, or two side by side."""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress
from typing import Any

from torch import nn
from torch.optim import AdamW, Optimizer

from sweeps.catalogue import is_path, optimizer_row
from sweeps.derived import DERIVED, torch_keywords
from sweeps.domains import Value
from sweeps.errors import TaskError, UserError, unknown
from sweeps.optimizers import OptimizerRow
from workers.classes import load_class
from workers.imports import users_code
from workers.together import Together


def build_optimizer(
    name: str, model: nn.Module | Iterable[nn.Parameter], lr: float, params: Mapping[str, Value]
) -> Optimizer:
    """An optimizer over a model or its parameters, with torch's own defaults for what is not given.

    Raises UserError for a class that cannot be found, or for arguments that it does not have; TaskError for a
    model that the optimizer cannot train.
    """
    row = optimizer_row(name)
    cls = _path_class(name) if is_path(name) else load_class(row.path)
    keywords = _keywords(row, cls, params)
    if row.needs.matrices:
        return _beside_adamw(row, cls, model, lr, keywords)
    parameters = model.parameters() if isinstance(model, nn.Module) else model
    if not is_path(name):
        optimizer: Optimizer = cls(parameters, lr=lr, **keywords)
        return optimizer
    with users_code(f"{name} could not be made with lr={lr:g}{''.join(f', {k}={v!r}' for k, v in keywords.items())}"):
        made: Optimizer = cls(parameters, lr=lr, **keywords)
        return made


def _path_class(path: str) -> Any:
    module, _, name = path.partition(":")
    with users_code(f"{module} failed while it was imported"):
        try:
            cls = load_class(path)
        except ModuleNotFoundError as error:
            if error.name and f"{module}.".startswith(f"{error.name}."):
                raise UserError(
                    f"there is no module '{error.name}' for the optimizer {path}; install it where the workers run, "
                    "or put it beside the task"
                ) from None
            raise
        except AttributeError:
            raise UserError(f"{module} has no '{name}'; check the optimizer's path {path}") from None
    if not (isinstance(cls, type) and issubclass(cls, Optimizer)):
        raise UserError(f"{path} is no optimizer; give a subclass of torch.optim.Optimizer")
    return cls


def _keywords(row: OptimizerRow, cls: Any, params: Mapping[str, Value]) -> dict[str, Value]:
    """What the class is called with besides parameters and LR."""
    signature = list(inspect.signature(cls).parameters.values())[1:]
    defaults: dict[str, Value | None] = {
        each.name: each.default for each in signature if each.default is not inspect.Parameter.empty
    }
    named = {each.name for each in signature}
    own = {name for name, rule in DERIVED.items() if name in named or defaults.get(rule.keyword) is None}
    keywords = torch_keywords(params, defaults, frozenset(own))
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in signature):
        return keywords
    allowed = [each.name for each in signature]
    if "lr" not in allowed:
        raise UserError(f"{row.name} takes no lr, so there is nothing to sweep; it takes: {', '.join(allowed)}")
    for name in keywords:
        if name not in allowed or name == "lr":
            others = [each for each in allowed if each != "lr"]
            raise UserError(unknown(f"argument of {row.name}", name, others))
    return keywords


def _beside_adamw(
    row: OptimizerRow, cls: Any, model: nn.Module | Iterable[nn.Parameter], lr: float, keywords: Mapping[str, Value]
) -> Optimizer:
    """The optimizer over the 2-D weights that are no embedding, AdamW with torch's defaults over all others."""
    embeddings: set[int] = set()
    if isinstance(model, nn.Module):
        tables = (each for each in model.modules() if isinstance(each, nn.Embedding | nn.EmbeddingBag))
        embeddings = {id(table.weight) for table in tables}
        model = model.parameters()

    def split(parameters: Sequence[nn.Parameter]) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        hidden = [each.ndim == 2 and id(each) not in embeddings for each in parameters]
        return list(compress(parameters, hidden)), list(compress(parameters, (not flag for flag in hidden)))

    matrices, others = split(list(model))
    if not matrices:
        raise TaskError(f"{row.name} trains 2-D weights that are no embeddings, and the model has none; use AdamW")
    first: Optimizer = cls(matrices, lr=lr, **keywords)
    return Together([first, AdamW(others, lr=lr)], split) if others else first


def needs_closure(name: str, optimizer: Optimizer) -> bool:
    """True if step() must be given a function; a class by path says so by a closure that it has no default for."""
    if not is_path(name):
        return optimizer_row(name).needs.closure
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty


def set_mode(optimizer: Optimizer, *, training: bool) -> None:
    """Tells a Schedule-Free optimizer, which keeps two sets of weights, whether to train or to be looked at."""
    switch = getattr(optimizer, "train" if training else "eval", None)
    if callable(switch):
        switch()


def group_lrs(optimizer: Optimizer) -> tuple[float, ...]:
    """The LR of every param group, [groups]."""
    return tuple(float(group["lr"]) for group in optimizer.param_groups)
