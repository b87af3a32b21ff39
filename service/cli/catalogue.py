"""What a sweep may name: `lrsweep catalogue`."""

import json as jsonlib
import math
from collections.abc import Mapping
from dataclasses import fields
from inspect import signature
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.options import Json
from service.cli.output import print_json, results

if TYPE_CHECKING:
    from sweeps.domains import Domain
    from sweeps.optimizers import OptimizerRow
    from sweeps.param import Param
    from sweeps.schedulers import SchedulerRow

EPOCHS, STEPS = 20, 2000
"""The budget by which is shown what follows from a budget."""

_NESTED: Mapping[str, Mapping[str, Any]] = {
    "SequentialLR": {
        "schedulers": [{"LinearLR": {"start_factor": 0.1, "total_iters": 5}}, "CosineAnnealingLR"],
        "milestones": [5],
    },
    "ChainedScheduler": {
        "schedulers": [{"ConstantLR": {"factor": 0.5, "total_iters": 3}}, {"ExponentialLR": {"gamma": [0.9, 0.95]}}]
    },
}
"""What an example of a nested scheduler holds."""

_ALSO = {"optimizer": "may be given instead", "scheduler": "a linear warm-up in front"}


def catalogue(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Show this one with its arguments.")] = None,
    json: Json = False,
) -> None:
    """List the optimizers, schedulers and decay families that a sweep may name, or show one of them."""
    from sweeps.errors import UserError, unknown

    documents = documents_by_kind()
    if name is None:
        if json:
            print_json({kind: list(rows.values()) for kind, rows in documents.items()})
        else:
            _list(documents)
        return
    known = {**documents["decays"], **documents["optimizers"], **documents["schedulers"]}
    if name not in known:
        raise UserError(unknown("optimizer or scheduler", name, known))
    if json:
        print_json(known[name])
    else:
        _show(known[name])


def documents_by_kind() -> dict[str, dict[str, dict[str, Any]]]:
    """Every row of the catalogue as a JSON document: optimizers, schedulers and decays, by name."""
    from sweeps.decay import DECAYS
    from sweeps.optimizers import OPTIMIZERS
    from sweeps.schedulers import SCHEDULERS

    return {
        "optimizers": {name: _optimizer(row) for name, row in OPTIMIZERS.items()},
        "schedulers": {name: _scheduler(row) for name, row in SCHEDULERS.items()},
        "decays": {name: _decay(name, function) for name, function in DECAYS.items()},
    }


def _optimizer(row: "OptimizerRow") -> dict[str, Any]:
    searched = {key: _domain(domain) for key, domain in row.space.items()}
    lr = _domain(row.lr)
    given = {"lr": {"low": row.lr.low, "high": row.lr.high}} | {
        key: domain["values"][0] if len(domain.get("values", ())) == 1 else domain.get("values", domain)
        for key, domain in searched.items()
    }
    return {
        "name": row.name,
        "kind": "optimizer",
        "class": row.path,
        "clock": None,
        "default_lr": row.default_lr,
        "lr": lr,
        "arguments": _arguments(row.params),
        "also": _arguments({key: param for key, param in row.searchable.items() if key not in row.params}),
        "needs": [need.name for need in fields(row.needs) if getattr(row.needs, need.name)],
        "searched": searched,
        "unasked": {},
        "care": row.care,
        "example": _example("optimizers", row.name, given),
    }


def _scheduler(row: "SchedulerRow") -> dict[str, Any]:
    from sweeps.schedulers import WARM_UP

    of_epochs = {key: rule(EPOCHS) for key, rule in row.from_budget.items()}
    unasked = {key: f"{_yaml(value)} for {EPOCHS} epochs" for key, value in of_epochs.items()}
    unasked |= {key: f"{_yaml(rule(STEPS))} for {STEPS} steps" for key, rule in row.from_steps.items()}
    unasked |= {key: f"{_yaml(rule(0.1))} at an initial LR of 0.1" for key, rule in row.from_lr.items()}
    defaults = {key: param.default for key, param in row.params.items() if param.default is not None}
    return {
        "name": row.name,
        "kind": "scheduler",
        "class": row.path or None,
        "clock": None if row.clock == "none" else row.clock,
        "arguments": _arguments(row.params),
        "also": _arguments(WARM_UP),
        "searched": {},
        "unasked": unasked,
        "care": row.care,
        "example": _example(
            "schedulers", row.name, _NESTED.get(row.name, of_epochs | dict(list(defaults.items())[:1]))
        ),
    }


def _decay(name: str, function: Any) -> dict[str, Any]:
    claim = (function.__doc__ or "").partition("\n")[0]
    params = list(signature(function).parameters.values())
    return {
        "name": name,
        "kind": "decay",
        "class": f"{function.__module__}:{name}",
        "clock": None,
        "arguments": [
            {
                "name": param.name,
                "kind": {"bool": "bool", "int": "int"}.get(param.annotation.__name__, "float"),
                "default": None if param.default is param.empty else param.default,
            }
            for param in params
        ],
        "searched": {},
        "unasked": {},
        "care": claim,
        "example": None,
    }


def _arguments(params: Mapping[str, "Param"]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "kind": param.kind,
            "default": param.default,
            "low": param.low if math.isfinite(param.low) else None,
            "high": param.high if math.isfinite(param.high) else None,
            "choices": list(param.choices),
            "allowed": param.allowed,
        }
        for name, param in params.items()
    ]


def _domain(domain: "Domain") -> dict[str, Any]:
    from sweeps.domains import Range, values_of

    if isinstance(domain, Range):
        return {"low": domain.low, "high": domain.high} | ({"log": True} if domain.log else {})
    return {"values": list(values_of(domain))}


def _example(section: str, name: str, settings: Mapping[str, Any]) -> str:
    entry = name
    if settings:
        entry = f"{name}: {_yaml(settings)}"
    return f"{section}: [{entry}]"


def _yaml(value: Any) -> str:
    """A value as it may stand in a spec.

    >>> _yaml({"lr": {"low": 1e-5, "high": 1.0}, "milestones": (5, 10), "nesterov": True})
    '{lr: {low: 1e-05, high: 1.0}, milestones: [5, 10], nesterov: true}'
    """
    match value:
        case Mapping():
            return "{" + ", ".join(f"{key}: {_yaml(inner)}" for key, inner in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(_yaml, value)) + "]"
        case float():
            return f"{value:.6g}" if value != round(value) else repr(value)
        case str() if value.replace("_", "").isalpha() and value not in ("true", "false", "null"):
            return value
    return jsonlib.dumps(value)


def _list(documents: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    from rich.table import Table

    console = results()
    table = Table("optimizer", "default LR", "LRs", "searched unasked", "care", title="Optimizers")
    for row in documents["optimizers"].values():
        lrs = f"{row['lr']['low']:g} .. {row['lr']['high']:g}"
        searched = ", ".join(f"{key} {_words(domain)}" for key, domain in row["searched"].items())
        table.add_row(row["name"], f"{row['default_lr']:g}", lrs, searched, row["care"])
    console.print(table)
    table = Table("scheduler", "clock", "arguments", "care", title="Schedulers")
    for row in documents["schedulers"].values():
        names = ", ".join(argument["name"] for argument in row["arguments"])
        table.add_row(row["name"], row["clock"] or "-", names, row["care"])
    console.print(table)
    table = Table("decay", "arguments", title="Decay families")
    for row in documents["decays"].values():
        table.add_row(row["name"], ", ".join(argument["name"] for argument in row["arguments"]))
    console.print(table)
    console.print("every scheduler may have `warmup`: so many epochs of a linear rise in front of it")
    console.print("`lrsweep catalogue NAME` shows one of them; `lrsweep preview NAME` draws a scheduler")


def _show(row: Mapping[str, Any]) -> None:
    from rich.table import Table

    console = results()
    clock = {"epoch": ", steps once an epoch", "step": ", steps after every optimizer step"}
    clock["metric"] = ", follows the metric, once an epoch"
    console.print(f"{row['name']}: {row['kind']}{clock.get(row['clock'] or '', '')} ({row['class']})", markup=False)
    if row["care"]:
        console.print(row["care"], markup=False)
    if row["kind"] == "optimizer":
        low, high = row["lr"]["low"], row["lr"]["high"]
        console.print(f"lr: {row['default_lr']:g} by default, range-tested over {low:g} .. {high:g}")
    if row["arguments"]:
        bounds = [argument["allowed"] for argument in row["arguments"] if "allowed" in argument]
        table = Table("argument", "kind", "default", *(["allowed"] if bounds else []))
        for place, argument in enumerate(row["arguments"]):
            default = "-" if argument["default"] is None else _yaml(argument["default"])
            table.add_row(argument["name"], argument["kind"], default, *bounds[place : place + 1])
        console.print(table, markup=False)
    for argument in row.get("also", ()):
        console.print(f"{_ALSO[row['kind']]}: {argument['name']}, {argument['allowed']}", markup=False)
    for key, domain in row["searched"].items():
        console.print(f"searched unasked: {key} {_words(domain)}", markup=False)
    for key, text in row["unasked"].items():
        console.print(f"unasked: {key} {text}", markup=False)
    if row["example"]:
        console.print(f"in a spec: {row['example']}", markup=False, soft_wrap=True)


def _words(domain: Mapping[str, Any]) -> str:
    if "values" in domain:
        return " or ".join(_yaml(value) for value in domain["values"])
    return f"{domain['low']:g} .. {domain['high']:g}"
