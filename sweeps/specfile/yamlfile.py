"""Reads a spec file as plain JSON, and lays overrides from the command line over it."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from sweeps.errors import Problem, SpecError, UserError
from sweeps.specfile.node import shown
from sweeps.specfile.settings import long_form

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class _Loader(yaml.SafeLoader):
    """YAML 1.2's plain scalars: 1e-5 is a number, off and no are text, and nothing is a date or in base 60."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own type

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """PyYAML lets the last of two equal keys win in silence: half of what the user wrote would be lost."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    problem = f"'{key.value}' stands twice in one mapping; merge the two"
                    raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


class _WithoutAliases(_Loader):
    """What strangers send."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Refuses `*name` before anything is built of it."""
        if self.check_event(yaml.AliasEvent):
            place = self.get_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not taken here; write it out", place)
        return super().compose_node(parent, index)


def _int(loader: _Loader, node: yaml.ScalarNode) -> int:
    return int(loader.construct_scalar(node))


def _map(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    return loader.construct_mapping(node, deep=True)


def _list(loader: _Loader, node: yaml.SequenceNode) -> list[Any]:
    return loader.construct_sequence(node, deep=True)


_PLAIN = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+(_[0-9]+)*", list("-+0123456789")),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(_[0-9]+)*(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+0123456789."),
    ),
    "merge": (r"<<", ["<"]),
}
for _tag, (_pattern, _first) in _PLAIN.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)
# PyYAML's own int() reads 010 as 8; built deep, a mapping that holds itself is refused instead of built.
_Loader.add_constructor("tag:yaml.org,2002:int", _int)
_Loader.add_constructor("tag:yaml.org,2002:map", _map)
_Loader.add_constructor("tag:yaml.org,2002:seq", _list)


def read_spec(path: Path, overrides: Mapping[str, Any] = _NOTHING) -> dict[str, Any]:
    """The raw mapping in a YAML file with overrides (by dotted key) laid over it; nothing is validated yet.

    Raises UserError if the file cannot be read, SpecError with the line if it is no YAML or no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"no spec file at {path}") from error
    except OSError as error:
        raise UserError(f"cannot read the spec file {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"the spec file {path} is not UTF-8 text: save it as UTF-8") from error
    raw = read_yaml(text, str(path))
    for key, value in overrides.items():
        raw = apply_override(raw, key, value)
    return raw


def read_yaml(text: str, place: str, *, trusted: bool = True) -> dict[str, Any]:
    """The raw mapping in a YAML text. Raises SpecError, with the line in `place`, if it is no YAML or no mapping.

    A text that is not trusted may hold no aliases: a few lines of them can stand for gigabytes.
    """
    try:
        raw = yaml.load(text, Loader=_Loader if trusted else _WithoutAliases)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"{place}, line {mark.line + 1}" if mark is not None else place
        raise SpecError([Problem(path=line, message=error.problem or "not valid YAML")]) from error
    except (yaml.YAMLError, ValueError) as error:
        raise SpecError([Problem(path=place, message=f"not valid YAML: {error}")]) from error
    except RecursionError as error:
        raise SpecError([Problem(path=place, message="nested too deeply to be a spec")]) from error
    if not isinstance(raw, dict):
        message = "must be a mapping, such as 'task: digits' and so on line by line, got " + shown(raw)
        raise SpecError([Problem(path=place, message=message)])
    return raw


def read_value(text: str) -> Any:
    """The value that a spec file would hold if it said so there.

    >>> read_value("[1e-3, off]"), read_value("5")
    ([0.001, 'off'], 5)

    Raises UserError for what is not YAML.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"'{text}' is not a YAML value: {error}") from error


def apply_override(raw: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The raw mapping with the value at a dotted key replaced; a budget in epochs replaces one in steps.

    >>> apply_override({"budget": {"steps": 500}, "sampler": "tpe"}, "budget.epochs", 5)
    {'budget': {'epochs': 5}, 'sampler': 'tpe'}
    >>> apply_override({"sampler": "tpe"}, "sampler.window", 4)
    {'sampler': {'name': 'tpe', 'window': 4}}
    """
    section, dot, rest = key.partition(".")
    if not dot:
        return {**raw, section: value}
    if section == "budget":
        return {**raw, section: {rest: value}}
    inner = long_form(section, raw[section]) if raw.get(section) is not None else {}
    if not isinstance(inner, Mapping):
        raise SpecError([Problem(path=section, message=f"is {shown(inner)}, so '{key}' cannot be set in it")])
    return {**raw, section: apply_override(inner, rest, value)}
