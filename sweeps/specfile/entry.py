"""One entry of a list: a name, or a name with settings, and what could be read of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sweeps.domains import Domain, Domains
from sweeps.param import Param
from sweeps.specfile.node import Node, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings below a name: where they stand, readable or not, and the domains of those that are readable.

    `params` are all that may stand there, by the same names.
    """

    places: Mapping[str, Node] = field(default_factory=dict)
    domains: Domains = field(default_factory=dict)
    params: Mapping[str, Param] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One optimizer, scheduler or parameter group as it stands in the file."""

    node: Node
    name: str
    settings: Settings
    unasked: Domains = field(default_factory=dict)
    """What is searched although it does not stand in the file."""

    @property
    def given(self) -> frozenset[str]:
        """What stands in the file, readable or not: for it no default is assumed."""
        return frozenset(self.settings.places)

    @property
    def domains(self) -> Domains:
        """The domains that stand in the file."""
        return self.settings.domains

    @property
    def searched(self) -> dict[str, Domain]:
        """The domains that stand in the file, and those that are searched unasked."""
        return {**self.unasked, **self.settings.domains}

    def at(self, key: str) -> Node:
        """The place of a setting."""
        return self.settings.places.get(key) or self.node.at(key)


def name_and_settings(place: Node, kind: str) -> tuple[str | None, Node]:
    """The name that stands at a place, and the place of its settings; None after refusing what is no entry."""
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
