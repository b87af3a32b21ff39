"""The lists `optimizers` and `schedulers`: names from the catalogue, each with domains of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

from sweeps.catalogue import OPTIMIZERS
from sweeps.domains import Domain
from sweeps.errors import unknown
from sweeps.param import Param
from sweeps.schedulers import SCHEDULERS
from sweeps.specfile.domain import LR, read_domain
from sweeps.specfile.node import Node, dotted, is_none, shown

Tables = Mapping[str, Mapping[str, Param]]

_OPTIMIZERS: Tables = {name: {"lr": LR, **row.params} for name, row in OPTIMIZERS.items()}
_SCHEDULERS: Tables = {name: row.params for name, row in SCHEDULERS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One optimizer or scheduler as it stands in the file: what it names and what could be read of its domains."""

    node: Node
    name: str
    given: frozenset[str]
    """Hyperparameters that stand in the file, readable or not: for those no default is assumed."""
    domains: Mapping[str, Domain]


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """The entries whose names are known, of `count` that stand in the file; `whole` if nothing was refused."""

    entries: tuple[Entry, ...]
    count: int
    whole: bool

    @property
    def named(self) -> bool:
        """True if every entry's name is known."""
        return len(self.entries) == self.count

    def find(self, name: str) -> Entry | None:
        """The first entry of that name."""
        return next((entry for entry in self.entries if entry.name == name), None)


def read_optimizers(node: Node) -> Menu:
    """The optimizers; LR domains are always logarithmic."""
    return _read(node, "optimizer", _OPTIMIZERS)


def read_schedulers(node: Node) -> Menu:
    """The schedulers; `none` alone where none are listed."""
    if is_none(node.value):
        return _read(Node(value=["none"], path=node.path, found=node.found), "scheduler", _SCHEDULERS)
    return _read(node, "scheduler", _SCHEDULERS)


def _read(node: Node, kind: str, tables: Tables) -> Menu:
    before = len(node.found)
    first_three = ", ".join(list(tables)[:3])
    places = node.items(f"[{first_three}]")
    entries: list[Entry] = []
    for place in places:
        entry = _entry(place, kind, tables)
        if entry is None:
            continue
        first = next((earlier for earlier in entries if earlier.name == entry.name), None)
        if first is not None:
            place.refuse(
                f"{entry.name} is listed already at {dotted(first.node.path)}; give it once, with a list of values"
            )
        entries.append(entry)
    whole = bool(places) and len(node.found) == before
    return Menu(entries=tuple(entries), count=len(places), whole=whole)


def _entry(place: Node, kind: str, tables: Tables) -> Entry | None:
    name, settings = _name_and_settings(place, kind)
    if name is None:
        return None
    if name not in tables:
        place.refuse(unknown(kind, name, tables))
        return None
    table = tables[name]
    fields = {} if settings.value is None else settings.fields(table, f"{name} hyperparameter")
    read = {key: read_domain(field, table[key], always_log=key == "lr") for key, field in fields.items()}
    domains = {key: domain for key, domain in read.items() if domain is not None}
    return Entry(node=settings, name=name, given=frozenset(fields), domains=domains)


def _name_and_settings(place: Node, kind: str) -> tuple[str | None, Node]:
    bare = Node(value=None, path=place.path, found=place.found)
    match place.value:
        case str() as name:
            return name, place.at(name)
        case None | False if kind == "scheduler":
            return "none", bare
        case dict() as entry if len(entry) == 1 and isinstance(next(iter(entry)), str):
            name = next(iter(entry))
            return name, place.at(name)
        case dict() as entry if len(entry) > 1:
            names = ", ".join(key if isinstance(key, str) else shown(key) for key in entry)
            place.refuse(
                f"one {kind} an entry, got {names}; "
                f"give each {kind} its own dash and indent its settings below its name"
            )
        case other:
            place.refuse(f"must be one {kind}'s name, or {{name: settings}}, got {shown(other)}")
    return None, bare
