"""Command-line flags laid over a spec file, or standing for one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sweeps.errors import UserError


def raw_spec(file: Path | None, flags: Mapping[str, Any], settings: list[str]) -> dict[str, Any]:
    """The raw spec of a command line: the file's mapping, under the flags, under `--set KEY=VALUE`.

    `flags` goes by dotted key; None and empty lists are flags that were not given. Raises UserError, SpecError.
    """
    from sweeps.specfile import apply_override, read_spec

    given = {key: value for key, value in flags.items() if value not in (None, [])}
    given |= dict(map(_setting, settings))
    if file is not None:
        return read_spec(file, given)
    raw: dict[str, Any] = {}
    for key, value in given.items():
        raw = apply_override(raw, key, value)
    return raw


def _setting(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UserError(f"--set takes KEY=VALUE (`--set pruner.first_rung=3`), got '{text}'")
    from sweeps.specfile import read_value

    return key, read_value(value)
