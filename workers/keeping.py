"""What a trial's model and task keep from batch to batch beside parameters and buffers."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

Number = bool | int | float
Numbers = Mapping[str, Mapping[str, Number]]
"""By who holds them: the names of modules, and the task."""

_THE_TASK = "the task"


def numbers_of(model: nn.Module, task: object) -> dict[str, dict[str, Number]]:
    """The plain numbers that modules and the task hold, by who holds them: a count of batches, an annealed weight.

    >>> numbers_of(nn.Flatten(), object())
    {'': {'training': True, 'start_dim': 1, 'end_dim': -1}, 'the task': {}}
    """
    return {name: dict(_numbers(owner)) for name, owner in _owners(model, task)}


def set_numbers(model: nn.Module, task: object, numbers: Numbers) -> None:
    """Gives modules and the task numbers back that they had."""
    for name, owner in _owners(model, task):
        for key, value in numbers.get(name, {}).items():
            setattr(owner, key, value)


def moved(before: Numbers, after: Numbers) -> dict[str, dict[str, Number]]:
    """The numbers that are others afterwards, or new, by who holds them.

    >>> moved({"": {"n": 1}, "the task": {}}, {"": {"n": 1}, "the task": {"seen": 64}})
    {'the task': {'seen': 64}}
    """
    found = {
        owner: {key: value for key, value in numbers.items() if repr(before.get(owner, {}).get(key)) != repr(value)}
        for owner, numbers in after.items()
    }
    return {owner: numbers for owner, numbers in found.items() if numbers}


def in_words(numbers: Numbers) -> str | None:
    """What the first of some numbers is called, if there is one.

    >>> in_words({"the task": {"seen": 64}}), in_words({"0": {"calls": 2}}), in_words({})
    ("the task's seen", '0.calls', None)
    """
    names = (
        f"{owner}'s {key}" if owner == _THE_TASK else f"{owner}.{key}".lstrip(".")
        for owner, own in numbers.items()
        for key in own
    )
    return next(names, None)


def tensors_beside(task: object, shared: object) -> dict[str, Any]:
    """What a trial's copy of the shared task holds for itself: tensors, and the state of modules."""
    theirs = _attributes(shared)
    own = {key: value for key, value in _attributes(task).items() if value is not theirs.get(key)}
    tensors = {key: value.detach().clone() for key, value in own.items() if isinstance(value, Tensor)}
    return tensors | {key: value.state_dict() for key, value in own.items() if isinstance(value, nn.Module)}


def set_tensors(task: object, kept: Mapping[str, Any]) -> None:
    """Gives a task back what `tensors_beside` has found; a module that it has no more is left out."""
    for key, value in kept.items():
        if isinstance(value, Tensor):
            setattr(task, key, value)
        elif isinstance(module := _attributes(task).get(key), nn.Module):
            module.load_state_dict(value)


def _owners(model: nn.Module, task: object) -> Iterator[tuple[str, object]]:
    yield from model.named_modules()
    yield _THE_TASK, task


def _numbers(owner: object) -> Iterator[tuple[str, Number]]:
    """Those of NumPy, which are Python's by inheritance, as Python's own."""
    for key, value in _attributes(owner).items():
        for kind in (bool, int, float):
            if isinstance(value, kind):
                yield key, kind(value)
                break


def _attributes(owner: object) -> dict[str, Any]:
    return getattr(owner, "__dict__", {})
