"""From a raw mapping to a validated sweep, or to all of its mistakes at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sweeps.errors import SpecError
from sweeps.objective import Objective
from sweeps.param import Param
from sweeps.spec import (
    LanesSpec,
    OptimizerSpec,
    PrunerSpec,
    RangeTestSpec,
    SamplerSpec,
    SchedulerSpec,
    Stability,
    SweepSpec,
    TaskSpec,
    WorkersSpec,
)
from sweeps.specfile import settings
from sweeps.specfile.checks import RULES
from sweeps.specfile.draft import Draft
from sweeps.specfile.grid import grid_size
from sweeps.specfile.groups import GroupEntry, read_groups
from sweeps.specfile.menu import Check, Menu, read_optimizers, read_schedulers
from sweeps.specfile.node import Node, in_file_order, is_none
from sweeps.specfile.scalars import SEED, name_of, read_name, read_objective, read_seeds, read_task, read_timeout
from sweeps.specfile.starts import read_starts
from sweeps.taskref import check_reference

_NEEDED = {
    "task": "a built-in task such as digits, module:attribute, or path/to/file.py:attribute",
    "budget": "{epochs: 20} or {steps: 2000}",
    "optimizers": "[SGD, AdamW] or, with settings, [{SGD: {lr: [0.01, 0.001, 0.0001]}}]",
}
_KEYS = (
    *("name", "task", "budget", "objective", "seeds", "optimizers", "schedulers", "groups", "sampler"),
    *("pruner", "early_stopping", "trials", "seed", "workers", "lanes", "timeout", "range_test", "starts"),
    *("folk_grid", "stability"),
)
_TRIALS = Param(kind="int", low=0)
"""Without any trial a sweep is its range tests."""
_SWITCH = Param(kind="bool")
_NULL_MEANS_NONE = frozenset({"lanes", "pruner", "early_stopping", "range_test", "stability"})

T = TypeVar("T")
Default = TypeVar("Default")


def parse_spec(raw: Mapping[str, Any], *, check: Check = check_reference) -> SweepSpec:
    """The sweep that a raw mapping asks for: plain JSON, as YAML, flags or HTTP gave it.

    Raises SpecError with every mistake, in the order in which they stand in the file. `check` says what is
    wrong with a reference to the user's code and what it is for: "task", "optimizer" or "function"; or None.
    """
    root = Node(value=dict(raw) if isinstance(raw, Mapping) else raw)
    spec = _read(root, check)
    assert root.found or spec is not None, "whatever cannot be read is refused"
    if spec is None:
        raise SpecError(in_file_order(root.value, root.found))
    return spec


def known_spec(raw: Mapping[str, Any]) -> SweepSpec:
    """The sweep of a raw mapping that will not be trained here, whatever has become of the user's code that it names.

    Raises SpecError as `parse_spec` does.
    """
    return parse_spec(raw, check=lambda reference, purpose: None)


def _read(root: Node, check: Check) -> SweepSpec | None:
    places = root.fields(_KEYS)
    if not isinstance(root.value, dict):
        return None
    given = {key: node for key, node in places.items() if node.value is not None or key in _NULL_MEANS_NONE}
    for key, such_as in _NEEDED.items():
        if key not in given:
            root.at(key).refuse(f"missing: give {such_as}")

    def section(key: str, read: Callable[[Node], T], default: Default) -> T | Default:
        return read(given[key]) if key in given else default

    def task_of(node: Node) -> TaskSpec | None:
        return read_task(node, lambda use: check(use, "task"))

    def whole_of(node: Node) -> int | None:
        value = node.read(SEED if node.path == ("seed",) else _TRIALS)
        return value if isinstance(value, int) else None

    task = section("task", task_of, None)
    name = section("name", read_name, "")
    budget = section("budget", settings.read_budget, None)
    objective = section("objective", read_objective, Objective())
    seeds = section("seeds", read_seeds, (0,))
    optimizers = section(
        "optimizers", lambda node: read_optimizers(node, check), Menu(entries=(), count=0, whole=False)
    )
    schedulers = read_schedulers(root.at("schedulers"), check)
    groups = section("groups", lambda node: read_groups(node, optimizers, check), ())
    sampler = section("sampler", settings.SAMPLER.read, SamplerSpec())
    pruner = section("pruner", settings.PRUNER.read, PrunerSpec())
    early_stopping = section("early_stopping", settings.EARLY_STOPPING.read, None)
    range_test = section("range_test", settings.RANGE_TEST.read, RangeTestSpec())
    trials = section("trials", whole_of, None)
    seed = section("seed", whole_of, 0)
    workers = section("workers", settings.read_workers, WorkersSpec())
    lanes = section("lanes", settings.read_lanes, LanesSpec())
    timeout = section("timeout", read_timeout, None)
    folk_grid = section("folk_grid", lambda node: node.read(_SWITCH), False)
    stability: Stability = section("stability", settings.read_stability, "best")
    starts = section("starts", lambda node: read_starts(node, optimizers, schedulers, groups), ())

    points = _points(optimizers, schedulers, groups) if sampler is not None and sampler.name == "grid" else None
    draft = Draft(
        root=root,
        budget=budget,
        optimizers=optimizers,
        schedulers=schedulers,
        groups=groups,
        sampler=sampler,
        pruner=pruner,
        has_range_test="range_test" not in given or not is_none(given["range_test"].value),
        workers=workers,
        starts=starts,
        folk_grid=folk_grid is True,
        trials=trials,
        grid_size=points,
    )
    for rule in RULES:
        rule(draft)
    trials = trials if trials is not None else points
    if root.found or not (task and budget and objective and sampler and pruner and workers and lanes):
        return None
    if trials is None:
        return None
    return SweepSpec(
        name=name or name_of(task),
        task=task,
        budget=budget,
        objective=objective,
        seeds=seeds,
        optimizers=_optimizers(optimizers),
        schedulers=_schedulers(schedulers),
        groups=tuple(group.spec for group in groups),
        sampler=sampler,
        pruner=pruner,
        early_stopping=early_stopping,
        range_test=range_test,
        starts=starts,
        folk_grid=folk_grid is True,
        stability=stability,
        trials=trials,
        seed=seed or 0,
        workers=workers,
        lanes=lanes,
        timeout=timeout,
    )


def _optimizers(menu: Menu) -> tuple[OptimizerSpec, ...]:
    return tuple(
        OptimizerSpec(
            name=entry.name,
            lr=entry.domains.get("lr"),
            params={key: domain for key, domain in entry.domains.items() if key != "lr"},
        )
        for entry in menu.entries
    )


def _schedulers(menu: Menu) -> tuple[SchedulerSpec, ...]:
    return tuple(SchedulerSpec(name=entry.name, params=entry.domains) for entry in menu.entries)


def _points(optimizers: Menu, schedulers: Menu, groups: Sequence[GroupEntry]) -> int | None:
    """The size of the grid; None where it cannot be counted, which the rules refuse with the place."""
    if not (optimizers.whole and schedulers.whole):
        return None
    try:
        return grid_size(_optimizers(optimizers), _schedulers(schedulers), [group.spec for group in groups])
    except ValueError:
        return None
