"""The sections that are a few plain settings: budget, sampler, pruner, workers and their like, as one table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sweeps.catalogue import Param
from sweeps.objective import EarlyStopping
from sweeps.records import Budget
from sweeps.spec import PrunerSpec, RangeTestSpec, SamplerSpec, WorkersSpec
from sweeps.specfile.node import Node, is_none

SAMPLERS = ("tpe", "quasi-random", "random", "grid", "cma-es")
PRUNERS = ("asha", "hyperband", "median", "none")

COUNT = Param(kind="int", low=1)
"""How many of something there are."""

SHORT_FORMS: Mapping[str, str] = {
    "task": "use",
    "objective": "metric",
    "sampler": "name",
    "pruner": "name",
    "early_stopping": "patience",
    "workers": "count",
}
"""Sections that may be written as one value, and the key that it stands for: `sampler: tpe`."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section(Generic[T]):
    """One section: what it becomes, its keys, those that it cannot do without, and what `none` makes of it."""

    build: Callable[..., T]
    params: Mapping[str, Param]
    needs: tuple[str, ...] = ()
    none: Mapping[str, Any] | None = None


BUDGET = Section(build=Budget, params={"epochs": COUNT, "steps": COUNT})
SAMPLER = Section(
    build=SamplerSpec,
    params={"name": Param(kind="text", choices=SAMPLERS), "startup_trials": COUNT, "window": COUNT},
    needs=("name",),
)
PRUNER = Section(
    build=PrunerSpec,
    params={
        "name": Param(kind="text", choices=PRUNERS),
        "first_rung": COUNT,
        "reduction_factor": Param(kind="int", low=2),
        "startup_trials": COUNT,
    },
    needs=("name",),
    none={"name": "none"},
)
EARLY_STOPPING = Section(
    build=EarlyStopping, params={"patience": COUNT, "min_delta": Param(low=0)}, needs=("patience",)
)
RANGE_TEST = Section(
    build=RangeTestSpec,
    params={"steps": Param(kind="int", low=2), "seeds": Param(kind="int", low=1, high=100)},
)
WORKERS = Section(
    build=WorkersSpec,
    params={"count": COUNT, "cpus": Param(low=0, open_low=True), "gpus": Param(low=0), "threads": COUNT},
)


def long_form(name: str, value: object) -> object:
    """A section with its short form written out.

    >>> long_form("sampler", "tpe"), long_form("budget", 20)
    ({'name': 'tpe'}, 20)
    """
    if name in SHORT_FORMS and not isinstance(value, dict):
        return {SHORT_FORMS[name]: value}
    return value


def read_section(node: Node, section: Section[T]) -> T | None:
    """The section, or None after refusing something in it. One that is absent has the values of its class."""
    name = str(node.path[-1])
    if section.none is not None and is_none(node.value):
        return section.build(**section.none)
    if not isinstance(node.value, dict) and name in SHORT_FORMS:
        key = SHORT_FORMS[name]
        value = node.read(section.params[key], f", or a mapping of {', '.join(section.params)}")
        return None if value is None else section.build(**{key: value})
    before = len(node.found)
    fields = node.fields(section.params)
    values = {key: field.read(section.params[key]) for key, field in fields.items()}
    for key in section.needs:
        if isinstance(node.value, dict) and key not in node.value:
            node.at(key).refuse(f"missing: must be {section.params[key].allowed}")
    return section.build(**values) if len(node.found) == before else None


def read_budget(node: Node) -> Budget | None:
    """The budget: exactly one of epochs and steps."""
    budget = read_section(node, BUDGET)
    if budget is not None and (budget.epochs is None) == (budget.steps is None):
        came = "both" if budget.epochs is not None else "neither"
        node.refuse(f"give exactly one of epochs and steps, got {came}")
        return None
    return budget


def read_workers(node: Node) -> WorkersSpec | None:
    """The workers; Ray hands out a fraction of one GPU, but never one and a half."""
    workers = read_section(node, WORKERS)
    if workers is not None and workers.gpus > 1 and not workers.gpus.is_integer():
        node.at("gpus").refuse(f"must be a fraction up to 1 or a whole number, got {workers.gpus:g}")
    return workers
