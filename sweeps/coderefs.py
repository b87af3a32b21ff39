"""Which code of the user's a spec names by path: classes of optimizers, functions of schedulers."""

from collections.abc import Iterator, Mapping
from typing import Literal

from sweeps.codepath import is_path
from sweeps.domains import Domains, Fixed, Value, values_of
from sweeps.spec import SweepSpec

CodeKind = Literal["optimizer", "function"]
FUNCTION = "lr_lambda"
"""The argument that may be a function by path, of a scheduler or of a part of one."""


def code_references(spec: SweepSpec) -> dict[str, CodeKind]:
    """Every path in a spec but the task's, and what must be there.

    >>> from sweeps.records import Budget
    >>> from sweeps.spec import OptimizerSpec, TaskSpec
    >>> lion = OptimizerSpec(name="lion_pytorch:Lion")
    >>> code_references(SweepSpec(name="a", task=TaskSpec(use="digits"), budget=Budget(epochs=1), optimizers=(lion,),
    ...                           trials=1))
    {'lion_pytorch:Lion': 'optimizer'}
    """
    found: dict[str, CodeKind] = {each.name: "optimizer" for each in spec.optimizers if is_path(each.name)}
    for scheduler in spec.schedulers:
        found |= dict.fromkeys(function_paths(scheduler.params), "function")
    for group in spec.groups:
        found |= dict.fromkeys(function_paths(fixed(group.group.scheduler_params)), "function")
    return found


def function_paths(domains: Domains) -> Iterator[str]:
    """The functions by path among a scheduler's arguments; expressions are none.

    >>> list(function_paths(fixed({"0.lr_lambda": ("my.py:half", "0.95 ** epoch")})))
    ['my.py:half']
    """
    for key, domain in domains.items():
        if key.rpartition(".")[2] == FUNCTION:
            for value in values_of(domain):
                yield from (text for text in _texts(value) if is_path(text))


def _texts(value: Value) -> Iterator[str]:
    for item in value if isinstance(value, tuple) else (value,):
        if isinstance(item, str):
            yield item


def fixed(params: Mapping[str, Value]) -> Domains:
    """Values as domains of their own."""
    return {key: Fixed(value=value) for key, value in params.items()}
