"""A scheduler's settings, the parts of a nested one among them.

They are flat: `schedulers` holds the names of the parts, and the settings of part i are written `i.setting`.
"""

from sweeps.domains import Domain, Fixed
from sweeps.errors import unknown
from sweeps.nesting import why_no_part
from sweeps.param import Param
from sweeps.schedulers import SCHEDULERS, WARM_UP
from sweeps.specfile.domain import read_domain
from sweeps.specfile.entry import Settings, name_and_settings
from sweeps.specfile.node import Node

PARTS = "schedulers"
"""The argument of a nested scheduler that holds its parts."""

_EXAMPLE = "[{LinearLR: {total_iters: 5}}, CosineAnnealingLR]"
_FEWEST = {"SequentialLR": 2}
_DEEPEST = 5


def read_settings(node: Node, name: str, *, depth: int = 0) -> Settings:
    """The settings of a scheduler; a part of another one, at `depth` above 0, has no warm-up of its own.

    >>> node = Node(value={"schedulers": [{"ConstantLR": {"factor": 0.5}}, "ExponentialLR"]})
    >>> for key, domain in read_settings(node, "ChainedScheduler").domains.items():
    ...     print(key, domain)
    schedulers Fixed(value=('ConstantLR', 'ExponentialLR'))
    0.factor Fixed(value=0.5)
    """
    row = SCHEDULERS[name]
    params = dict(row.params if depth else row.searchable)
    refused = dict(row.not_given)
    if depth:
        refused |= dict.fromkeys(WARM_UP, "the parts of a scheduler have no warm-up of their own; give it to the whole")
    fields = {} if node.value is None else node.fields(params, f"{name} hyperparameter", refused)
    places = dict(fields)
    domains: dict[str, Domain] = {}
    if row.nests:
        del params[PARTS]
        needed = (PARTS, "milestones") if "milestones" in params else (PARTS,)
        for key in needed:
            if key not in fields:
                node.at(key).refuse(f"missing: give {_EXAMPLE if key == PARTS else '[5], say, one for every change'}")
        if PARTS in fields:
            inner = _read_parts(fields.pop(PARTS), name, depth)
            places |= inner.places
            params |= inner.params
            domains |= inner.domains
    read = {key: read_domain(place, params[key]) for key, place in fields.items()}
    domains |= {key: domain for key, domain in read.items() if domain is not None}
    return Settings(places=places, domains=domains, params=params)


def _read_parts(node: Node, outer: str, depth: int) -> Settings:
    if depth >= _DEEPEST:
        node.refuse(f"goes more than {_DEEPEST} levels deep")
        return Settings()
    places: dict[str, Node] = {}
    domains: dict[str, Domain] = {}
    params: dict[str, Param] = {}
    names: list[str] = []
    listed = node.items(_EXAMPLE)
    for index, place in enumerate(listed):
        name, settings = name_and_settings(place, "scheduler")
        wrong = _mistake(outer, index, name)
        if wrong is not None:
            place.refuse(wrong)
        if name is None or wrong is not None:
            continue
        inner = read_settings(settings, name, depth=depth + 1)
        names.append(name)
        places |= {f"{index}.{key}": place for key, place in inner.places.items()}
        domains |= {f"{index}.{key}": domain for key, domain in inner.domains.items()}
        params |= {f"{index}.{key}": param for key, param in inner.params.items()}
    fewest = _FEWEST.get(outer, 1)
    if 0 < len(listed) < fewest:
        node.refuse(f"{outer} needs at least {fewest} schedulers, one after another, got {len(listed)}")
    elif listed and len(names) == len(listed):
        domains = {PARTS: Fixed(value=tuple(names)), **domains}
    return Settings(places=places, domains=domains, params=params)


def _mistake(outer: str, index: int, name: str | None) -> str | None:
    """Why a name cannot stand among the parts of another scheduler."""
    if name is None:
        return None
    if name in SCHEDULERS:
        return why_no_part(outer, index, name)
    return unknown("scheduler", name, [each for each in SCHEDULERS if why_no_part(outer, index, each) is None])
