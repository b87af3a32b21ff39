"""The lists `optimizers` and `schedulers`: names from the catalogue, each with domains of its own."""

from collections.abc import Callable
from dataclasses import dataclass

from sweeps.catalogue import OPTIMIZERS, SCHEDULERS, is_path, optimizer_row
from sweeps.coderefs import function_paths
from sweeps.derived import conflicts
from sweeps.errors import unknown
from sweeps.optimizers import AnyKeyword
from sweeps.specfile.domain import LR, read_domain
from sweeps.specfile.entry import Entry, Settings, name_and_settings
from sweeps.specfile.nested import read_settings
from sweeps.specfile.node import Node, dotted, is_none, is_text

Check = Callable[[str, str], str | None]
"""What is wrong with a reference to code of the user's, and what it is for; None if nothing."""

_BY_PATH = "or give a class of your own as 'module:Class' or 'path/to/file.py:Class'"


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


def read_optimizers(node: Node, check: Check) -> Menu:
    """The optimizers; LR domains are always logarithmic."""
    return _read(node, "optimizer", "[SGD, Adam, AdamW]", lambda place: _optimizer(place, check))


def read_schedulers(node: Node, check: Check) -> Menu:
    """The schedulers; `none` alone where none are listed."""
    if is_none(node.value):
        node = Node(value=["none"], path=node.path, found=node.found)
    return _read(node, "scheduler", "[none, StepLR, MultiStepLR]", lambda place: read_scheduler(place, check))


def _read(node: Node, kind: str, such_as: str, read: Callable[[Node], Entry | None]) -> Menu:
    before = len(node.found)
    places = node.items(such_as)
    entries: list[Entry] = []
    for place in places:
        entry = read(place)
        if entry is None:
            continue
        first = next((earlier for earlier in entries if earlier.name == entry.name), None)
        if first is not None:
            place.refuse(f"{entry.name} is listed already at {dotted(first.node.path)}; {_instead(entry.name)}")
        entries.append(entry)
    whole = bool(places) and len(node.found) == before
    return Menu(entries=tuple(entries), count=len(places), whole=whole)


def _instead(name: str) -> str:
    if name in SCHEDULERS and SCHEDULERS[name].nests:
        return "two of them with other parts take two sweeps; arguments of the parts may be lists or ranges"
    return "give it once, with a list of values"


def _optimizer(place: Node, check: Check) -> Entry | None:
    name, node = name_and_settings(place, "optimizer")
    if name is None:
        return None
    if not is_text(name) or (name not in OPTIMIZERS and not is_path(name)):
        by_path = f"; {_BY_PATH}" if ":" in name or "." in name else ""
        place.refuse(unknown("optimizer", name, OPTIMIZERS) + by_path)
        return None
    if is_path(name) and (mistake := check(name, "optimizer")):
        place.refuse(mistake)
    row = optimizer_row(name)
    params = {"lr": LR, **row.searchable}
    if is_path(name):
        allowed = AnyKeyword(params)
        fields = {} if node.value is None else node.fields(allowed, f"{name} hyperparameter")
        params = {key: allowed[key] for key in fields}
    else:
        fields = {} if node.value is None else node.fields(params, f"{name} hyperparameter")
        for conflict in conflicts(fields):
            node.refuse(conflict)
    read = {key: read_domain(field, params[key], always_log=key == "lr") for key, field in fields.items()}
    domains = {key: domain for key, domain in read.items() if domain is not None}
    settings = Settings(places=fields, domains=domains, params=params)
    return Entry(node=node, name=name, settings=settings, unasked=row.unasked(fields))


def read_scheduler(place: Node, check: Check) -> Entry | None:
    """One scheduler with its settings; None after refusing its name."""
    name, node = name_and_settings(place, "scheduler")
    if name is None:
        return None
    if name not in SCHEDULERS:
        place.refuse(unknown("scheduler", name, SCHEDULERS))
        return None
    settings = read_settings(node, name)
    for key, domain in settings.domains.items():
        for path in function_paths({key: domain}):
            if mistake := check(path, "function"):
                settings.places[key].refuse(mistake)
    return Entry(node=node, name=name, settings=settings)
