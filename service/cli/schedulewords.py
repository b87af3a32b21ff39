"""Schedulers as words of a command line: `StepLR step_size=30 + ExponentialLR gamma=0.95`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sweeps.domains import Range, Value, values_of
from sweeps.errors import UserError
from sweeps.param import Param
from sweeps.schedulers import scheduler_row
from sweeps.specfile import read_value
from sweeps.specfile.nested import read_settings
from sweeps.specfile.node import Node, Path, dotted

_MODE = Param(kind="text", default="min", choices=("min", "max"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One scheduler to preview, as the user gave it: nothing is filled in yet."""

    scheduler: str
    params: Mapping[str, Value]
    label: str
    mode: Literal["min", "max"] = "min"
    """Of ReduceLROnPlateau; in a sweep it follows from the objective's direction."""


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
    raw: dict[str, Any] = {}
    for word in settings:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise UserError(f"{name} takes KEY=VALUE, got '{word}'; put + before another scheduler")
        if key in raw:
            raise UserError(f"{name}: {key} is given twice; drop one")
        raw[key] = read_value(text)
    found: list[tuple[Path, str]] = []
    asked = raw.pop("mode", "min") if row.clock == "metric" else "min"
    mode = Node(value=asked, path=("mode",), found=found).read(_MODE)
    read = read_settings(Node(value=raw, found=found), name)
    values: dict[str, Value] = {}
    for key, domain in read.domains.items():
        listed = () if isinstance(domain, Range) else tuple(values_of(domain))
        if len(listed) == 1:
            values[key] = listed[0]
            continue
        read.places[key].refuse("has several values; give one to preview it, and + before another scheduler")
    if found:
        raise UserError("\n".join(_said(name, path, message) for path, message in found))
    return Request(
        scheduler=name, params=values, label=" ".join([name, *settings]), mode="max" if mode == "max" else "min"
    )


def _said(name: str, path: Path, message: str) -> str:
    return message if message.startswith("unknown") else f"{name}: {dotted(path)} {message}"
