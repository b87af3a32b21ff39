"""A lane's optimizer state in the format of the stock optimizer's state_dict(), there and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from workers.stacked.rule import Flags, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneState:
    """One lane's share of a slice."""

    group: dict[str, Any]
    numbers: Mapping[str, float]
    tensors: Mapping[str, Tensor]
    """[P] each; none where stock has no state yet."""


def to_stock(rule: Rule, lane: LaneState, shapes: Sequence[torch.Size]) -> dict[str, Any]:
    """The state_dict of a stock optimizer over parameters of these shapes, in their order; it shares no memory."""
    state: dict[int, dict[str, Tensor]] = {}
    if lane.numbers["step"] > 0 or rule.from_start:
        kept = {name: value for name, value in lane.numbers.items() if rule.counts or name != "step"}
        sizes = [shape.numel() for shape in shapes]
        split = {name: torch.split(row, sizes) for name, row in lane.tensors.items()}
        state = {
            index: {
                **{name: torch.tensor(value, dtype=torch.float32) for name, value in kept.items()},
                **{name: parts[index].reshape(shape).clone() for name, parts in split.items()},
            }
            for index, shape in enumerate(shapes)
        }
    return {"state": state, "param_groups": [{**lane.group, "params": list(range(len(shapes)))}]}


def from_stock(rule: Rule, flags: Flags, state_dict: Mapping[str, Any]) -> LaneState:
    """What a stock optimizer's state_dict holds for a lane with these flags.

    Raises ValueError for what a lane cannot be: several param groups, parameters that have no state while others do,
    or that have done different numbers of steps.
    """
    if len(state_dict["param_groups"]) != 1:
        raise ValueError(
            f"a lane among others has one param group, the state has {len(state_dict['param_groups'])}; "
            "train this one by its stock optimizer"
        )
    [group] = state_dict["param_groups"]
    names = [each.name for each in rule.tensors(flags)]
    counts = list(rule.first) if rule.counts else []
    # Older versions of SGD write None for a buffer that does not exist yet.
    states = [
        {key: value for key, value in state_dict["state"].get(index, {}).items() if value is not None}
        for index in group["params"]
    ]
    own = {key: value for key, value in group.items() if key != "params"}
    if not any(states):
        return LaneState(group=own, numbers=rule.first, tensors={})
    for index, state in zip(group["params"], states, strict=True):
        if missing := [name for name in (*counts, *names) if name not in state]:
            raise ValueError(
                f"the state of parameter {index} has no {', '.join(missing)}; train this lane by its stock optimizer"
            )
    numbers = {name: {float(state[name]) for state in states} for name in counts} or {"step": {1.0}}
    if uneven := [name for name, values in numbers.items() if len(values) > 1]:
        raise ValueError(f"the parameters differ in their {', '.join(uneven)}; train this lane by its stock optimizer")
    return LaneState(
        group=own,
        numbers={name: values.pop() for name, values in numbers.items()},
        tensors={name: torch.cat([state[name].reshape(-1) for state in states]) for name in names},
    )
