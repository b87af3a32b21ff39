"""How series and nested values become bytes and JSON that every database takes, and come back the same."""

import json
import math
import sys
import zlib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

from sweeps.domains import Value
from sweeps.errors import UserError

# JSON has no NaN and no infinity: PostgreSQL refuses the tokens that Python writes for them. A tagged object
# keeps them apart from the text 'nan', which a spec may well hold.
_TAG = "$float"


def pack(series: Iterable[float]) -> bytes:
    """Compresses a series as little-endian float64, exactly: NaN, infinities and signed zeros included.

    >>> unpack(pack([0.1, float("inf"), -0.0]))
    (0.1, inf, -0.0)
    """
    return zlib.compress(_to_bytes(series))


def unpack(packed: bytes) -> tuple[float, ...]:
    """The series that `pack` was given."""
    return _from_bytes(zlib.decompress(packed))


def pack_named(series: Mapping[str, Sequence[float]]) -> bytes | None:
    """Compresses series together: a line of JSON with the length of each by name, then all of them as `pack` has them.

    None if there are none.

    >>> unpack_named(pack_named({"momentum": [0.9, 0.85], "lr/head": [float("nan"), 0.1]}))
    {'momentum': (0.9, 0.85), 'lr/head': (nan, 0.1)}
    """
    if not series:
        return None
    lengths = {name: len(values) for name, values in series.items()}
    values = _to_bytes(value for each in series.values() for value in each)
    return zlib.compress(json.dumps(lengths).encode() + b"\n" + values)


def unpack_named(packed: bytes | None) -> dict[str, tuple[float, ...]]:
    """The series that `pack_named` was given."""
    if packed is None:
        return {}
    head, _, values = zlib.decompress(packed).partition(b"\n")
    lengths: dict[str, int] = json.loads(head)
    return dict(zip(lengths, split(_from_bytes(values), lengths.values()), strict=True))


def pack_curves(curves: Mapping[str, Sequence[Sequence[float]]]) -> bytes | None:
    """Compresses curves by name, of several seeds each and of any length, as `pack_named` does; None if there are none.

    >>> unpack_curves(pack_curves({"val/loss": [[1.0, 0.5], []], "val/accuracy": []}))
    {'val/loss': ((1.0, 0.5), ()), 'val/accuracy': ()}
    """
    if not curves:
        return None
    lengths = {name: [len(curve) for curve in seeds] for name, seeds in curves.items()}
    values = _to_bytes(value for seeds in curves.values() for curve in seeds for value in curve)
    return zlib.compress(json.dumps(lengths).encode() + b"\n" + values)


def unpack_curves(packed: bytes | None) -> dict[str, tuple[tuple[float, ...], ...]]:
    """The curves that `pack_curves` was given."""
    if packed is None:
        return {}
    head, _, values = zlib.decompress(packed).partition(b"\n")
    lengths: dict[str, list[int]] = json.loads(head)
    seeds = split(_from_bytes(values), [sum(each) for each in lengths.values()])
    return {name: split(row, each) for (name, each), row in zip(lengths.items(), seeds, strict=True)}


def split(values: tuple[float, ...], lengths: Iterable[int]) -> tuple[tuple[float, ...], ...]:
    """Cuts a row of series apart.

    >>> split((1.0, 2.0, 3.0), [2, 0, 1])
    ((1.0, 2.0), (), (3.0,))
    """
    return tuple(values[start:end] for start, end in pairwise(accumulate(lengths, initial=0)))


def _to_bytes(values: Iterable[float]) -> bytes:
    return _little_endian(array("d", values)).tobytes()


def _from_bytes(content: bytes) -> tuple[float, ...]:
    return tuple(_little_endian(array("d", content)))


def _little_endian(values: "array[float]") -> "array[float]":
    if sys.byteorder == "big":
        values.byteswap()
    return values


def to_json(value: Any, path: str = "") -> Any:
    """The value in terms that strict JSON can say; `from_json` undoes it, except that tuples become lists.

    Raises UserError, with the place, for what JSON would refuse or silently change: a resumed sweep must
    read the very spec that it started with.

    >>> to_json({"val/loss": float("nan"), "betas": (0.9, 0.999)})
    {'val/loss': {'$float': 'nan'}, 'betas': [0.9, 0.999]}
    >>> to_json({"args": {0: "cat"}})
    Traceback (most recent call last):
    sweeps.errors.UserError: args: the key 0 cannot be stored; keys must be text: write '0'
    """
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else {_TAG: repr(float(value))}
        case Mapping():
            for key in value:
                if not isinstance(key, str):
                    raise UserError(
                        f"{path or 'spec'}: the key {key!r} cannot be stored; keys must be text: write '{key}'"
                    )
            return {key: to_json(item, f"{path}.{key}".lstrip(".")) for key, item in value.items()}
        case list() | tuple():
            return [to_json(item, f"{path}[{index}]") for index, item in enumerate(value)]
    raise UserError(
        f"{path or 'spec'}: {value!r} ({type(value).__name__}) cannot be stored; allowed are numbers, text, "
        "true, false, null, and lists and mappings of them: write it as text"
    )


def from_json(value: Any) -> Any:
    """What `to_json` was given.

    >>> from_json({"val/loss": {"$float": "-inf"}})
    {'val/loss': -inf}
    """
    match value:
        case {"$float": str(text)} if len(value) == 1:
            return float(text)
        case dict():
            return {key: from_json(item) for key, item in value.items()}
        case list():
            return [from_json(item) for item in value]
    return value


def read_json(text: str | bytes) -> Any:
    """What `to_json` was given, from the JSON text of it; most holds nothing that `from_json` would change.

    >>> read_json(b'{"betas": [0.9, {"$float": "nan"}]}'), read_json('{"betas": [0.9]}')
    ({'betas': [0.9, nan]}, {'betas': [0.9]})
    """
    # Databases give UTF-8, which json.loads would find out first, for a third of its time.
    text = text if isinstance(text, str) else text.decode()
    value = json.loads(text)
    return from_json(value) if _TAG in text else value


def to_values(params: Mapping[str, Any]) -> dict[str, Value]:
    """Hyperparameters read from JSON, which has no tuples: its lists become tuples again.

    >>> to_values({"betas": [0.9, 0.999], "nesterov": True})
    {'betas': (0.9, 0.999), 'nesterov': True}
    """
    return {name: tuple(value) if isinstance(value, list) else value for name, value in params.items()}


def storable(text: str | None) -> str | None:
    r"""Text with what no database takes written out: PostgreSQL refuses NUL, both refuse half surrogates.

    A task's traceback may hold either, and must not be lost for it.

    >>> storable("a\x00b\udcff")
    'a\\x00b\\udcff'
    """
    if text is None:
        return None
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode()


def finite(value: float | None) -> float | None:
    """The number if it is finite, else None.

    >>> finite(0.5), finite(float("nan"))
    (0.5, None)
    """
    return value if value is not None and math.isfinite(value) else None
