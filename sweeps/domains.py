"""What values a hyperparameter may take: one fixed value, a choice of values, or a range."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Value = float | int | bool | str | tuple[float, ...] | tuple[int, ...] | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """One value, never searched."""

    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of a few values."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A number between low and high, both included; `log` spreads it evenly over orders of magnitude."""

    low: float
    high: float
    log: bool = False
    integer: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise ValueError(f"a range needs finite bounds, got {self.low} .. {self.high}")
        if self.low >= self.high:
            raise ValueError(f"empty range: low {self.low:g} must be below high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range needs low > 0, got {self.low:g}")


Domain = Fixed | Choice | Range


def values_of(domain: Domain) -> Iterator[Value]:
    """The values of a domain that has finitely many; a Range has none to list.

    >>> list(values_of(Choice(values=(0.01, 0.001))))
    [0.01, 0.001]
    """
    match domain:
        case Fixed(value=value):
            yield value
        case Choice(values=values):
            yield from values
        case Range():
            raise ValueError("a range cannot be listed: give the values one by one")


def contains(domain: Domain, value: Value) -> bool:
    """True if the value lies in the domain.

    >>> contains(Range(low=1e-4, high=1e-1, log=True), 0.01)
    True
    """
    match domain:
        case Range(low=low, high=high):
            return isinstance(value, int | float) and low <= value <= high
        case _:
            return value in tuple(values_of(domain))


Domains = Mapping[str, Domain]
