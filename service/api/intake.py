"""A spec as it comes over HTTP: bytes to a raw mapping, and that to a sweep that this server may run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from service.api.problems import Refused
from service.policy import Policy
from sweeps.errors import Problem, SpecError
from sweeps.finding import Finding
from sweeps.lint import lint, refuse_errors
from sweeps.spec import SweepSpec
from sweeps.specfile import read_yaml

JSON_TYPES = ("application/json",)
YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml")
MOST_YAML = 64 * 1024
"""Bytes of YAML: reading that takes a second or so, and the longest spec is a tenth of it."""

_PLACE = "body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """A spec that was accepted, the mapping that it came as, and what the linter warns of."""

    raw: Mapping[str, Any]
    spec: SweepSpec
    findings: Sequence[Finding]


def take_in(body: bytes, content_type: str, policy: Policy) -> Intake:
    """Reads, checks and judges a spec.

    Raises SpecError with every mistake, Refused (413, 415) for what is too long or of another kind.
    """
    raw = _read(body, content_type)
    spec = policy.judged(raw)
    findings = lint(spec)
    refuse_errors(findings)
    return Intake(raw=raw, spec=spec, findings=findings)


def _read(body: bytes, content_type: str) -> Mapping[str, Any]:
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in (*JSON_TYPES, *YAML_TYPES):
        raise Refused(415, f"a spec cannot come as '{kind}'; send it as {JSON_TYPES[0]} or {YAML_TYPES[0]}")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        _refuse("is not UTF-8 text: encode it as UTF-8")
    if kind in JSON_TYPES:
        return _read_json(text)
    if len(body) > MOST_YAML:
        raise Refused(413, f"{len(body)} bytes of YAML; allowed are {MOST_YAML}: send JSON, which may be longer")
    return read_yaml(text, _PLACE, trusted=False)


def _read_json(text: str) -> Mapping[str, Any]:
    try:
        raw = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_unique)
    except RecursionError:
        _refuse("nested too deeply to be a spec")
    except ValueError as error:
        _refuse(f"not valid JSON: {error}")
    if not isinstance(raw, dict):
        _refuse('must be an object, such as {"task": "digits", ...}')
    return raw


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON's")


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    seen = dict(pairs)
    if len(seen) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"'{twice}' stands twice in one object; merge the two")
    return seen


def _refuse(message: str) -> NoReturn:
    raise SpecError([Problem(path=_PLACE, message=message)])
