"""Parameter groups: which parameters a name stands for, and how a trial's hyperparameters say which are a group's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sweeps.domains import Value

LR_MULTIPLIER = "lr_multiplier"
"""The hyperparameter that every group has: its LR as a multiple of the trial's."""

REST = "rest"
"""The name of the group of all parameters that no pattern names; it comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParamGroup:
    """Parameters by pattern over their names in the model, as `fnmatch` reads patterns: `classifier.*`.

    A parameter belongs to the first group that names it. The group is frozen until `from_epoch` (from 0), then
    joins the optimizer. `scheduler` None follows the trial's.
    """

    name: str
    patterns: tuple[str, ...]
    from_epoch: int = 0
    scheduler: str | None = None
    scheduler_params: Mapping[str, Value] = field(default_factory=dict)


def own(params: Mapping[str, Value]) -> dict[str, Value]:
    """An optimizer's own hyperparameters, without those of groups.

    >>> own({"momentum": 0.9, "head.lr_multiplier": 10.0})
    {'momentum': 0.9}
    """
    return {key: value for key, value in params.items() if "." not in key}


def group_names(groups: Sequence[ParamGroup], count: int) -> tuple[str, ...]:
    """The names of a trial's `count` groups in the order in which it reports their LRs.

    >>> head = ParamGroup(name="head", patterns=("fc.*",))
    >>> group_names([head], 2), group_names([head], 1), group_names([], 2)
    (('rest', 'head'), ('head',), ('group_0', 'group_1'))
    """
    named = tuple(group.name for group in groups)
    if count == len(named) + 1:
        return (REST, *named)
    return named if count == len(named) else tuple(f"group_{index}" for index in range(count))
