"""Known-good starting points: each names what the sweep lists, with values that the sweep may try."""

from sweeps.catalogue import OPTIMIZERS
from sweeps.domains import Domain, Value, contains
from sweeps.errors import unknown
from sweeps.param import Param
from sweeps.schedulers import SCHEDULERS
from sweeps.spec import StartSpec
from sweeps.specfile.domain import LR, in_words
from sweeps.specfile.menu import Entry, Menu
from sweeps.specfile.node import Node, dotted, shown

_EXAMPLE = "{optimizer: SGD, lr: 0.1}"


def read_starts(node: Node, optimizers: Menu, schedulers: Menu) -> tuple[StartSpec, ...]:
    """The starting points that are in order; the others are refused."""
    if node.value is None or node.value == []:
        return ()
    read = [_start(place, optimizers, schedulers) for place in node.items(f"[{_EXAMPLE}]")]
    return tuple(start for start in read if start is not None)


def _start(place: Node, optimizers: Menu, schedulers: Menu) -> StartSpec | None:
    if not isinstance(place.value, dict):
        place.refuse(f"must be a mapping, such as {_EXAMPLE}, got {shown(place.value)}")
        return None
    before = len(place.found)
    optimizer = _listed(place, "optimizer", optimizers)
    scheduler = _listed(place, "scheduler", schedulers)
    lr = _lr(place, optimizer)
    params = _params(place, [entry for entry in (optimizer, scheduler) if entry is not None])
    if optimizer is None or scheduler is None or lr is None or len(place.found) > before:
        return None
    return StartSpec(optimizer=optimizer.name, scheduler=scheduler.name, lr=lr, params=params)


def _listed(place: Node, kind: str, menu: Menu) -> Entry | None:
    """The entry that a start names; `none` is the scheduler where none is named."""
    named = place.at(kind)
    name = "none" if named.value is None and kind == "scheduler" else named.value
    names = [entry.name for entry in menu.entries]
    if not isinstance(name, str):
        named.refuse(f"must be one of the {kind}s that the sweep lists, got {shown(name)}")
        return None
    entry = menu.find(name)
    # A misspelt name in the list itself is reported there: then nobody knows what the list meant.
    if entry is None and menu.named and names:
        named.refuse(unknown(f"{kind} of this sweep", name, names))
    return entry


def _lr(place: Node, optimizer: Entry | None) -> float | None:
    node = place.at("lr")
    lr = node.read(LR)
    if not isinstance(lr, float):
        return None
    domain = optimizer.domains.get("lr") if optimizer is not None else None
    if optimizer is not None and domain is not None:
        _require_inside(node, lr, domain, optimizer.node.at("lr"))
    return lr


def _params(place: Node, entries: list[Entry]) -> dict[str, Value]:
    """The other keys by full name; a bare key is the optimizer's own."""
    places = {f"{entry.name}.{key}": (entry, key) for entry in entries for key in _table(entry)}
    bare = {key: f"{entry.name}.{key}" for entry in entries if entry.name in OPTIMIZERS for key in _table(entry)}
    if len(entries) == 2:  # else a key may belong to the one whose name is unknown
        place.fields(("optimizer", "scheduler", "lr", *bare, *places))
    values: dict[str, Value] = {}
    for key in place.value if isinstance(place.value, dict) else ():
        full = bare.get(key, key)
        if full not in places:
            continue
        if full in values:
            place.at(key).refuse(f"{full} is given twice; drop one")
        value = _value(place.at(key), full, *places[full])
        if value is not None:
            values[full] = value
    return values


def _value(node: Node, full: str, entry: Entry, name: str) -> Value | None:
    value = node.read(_table(entry)[name])
    domain = _domains(entry).get(name)
    if domain is not None and value is not None:
        _require_inside(node, value, domain, entry.node.at(name))
    elif domain is None and name not in entry.given:
        node.refuse(f"{full} is not searched by this sweep; give it under {dotted(entry.node.path)} as well")
    return value


def _table(entry: Entry) -> dict[str, Param]:
    row = OPTIMIZERS.get(entry.name) or SCHEDULERS[entry.name]
    return dict(row.params)


def _domains(entry: Entry) -> dict[str, Domain]:
    unasked = OPTIMIZERS[entry.name].space if entry.name in OPTIMIZERS else {}
    return {**{key: domain for key, domain in unasked.items() if key not in entry.given}, **entry.domains}


def _require_inside(node: Node, value: Value, domain: Domain, home: Node) -> None:
    if not contains(domain, value):
        node.refuse(f"{shown(node.value)} lies outside {dotted(home.path)}: {in_words(domain)}")
