"""A place in a spec: a value, its path in the file, and the one list that all mistakes go to."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeGuard

from sweeps.domains import Value
from sweeps.errors import Problem, unknown
from sweeps.param import Kind, Param

Path = tuple[str | int, ...]

_LARGEST = 2**63 - 1
"""Whole numbers beyond it fit no column of the store; math.isfinite cannot even look at the largest ones."""


def is_none(value: object) -> bool:
    """True for every way in which people write that they want none: none, off, false, null or nothing.

    >>> [is_none(value) for value in ("none", "off", False, None, "tpe")]
    [True, True, True, True, False]
    """
    return value is None or value is False or (isinstance(value, str) and value.lower() in {"none", "off"})


def is_number(value: object) -> TypeGuard[int | float]:
    """True for a finite number of a size that the store can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= _LARGEST if isinstance(value, int) else math.isfinite(value)


def is_text(value: object) -> TypeGuard[str]:
    """True for text that every database and terminal can hold: no NUL, no half of a surrogate pair."""
    return isinstance(value, str) and "\0" not in value and _printable(value) == value


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def shown(value: object, *, inside: bool = False) -> str:
    """The value as an error repeats it: short, on one line, whatever it is.

    >>> shown("a"), shown(True), shown(None), shown([20, [1]]), shown({"low": 1})
    ("'a'", 'true', 'nothing', '[20, [...]]', 'a mapping')
    """
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case int() if abs(value) > _LARGEST:
            return "a number too large to hold"
        case int() | float():
            return str(value)
        case str():
            return repr(value if len(value) <= 60 else value[:57] + "...")
        case list() if inside:
            return "[...]"
        case list():
            rest = ", ..." if len(value) > 8 else ""
            return f"[{', '.join(shown(item, inside=True) for item in value[:8])}{rest}]"
        case dict():
            return "a mapping"
    return f"a {type(value).__name__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A value and where it stands. Readers refuse what is wrong and go on, so that one mistake hides no other."""

    value: object
    path: Path = ()
    found: list[tuple[Path, str]] = field(default_factory=list)

    def refuse(self, message: str) -> None:
        """Notes a mistake at this place."""
        self.found.append((self.path, message))

    def at(self, step: str | int) -> "Node":
        """The place one step further in; its value is None where nothing stands there."""
        inner: object = None
        if isinstance(self.value, dict):
            inner = self.value.get(step)
        elif isinstance(self.value, list) and isinstance(step, int) and step < len(self.value):
            inner = self.value[step]
        return Node(value=inner, path=(*self.path, step), found=self.found)

    def fields(
        self, allowed: Collection[str], kind: str = "key", refused: Mapping[str, str] | None = None
    ) -> dict[str, "Node"]:
        """The places in a mapping, by name; names that are not allowed are refused, some for a reason of their own."""
        if not isinstance(self.value, dict):
            self.refuse(f"must be a mapping of {', '.join(allowed)}, got {shown(self.value)}")
            return {}
        good = {}
        for key in self.value:
            if not isinstance(key, str):
                self.refuse(f"names must be text, got {shown(key)}: put it in quotes")
            elif key in allowed:
                good[key] = self.at(key)
            elif refused and key in refused:
                self.at(key).refuse(refused[key])
            else:
                self.at(key).refuse(unknown(kind, key, allowed))
        return good

    def items(self, such_as: str) -> list["Node"]:
        """The places in a list that must hold something."""
        if not isinstance(self.value, list):
            self.refuse(f"must be a list, such as {such_as}, got {shown(self.value)}")
            return []
        if not self.value:
            self.refuse(f"the list is empty; give at least one, such as {such_as}")
        return [self.at(index) for index in range(len(self.value))]

    def read(self, param: Param, or_else: str = "") -> Value | None:
        """The value in the parameter's own type, or None after refusing it; `or_else` says what else may stand here."""
        value = _typed(param.kind, self.value)
        if param.accepts(value):
            return value  # type: ignore[return-value]
        if param.kind == "text" and isinstance(value, str):
            noun = next(step for step in reversed(self.path) if isinstance(step, str) and step != "name")
            self.refuse(unknown(noun, value, param.choices))
        else:
            self.refuse(f"must be {param.allowed}{or_else}, got {shown(self.value)}")
        return None


def _typed(kind: Kind, value: object) -> object:
    """The value as its kind writes it: 1 is a float where floats stand, 1e4 a whole number, a list a tuple."""
    match kind, value:
        case ("float" | "int" | "pair" | "milestones", bool()):
            return value
        case (_, int()) if abs(value) > _LARGEST:
            return None
        case (_, str()) if not is_text(value):
            return None
        case ("float", int()):
            return float(value)
        case ("int", float()) if value.is_integer() and abs(value) <= _LARGEST:
            return int(value)
        case ("pair", list()):
            return tuple(_typed("float", item) for item in value)
        case ("milestones", list()):
            return tuple(_typed("int", item) for item in value)
        case ("any" | "expression", list()):
            return tuple(_typed(kind, item) for item in value)
    return value


def dotted(path: Path) -> str:
    """The path as it is written in messages.

    >>> dotted(("optimizers", 1, "AdamW", "lr"))
    'optimizers[1].AdamW.lr'
    """
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def in_file_order(raw: object, found: Iterable[tuple[Path, str]]) -> list[Problem]:
    """The mistakes in the order in which they stand in the file; what is missing comes after what is there."""
    ranked = sorted(found, key=lambda item: tuple(_ranks(raw, item[0])))
    return [Problem(path=_printable(dotted(path)), message=_printable(message)) for path, message in ranked]


def _ranks(here: object, path: Path) -> Iterator[int]:
    for step in path:
        if isinstance(here, dict):
            yield list(here).index(step) if step in here else len(here)
            here = here.get(step)
        elif isinstance(step, int):
            yield step
            here = here[step] if isinstance(here, list) and step < len(here) else None
        else:
            yield 0
