"""Known-good starting points: each names what the sweep lists, with values that the sweep may try."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sweeps.domains import Domain, Value, contains
from sweeps.errors import unknown
from sweeps.spec import StartSpec
from sweeps.specfile.domain import LR, in_words
from sweeps.specfile.entry import Entry
from sweeps.specfile.groups import GroupEntry
from sweeps.specfile.menu import Menu
from sweeps.specfile.node import Node, dotted, shown

_EXAMPLE = "{optimizer: SGD, lr: 0.1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Where a value of a start belongs: a setting of an entry, and how it is written without the optimizer's name."""

    entry: Entry
    key: str
    bare: str = ""


def read_starts(node: Node, optimizers: Menu, schedulers: Menu, groups: Sequence[GroupEntry]) -> tuple[StartSpec, ...]:
    """The starting points that are in order; the others are refused."""
    if node.value is None or node.value == []:
        return ()
    read = [_start(place, optimizers, schedulers, groups) for place in node.items(f"[{_EXAMPLE}]")]
    return tuple(start for start in read if start is not None)


def _start(place: Node, optimizers: Menu, schedulers: Menu, groups: Sequence[GroupEntry]) -> StartSpec | None:
    if not isinstance(place.value, dict):
        place.refuse(f"must be a mapping, such as {_EXAMPLE}, got {shown(place.value)}")
        return None
    before = len(place.found)
    optimizer = _listed(place, "optimizer", optimizers)
    scheduler = _listed(place, "scheduler", schedulers)
    lr = _lr(place, optimizer)
    slots = dict(_slots(optimizer, scheduler, groups))
    params = _params(place, slots, whole=optimizer is not None and scheduler is not None)
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
        _require_inside(node, lr, domain, optimizer.at("lr"))
    return lr


def _params(place: Node, slots: Mapping[str, Slot], *, whole: bool) -> dict[str, Value]:
    """The other keys by full name; a bare key is the optimizer's own, or that of one of its groups."""
    bare = {slot.bare: full for full, slot in slots.items() if slot.bare}
    if whole:  # else a key may belong to the one whose name is unknown
        place.fields(("optimizer", "scheduler", "lr", *bare, *slots))
    values: dict[str, Value] = {}
    for key in place.value if isinstance(place.value, dict) else ():
        full = bare.get(str(key), str(key))
        if full not in slots:
            continue
        if full in values:
            place.at(key).refuse(f"{full} is given twice; drop one")
        value = _value(place.at(key), full, slots[full])
        if value is not None:
            values[full] = value
    return values


def _slots(
    optimizer: Entry | None, scheduler: Entry | None, groups: Sequence[GroupEntry]
) -> Iterator[tuple[str, Slot]]:
    """Where each value of a start belongs, by full name."""
    if optimizer is not None:
        own = optimizer.settings.params
        yield from ((f"{optimizer.name}.{key}", Slot(entry=optimizer, key=key, bare=key)) for key in own if key != "lr")
        for group in groups:
            for key in group.of(optimizer.name):
                bare = f"{group.entry.name}.{key}"
                yield f"{optimizer.name}.{bare}", Slot(entry=group.entry, key=key, bare=bare)
    if scheduler is not None:
        for key in scheduler.settings.params:
            yield f"{scheduler.name}.{key}", Slot(entry=scheduler, key=key)


def _value(node: Node, full: str, slot: Slot) -> Value | None:
    entry, key = slot.entry, slot.key
    value = node.read(entry.settings.params[key])
    domain = entry.searched.get(key)
    if domain is not None and value is not None:
        _require_inside(node, value, domain, entry.at(key))
    elif domain is None and key not in entry.given:
        node.refuse(f"{full} is not searched by this sweep; give it under {dotted(entry.node.path)} as well")
    return value


def _require_inside(node: Node, value: Value, domain: Domain, home: Node) -> None:
    if not contains(domain, value):
        node.refuse(f"{shown(node.value)} lies outside {dotted(home.path)}: {in_words(domain)}")
