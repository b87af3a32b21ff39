"""Other names for an optimizer's momentum: betas one by one, and how far they stay below 1, for log scales."""

from collections.abc import Mapping
from dataclasses import dataclass

from sweeps.domains import Value
from sweeps.errors import UserError
from sweeps.param import Param


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """One such name: torch's keyword, the place in its pair, and whether 1 minus the value is meant."""

    keyword: str
    index: int | None = None
    one_minus: bool = False

    def of(self, value: Value) -> float:
        """The number that torch gets.

        >>> Derived(keyword="momentum", one_minus=True).of(0.05)
        0.95
        """
        number = float(value)  # type: ignore[arg-type]
        return 1 - number if self.one_minus else number

    def default(self, of_keyword: Value | None) -> float | None:
        """What this name stands for where nothing is given, from the default of torch's keyword."""
        found = of_keyword[self.index] if isinstance(of_keyword, tuple) and self.index is not None else of_keyword
        # 1 - 0.999 is 0.0010000000000000009: what people write is nearer.
        return None if found is None else round(self.of(found), 12)


DERIVED: Mapping[str, Derived] = {
    "beta1": Derived(keyword="betas", index=0),
    "beta2": Derived(keyword="betas", index=1),
    "one_minus_beta1": Derived(keyword="betas", index=0, one_minus=True),
    "one_minus_beta2": Derived(keyword="betas", index=1, one_minus=True),
    "one_minus_momentum": Derived(keyword="momentum", one_minus=True),
}


def derived_params(params: Mapping[str, Param]) -> dict[str, Param]:
    """The further names that an optimizer with these arguments has.

    >>> sorted(derived_params({"momentum": Param(default=0.9)}))
    ['one_minus_momentum']
    """
    return {
        name: Param(
            default=rule.default(params[rule.keyword].default),
            low=0,
            high=1,
            open_low=rule.one_minus,
            open_high=not rule.one_minus,
        )
        for name, rule in DERIVED.items()
        if rule.keyword in params
    }


def conflicts(names: Mapping[str, object]) -> list[str]:
    """What cannot be given together, in words: two names of one number, or a name and the pair that it is part of.

    >>> conflicts({"beta1": 0.9, "one_minus_beta1": 0.1, "beta2": 0.99})
    ['beta1 and one_minus_beta1 say the same; give one of them']
    """
    rules = [(name, rule) for name, rule in DERIVED.items() if name in names]
    found = [
        f"{rule.keyword} and {name} say the same; give one of them" for name, rule in rules if rule.keyword in names
    ]
    places: dict[tuple[str, int | None], str] = {}
    for name, rule in rules:
        first = places.setdefault((rule.keyword, rule.index), name)
        if first != name:
            found.append(f"{first} and {name} say the same; give one of them")
    return found


def torch_keywords(
    given: Mapping[str, Value], defaults: Mapping[str, Value | None], own: frozenset[str] = frozenset()
) -> dict[str, Value]:
    """What torch's class is called with; `defaults` fill the other half of a pair, `own` are left as they are.

    >>> torch_keywords({"one_minus_beta1": 0.1, "eps": 1e-6}, {"betas": (0.8, 0.999)})
    {'eps': 1e-06, 'betas': (0.9, 0.999)}

    Raises UserError for names that contradict each other.
    """
    asked = {name: value for name, value in given.items() if name in DERIVED and name not in own}
    keywords = {name: value for name, value in given.items() if name not in asked}
    if wrong := conflicts({name: None for name in given if name not in own or name not in DERIVED}):
        raise UserError("; ".join(wrong))
    for name, value in asked.items():
        rule = DERIVED[name]
        if rule.index is None:
            keywords[rule.keyword] = rule.of(value)
            continue
        pair = keywords.get(rule.keyword, defaults.get(rule.keyword))
        assert isinstance(pair, tuple)
        numbers = [float(old) for old in pair]
        numbers[rule.index] = rule.of(value)
        keywords[rule.keyword] = tuple(numbers)
    return keywords
