"""Schedulers as words of a command line: `StepLR step_size=30 + ExponentialLR gamma=0.95`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweeps.catalogue import scheduler_row
from sweeps.domains import Value
from sweeps.errors import UserError
from sweeps.param import Param
from sweeps.specfile import read_value
from sweeps.specfile.node import Node, Path, dotted

_MODE = Param(kind="text", default="min", choices=("min", "max"))
"""Of ReduceLROnPlateau; in a sweep it follows from the objective's direction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One scheduler to preview, as the user gave it: nothing is filled in yet."""

    scheduler: str
    params: Mapping[str, Value]
    label: str


def read_requests(words: Sequence[str]) -> list[Request]:
    """The schedulers that the words ask for, each checked against its row of the catalogue.

    >>> [dict(request.params) for request in read_requests(["StepLR", "step_size=30", "+", "none"])]
    [{'step_size': 30}, {}]

    Raises UserError with what is allowed, or the nearest name.
    """
    groups: list[list[str]] = [[]]
    for word in words:
        if word == "+":
            groups.append([])
        else:
            groups[-1].append(word)
    if not all(groups):
        raise UserError("a + stands between two schedulers: StepLR step_size=30 + ExponentialLR gamma=0.95")
    return [_request(name, settings) for name, *settings in groups]


def _request(name: str, settings: Sequence[str]) -> Request:
    try:
        row = scheduler_row(name)
    except ValueError as error:
        raise UserError(str(error)) from error
    allowed = {**row.params, "mode": _MODE} if row.clock == "metric" else row.params
    raw: dict[str, Any] = {}
    for word in settings:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise UserError(f"{name} takes KEY=VALUE, got '{word}'; put + before another scheduler")
        if key in raw:
            raise UserError(f"{name}: {key} is given twice; drop one")
        raw[key] = read_value(text)
    found: list[tuple[Path, str]] = []
    places = Node(value=raw, found=found).fields(allowed, f"{name} argument")
    values = {key: place.read(allowed[key]) for key, place in places.items()}
    if found:
        raise UserError("\n".join(_said(name, path, message) for path, message in found))
    given = {key: value for key, value in values.items() if value is not None}
    return Request(scheduler=name, params=given, label=" ".join([name, *settings]))


def _said(name: str, path: Path, message: str) -> str:
    return message if message.startswith("unknown") else f"{name}: {dotted(path)} {message}"
