"""The sections that are a few plain settings: budget, sampler, pruner, workers and their like, as one table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from sweeps.objective import EarlyStopping
from sweeps.param import Param
from sweeps.records import Budget
from sweeps.spec import LanesSpec, PrunerSpec, RangeTestSpec, SamplerSpec, Stability, WorkersSpec
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
    "lanes": "count",
}
"""Sections that may be written as one value, and the key that it stands for: `sampler: tpe`."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section(Generic[T]):
    """One section: what it becomes, its keys, those that it cannot do without, and what `none` makes of it."""

    build: Callable[..., T]
    params: Mapping[str, Param]
    needs: tuple[str, ...] = ()
    none: T | None = None
    optional: bool = False
    """True if it may be `none`, off, false or null."""

    def read(self, node: Node) -> T | None:
        """The section; what is absent or refused has the default of its class, so that the rest can be compared.

        None after refusing the section itself, a key that it needs, or the one that its short form stands for.
        """
        if self.optional and is_none(node.value):
            return self.none
        short = SHORT_FORMS.get(str(node.path[-1]))
        if short is not None and not isinstance(node.value, dict):
            value = node.read(self.params[short], f", or a mapping of {', '.join(self.params)}")
            return None if value is None else self.build(**{short: value})
        values = {key: place.read(self.params[key]) for key, place in node.fields(self.params).items()}
        if not isinstance(node.value, dict):
            return None
        for key in self.needs:
            if key not in node.value:
                node.at(key).refuse(f"missing: must be {self.params[key].allowed}")
        readable = {key: value for key, value in values.items() if value is not None}
        lost = {*self.needs, *(key for key in values if key == short)} - readable.keys()
        return None if lost else self.build(**readable)


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
    none=PrunerSpec(name="none"),
    optional=True,
)
EARLY_STOPPING = Section(
    build=EarlyStopping,
    params={"patience": COUNT, "min_delta": Param(low=0)},
    needs=("patience",),
    optional=True,
)
RANGE_TEST = Section(
    build=RangeTestSpec,
    params={
        "steps": Param(kind="int", low=2),
        "seeds": Param(kind="int", low=1, high=100),
        "growth": Param(kind="text", choices=("exponential", "linear")),
        "group": Param(kind="any"),
        "probe": Param(low=0),
    },
    optional=True,
)
WORKERS = Section(
    build=WorkersSpec,
    params={
        "count": COUNT,
        "cpus": Param(low=0, open_low=True),
        "gpus": Param(low=0),
        "threads": COUNT,
        "precision": Param(kind="text", choices=("float32", "tf32", "bf16")),
    },
)
STABILITY = Param(kind="text", choices=("best", "all", "off"))
LANES = Section(
    build=LanesSpec,
    params={
        "count": COUNT,
        "mode": Param(kind="text", choices=("auto", "fused", "looped")),
        "compile": Param(kind="text", choices=("auto", "on", "off")),
    },
    none=LanesSpec(count=1, mode="looped"),
    optional=True,
)


def long_form(name: str, value: object) -> object:
    """A section with its short form written out.

    >>> long_form("sampler", "tpe"), long_form("budget", 20)
    ({'name': 'tpe'}, 20)
    """
    if name in SHORT_FORMS and not isinstance(value, dict):
        return {SHORT_FORMS[name]: value}
    return value


def read_budget(node: Node) -> Budget | None:
    """The budget: exactly one of epochs and steps."""
    before = len(node.found)
    budget = BUDGET.read(node)
    if isinstance(node.value, dict) and ("epochs" in node.value) == ("steps" in node.value):
        node.refuse(f"give exactly one of epochs and steps, got {'both' if 'epochs' in node.value else 'neither'}")
    return budget if len(node.found) == before else None


def read_workers(node: Node) -> WorkersSpec | None:
    """The workers; Ray hands out a fraction of one GPU, but never one and a half."""
    workers = WORKERS.read(node)
    if workers is not None and workers.gpus > 1 and not workers.gpus.is_integer():
        node.at("gpus").refuse(f"must be a fraction up to 1 or a whole number, got {workers.gpus:g}")
    return workers


def read_stability(node: Node) -> Stability:
    """Which picks are trained at multiples of their LR; `none` is off."""
    value = "off" if is_none(node.value) else node.read(STABILITY)
    return "all" if value == "all" else "off" if value == "off" else "best"


def read_lanes(node: Node) -> LanesSpec | None:
    """The lanes of each worker; `auto` is what the class takes unasked."""
    return LanesSpec() if node.value == "auto" else LANES.read(node)
