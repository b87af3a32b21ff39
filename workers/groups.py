"""Deals the parameters of a model out to the groups of a job, by pattern over their names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase

from torch import nn

from sweeps.domains import Value
from sweeps.errors import UserError
from sweeps.groups import LR_MULTIPLIER, REST, ParamGroup
from sweeps.paramnames import params_of
from sweeps.records import Job

_SHOWN = 12
"""Parameter names that an error lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelGroup:
    """Parameters that train alike: from this LR, with hyperparameters over the trial's, from this epoch (from 0) on."""

    name: str
    parameters: tuple[nn.Parameter, ...]
    lr: float
    params: Mapping[str, Value] = field(default_factory=dict)
    from_epoch: int = 0

    def freeze(self) -> tuple[nn.Parameter, ...]:
        """Keeps the parameters as they are: no gradient is computed for them. Those that had one are returned."""
        trainable = tuple(parameter for parameter in self.parameters if parameter.requires_grad)
        for parameter in trainable:
            parameter.requires_grad_(False)
        return trainable


def model_groups(model: nn.Module, job: Job) -> tuple[ModelGroup, ...]:
    """The groups of a job in a model: first all parameters that no pattern names, if any, then the job's, in order.

    A parameter belongs to the first group that has a pattern for one of its names; tied weights have several.
    Raises UserError for a pattern that names no parameter, for a group whose parameters all belong to earlier ones,
    and if no group trains from the start.
    """
    names: dict[nn.Parameter, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(parameter, []).append(name)
    left = dict(names)
    groups = []
    for group in job.groups:
        _check_patterns(group, [name for each in names.values() for name in each])
        taken = [parameter for parameter, own in left.items() if _names_one(group.patterns, own)]
        if not taken:
            raise UserError(
                f"group {group.name}: all that its patterns name belongs to groups before it; put it before them, "
                "or make their patterns narrower"
            )
        for parameter in taken:
            del left[parameter]
        params = params_of(job.optimizer_params, group.name)
        groups.append(
            ModelGroup(
                name=group.name,
                parameters=tuple(taken),
                lr=job.initial_lr * float(params.pop(LR_MULTIPLIER, 1.0)),  # type: ignore[arg-type]
                params=params,
                from_epoch=group.from_epoch,
            )
        )
    if left or not groups:
        groups.insert(0, ModelGroup(name=REST, parameters=tuple(left), lr=job.initial_lr))
    if all(group.from_epoch > 0 for group in groups):
        raise UserError(
            "every parameter is frozen at first: "
            + ", ".join(f"{group.name} until epoch {group.from_epoch}" for group in job.groups)
            + "; let one group train from epoch 0"
        )
    return tuple(groups)


def _names_one(patterns: Sequence[str], names: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)


def _check_patterns(group: ParamGroup, names: Sequence[str]) -> None:
    for pattern in group.patterns:
        if not _names_one([pattern], names):
            near = " or ".join(f"'{name}'" for name in _nearest(pattern, names))
            hint = f"did you mean {near}? " if near else ""
            more = f", ... ({len(names)} in all)" if len(names) > _SHOWN else ""
            raise UserError(
                f"group {group.name}: '{pattern}' names no parameter of the model; {hint}it has: "
                f"{', '.join(names[:_SHOWN])}{more}"
            )


def _nearest(pattern: str, names: Sequence[str]) -> Iterator[str]:
    """What was meant: all of a module whose name was given alone, or the parameters with names like the pattern."""
    if _names_one([f"{pattern}.*"], names):
        yield f"{pattern}.*"
    else:
        yield from get_close_matches(pattern, names, n=2, cutoff=0.5)
