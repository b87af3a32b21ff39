"""One keyword argument of an optimizer or scheduler: what it may be, and what torch takes unasked."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from sweeps.domains import Value
from sweeps.expression import ALLOWED, is_function

_COUNTS = {0: "a list of", 2: "two", 3: "three"}
Kind = Literal["float", "int", "bool", "pair", "milestones", "text", "expression", "schedulers", "any"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One keyword argument: its kind, the default that torch 2.13 gives it, and the bounds it may lie in."""

    kind: Kind = "float"
    default: Value | None = None
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    choices: tuple[str, ...] = ()
    length: int = 2
    """How many numbers a "pair" has; 0: as many as one likes."""
    around: float | None = None
    """What lies between the two numbers of a pair."""

    @property
    def allowed(self) -> str:
        """The bounds in words.

        >>> Param(low=0, high=1, open_high=True).allowed
        'a number with 0 <= value < 1'
        """
        match self.kind:
            case "bool":
                return "true or false"
            case "text":
                return "one of: " + ", ".join(self.choices)
            case "expression":
                return (
                    f"{ALLOWED}; or a function by path, package.module:function; or a list of them, one a param group"
                )
            case "schedulers":
                return "a list of schedulers, each a name or {name: arguments}"
            case "any":
                return "a number, true or false, text, or a list of numbers"
            case "milestones":
                return "a list of whole numbers from 1, each greater than the one before"
        noun = {"float": "a number", "int": "a whole number", "pair": f"{_COUNTS[self.length]} numbers, each"}[
            self.kind
        ]
        left = "" if self.low == -math.inf else f"{self.low:.10g} {'<' if self.open_low else '<='} "
        right = "" if self.high == math.inf else f" {'<' if self.open_high else '<='} {self.high:.10g}"
        words = f"{noun} with {left}value{right}" if left or right else noun.removesuffix(", each")
        return words if self.around is None else f"{words}, the first below {self.around:.10g} and the second above"

    def accepts(self, value: object) -> bool:
        """True if the value has the kind and lies in the bounds.

        >>> Param(low=0).accepts(-1), Param(kind="milestones").accepts((30, 20))
        (False, False)
        """
        match self.kind:
            case "bool":
                return isinstance(value, bool)
            case "text":
                return isinstance(value, str) and value in self.choices
            case "expression":
                functions = value if isinstance(value, tuple) else (value,)
                return bool(functions) and all(isinstance(each, str) and is_function(each) for each in functions)
            case "schedulers":
                return isinstance(value, tuple) and bool(value) and all(isinstance(name, str) for name in value)
            case "milestones":
                return (
                    isinstance(value, tuple)
                    and bool(value)
                    and all(_is_whole(item) and item >= 1 for item in value)
                    and all(a < b for a, b in pairwise(value))
                )
            case "pair":
                return (
                    isinstance(value, tuple)
                    and len(value) == (self.length or max(1, len(value)))
                    and all(self._inside(item) for item in value)
                    and (self.around is None or value[0] < self.around < value[1])
                )
            case "any":
                return isinstance(value, str) or all(
                    isinstance(item, bool) or self._inside(item)
                    for item in (value if isinstance(value, tuple) else (value,))
                )
            case "int":
                return _is_whole(value) and self._inside(value)
            case "float":
                return self._inside(value)

    def _inside(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return False
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
