"""Makes the optimizer that a job asks for: torch's own, one by path, or two side by side."""

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from sweeps.catalogue import is_path, optimizer_row
from sweeps.derived import DERIVED, torch_keywords
from sweeps.domains import Value
from sweeps.errors import TaskError, UserError, unknown
from sweeps.optimizers import OptimizerRow
from workers.classes import load_class
from workers.imports import users_code
from workers.together import LANE_GROUP, Together

Group = dict[str, Any]
"""A param group as torch takes it: `params`, and options for them alone."""


def build_optimizer(name: str, model: nn.Module | Iterable[Any], lr: float, params: Mapping[str, Value]) -> Optimizer:
    """An optimizer over a model, or over parameters or param groups, as torch takes them. Raises what `Maker` does."""
    groups = _as_groups(model.parameters() if isinstance(model, nn.Module) else model)
    return Maker(name, model if isinstance(model, nn.Module) else groups, lr, params).make(groups)


class Maker:
    """Makes one kind of optimizer over any groups of a model's parameters, with a trial's LR and hyperparameters.

    Raises UserError for a class that cannot be found, or for arguments that it does not have; TaskError for a
    model that the optimizer cannot train.
    """

    def __init__(self, name: str, model: nn.Module | Sequence[Group], lr: float, params: Mapping[str, Value]):
        self._row = optimizer_row(name)
        self._cls = _path_class(name) if is_path(name) else load_class(self._row.path)
        self._keywords = {"lr": lr, **_keywords(self._row, self._cls, params, {})}
        self._embeddings = frozenset(_embeddings(model))
        tensors = list(model.parameters() if isinstance(model, nn.Module) else _tensors(model))
        if not tensors:
            raise TaskError("the model has no parameters to train")
        if self._row.needs.matrices and not any(map(self._is_matrix, tensors)):
            raise TaskError(f"{name} trains 2-D weights that are no embeddings, and the model has none; use AdamW")

    def make(self, groups: Sequence[Group], params: Mapping[str, Value] | None = None) -> Optimizer:
        """An optimizer over these groups: `params` go over the trial's, and what a group says itself over both."""
        own = _keywords(self._row, self._cls, params or {}, self._keywords)
        if self._row.needs.matrices:
            return Together(self._beside_adamw, [{"lr": self._keywords["lr"], **own, **group} for group in groups])
        optimizer = self._made(groups, {**self._keywords, **own})
        for index, group in enumerate(optimizer.param_groups):
            group[LANE_GROUP] = index
        return optimizer

    def _made(self, groups: Sequence[Group], keywords: Mapping[str, Any]) -> Optimizer:
        if not is_path(self._row.name):
            optimizer: Optimizer = self._cls(groups, **keywords)
            return optimizer
        given = ", ".join(f"{name}={value!r}" for name, value in keywords.items())
        with users_code(f"{self._row.name} could not be made with {given}"):
            made: Optimizer = self._cls(groups, **keywords)
            return made

    def _is_matrix(self, parameter: Tensor) -> bool:
        return parameter.ndim == 2 and id(parameter) not in self._embeddings

    def _beside_adamw(self, group: Group) -> dict[str, Optimizer]:
        """The optimizer over the 2-D weights that are no embedding, AdamW over all others.

        AdamW has torch's defaults, but for what the group itself says and AdamW knows as well.
        """
        label = {LANE_GROUP: group[LANE_GROUP]}
        matrices = [parameter for parameter in _tensors([group]) if self._is_matrix(parameter)]
        others = [parameter for parameter in _tensors([group]) if not self._is_matrix(parameter)]
        made: dict[str, Optimizer] = {}
        if matrices:
            made[self._row.name] = self._cls(
                [{"params": matrices, **label}], **self._keywords | _known(self._cls, group)
            )
        if others:
            made["AdamW"] = AdamW([{"params": others, **label}], **_known(AdamW, group))
        return made


def _as_groups(parameters: Iterable[Any]) -> list[Group]:
    """The param groups in what torch takes: parameters, named ones too, or groups of them."""
    items = list(parameters)
    if not any(isinstance(item, dict) for item in items):
        return [{"params": items}]
    return [
        {**item, "params": [item["params"]] if isinstance(item["params"], Tensor) else list(item["params"])}
        for item in items
    ]


def _tensors(groups: Sequence[Group]) -> Iterator[Tensor]:
    for group in groups:
        for each in group["params"]:
            yield each[1] if isinstance(each, tuple) else each


def _embeddings(model: nn.Module | Sequence[Group]) -> Iterator[int]:
    """Which parameters are tables of embeddings; without the model nobody can tell."""
    for module in model.modules() if isinstance(model, nn.Module) else ():
        if isinstance(module, nn.Embedding | nn.EmbeddingBag):
            yield id(module.weight)


def _known(cls: Any, group: Group) -> dict[str, Any]:
    """The options of a group that are arguments of this class."""
    accepted = inspect.signature(cls).parameters.keys() - {"params"}
    return {key: value for key, value in group.items() if key in accepted}


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


def _keywords(row: OptimizerRow, cls: Any, params: Mapping[str, Value], over: Mapping[str, Value]) -> dict[str, Value]:
    """These hyperparameters as the class calls them; the other half of a pair comes from those that they go over."""
    signature = list(inspect.signature(cls).parameters.values())[1:]
    defaults: dict[str, Value | None] = {
        each.name: each.default for each in signature if each.default is not inspect.Parameter.empty
    }
    named = {each.name for each in signature}
    own = {name for name, rule in DERIVED.items() if name in named or defaults.get(rule.keyword) is None}
    keywords = torch_keywords(params, {**defaults, **over}, frozenset(own))
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


def group_lrs(optimizer: Optimizer, count: int = 0) -> tuple[float, ...]:
    """The LR of each of a trial's groups, [groups], at least `count` of them: 0 for one that has not joined yet."""
    lrs = {group.get(LANE_GROUP, place): float(group["lr"]) for place, group in enumerate(optimizer.param_groups)}
    return tuple(lrs.get(index, 0.0) for index in range(max(count, 1 + max(lrs))))
