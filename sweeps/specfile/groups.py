"""The section `groups`: parameters by pattern, each group with an LR multiplier and what else is its own."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sweeps.catalogue import OPTIMIZERS, SCHEDULERS, is_path, optimizer_row
from sweeps.derived import conflicts
from sweeps.domains import Domain, Fixed, Value
from sweeps.groups import LR_MULTIPLIER, REST, ParamGroup
from sweeps.param import Param
from sweeps.spec import GroupSpec
from sweeps.specfile.domain import fits, read_domain
from sweeps.specfile.entry import Entry, Settings
from sweeps.specfile.menu import Check, Menu, read_scheduler
from sweeps.specfile.node import Node, is_text, shown

_EXAMPLE = '{head: {parameters: "fc.*", lr_multiplier: 10}}'
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,49}")
_MULTIPLIER = Param(low=0, open_low=True)
_EPOCH = Param(kind="int", low=0)
_ANY = Param(kind="any")
_REFUSED = {"lr": f"a group has no LR of its own; give {LR_MULTIPLIER}, its LR as a multiple of the trial's"}
_OWN_KEYS = ("parameters", "from_epoch", "scheduler")
_TAKEN = frozenset(("optimizer", "scheduler", "lr", *OPTIMIZERS, *SCHEDULERS)).union(
    *(row.searchable for row in OPTIMIZERS.values())
)
"""Names that mean something else wherever a group is named beside them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupEntry:
    """A group as it stands in the file: the domains of its own settings, and which parameters when."""

    entry: Entry
    group: ParamGroup
    schedule: Entry | None
    """Its own scheduler."""

    @property
    def spec(self) -> GroupSpec:
        """The group that the sweep has."""
        return GroupSpec(group=self.group, params=self.entry.searched)

    def of(self, optimizer: str) -> Iterator[str]:
        """The settings that one optimizer takes: the multiplier, and what it has itself."""
        known = optimizer_row(optimizer).searchable
        yield from (key for key in self.entry.settings.params if key == LR_MULTIPLIER or key in known)


def read_groups(node: Node, optimizers: Menu, check: Check) -> tuple[GroupEntry, ...]:
    """The groups in the order of the file; what is wrong with them is refused."""
    if not isinstance(node.value, dict):
        node.refuse(f"must be a mapping of names, such as {_EXAMPLE}, got {shown(node.value)}")
        return ()
    found = []
    for name in node.value:
        place = node.at(name) if isinstance(name, str) else node
        if wrong := _bad_name(name):
            place.refuse(wrong)
        elif isinstance(place.value, dict):
            found.append(_group(place, name, optimizers, check))
        else:
            place.refuse(f"must be a mapping, such as {_EXAMPLE[7:-1]}, got {shown(place.value)}")
    return tuple(found)


def _bad_name(name: object) -> str | None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return f"a group's name is made of letters, digits, - and _, got {shown(name)}"
    if name == REST:
        return f"'{REST}' is the group of all that no other group names; choose another name"
    return f"'{name}' means something else already; choose another name for the group" if name in _TAKEN else None


def _group(place: Node, name: str, optimizers: Menu, check: Check) -> GroupEntry:
    known = _known(place, optimizers)
    fields = place.fields((*_OWN_KEYS, *known), "setting of a group", _REFUSED)
    places = {key: field for key, field in fields.items() if key in known}
    read = {key: _domain(field, key, known[key], optimizers) for key, field in places.items()}
    for conflict in conflicts(places):
        place.refuse(conflict)
    schedule = read_scheduler(fields["scheduler"], check) if "scheduler" in fields else None
    from_epoch = fields["from_epoch"].read(_EPOCH) if "from_epoch" in fields else 0
    return GroupEntry(
        entry=Entry(
            node=place,
            name=name,
            settings=Settings(
                places=places,
                domains={key: domain for key, domain in read.items() if domain is not None},
                params={LR_MULTIPLIER: _MULTIPLIER} | {key: known[key] for key in places},
            ),
            unasked={} if LR_MULTIPLIER in places else {LR_MULTIPLIER: Fixed(value=1.0)},
        ),
        group=ParamGroup(
            name=name,
            patterns=_patterns(place.at("parameters")),
            from_epoch=from_epoch if isinstance(from_epoch, int) else 0,
            scheduler=schedule.name if schedule is not None else None,
            scheduler_params=_values(schedule) if schedule is not None else {},
        ),
        schedule=schedule,
    )


def _known(place: Node, optimizers: Menu) -> dict[str, Param]:
    """What a group may have of its own: what any listed optimizer has, by the first that has it.

    A class by path, or one whose name could not be read, may have anything.
    """
    known = {LR_MULTIPLIER: _MULTIPLIER}
    for entry in optimizers.entries:
        if not is_path(entry.name):
            known = {**optimizer_row(entry.name).searchable, **known}
    if not optimizers.named or any(is_path(entry.name) for entry in optimizers.entries):
        assert isinstance(place.value, dict)
        others = (key for key in place.value if isinstance(key, str) and key.isidentifier() and key not in _OWN_KEYS)
        known = {**dict.fromkeys(others, _ANY), **known}
    return known


def _domain(node: Node, key: str, param: Param, optimizers: Menu) -> Domain | None:
    """The domain of a group's setting, which must suit every optimizer that has it."""
    domain = read_domain(node, param, always_log=key == LR_MULTIPLIER)
    if domain is None or key == LR_MULTIPLIER:
        return domain
    for entry in optimizers.entries:
        own = optimizer_row(entry.name).searchable
        if key in own and not fits(domain, own[key]):
            node.refuse(f"for {entry.name} it must be {own[key].allowed}; leave {entry.name} to a sweep of its own")
            return None
    return domain


def _patterns(node: Node) -> tuple[str, ...]:
    """The patterns over parameter names: one, or a list of them."""
    places = node.items('["fc.*", "classifier.*"]') if isinstance(node.value, list) else [node]
    patterns: list[str] = []
    for place in places:
        if is_text(place.value) and place.value.strip():
            patterns.append(place.value)
        elif place is node and place.value is None:
            place.refuse('missing: give a pattern of parameter names, such as "fc.*", or a list of them')
        else:
            place.refuse(f'must be a pattern of parameter names, such as "fc.*", got {shown(place.value)}')
    return tuple(patterns)


def _values(schedule: Entry) -> dict[str, Value]:
    """The settings of a group's own schedule, which are single values."""
    values: dict[str, Value] = {}
    for key, domain in schedule.domains.items():
        if isinstance(domain, Fixed):
            values[key] = domain.value
        else:
            schedule.at(key).refuse("must be one value: the schedule of a group is not searched")
    return values
