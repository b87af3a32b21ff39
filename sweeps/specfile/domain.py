"""How a hyperparameter's values are written: a scalar is fixed, a list is a choice, {low, high} is a range."""

from sweeps.domains import Choice, Domain, Fixed, Range, Value, values_of
from sweeps.param import Param
from sweeps.specfile.node import Node, shown

LR = Param(low=0, open_low=True)
"""What every learning rate must be."""

_LISTS = frozenset({"pair", "milestones"})
_NUMBERS = frozenset({"float", "int", "any"})
_FLAG = Param(kind="bool")


def read_domain(node: Node, param: Param, *, always_log: bool = False) -> Domain | None:
    """The domain that stands at a place, or None after refusing it. An LR's ranges are always logarithmic.

    >>> read_domain(Node(value=[0.01, 0.001]), LR)
    Choice(values=(0.01, 0.001))
    >>> read_domain(Node(value={"low": 1e-5, "high": 1}), LR, always_log=True)
    Range(low=1e-05, high=1.0, log=True, integer=False)
    """
    if isinstance(node.value, dict):
        return _range(node, param, always_log)
    if isinstance(node.value, list) and not (node.value and _is_one_value(node.value, param)):
        return _choice(node, param)
    is_text = node.value is None or isinstance(node.value, str)
    hint = ", a list of them, or {low: ..., high: ...}" if param.kind in _NUMBERS and is_text else ""
    value = node.read(param, hint)
    return None if value is None else Fixed(value=value)


def _is_one_value(items: list[object], param: Param) -> bool:
    """True for [0.9, 0.999] where a pair is asked for; a list of lists is a choice of pairs."""
    return param.kind in _LISTS and not any(isinstance(item, list) for item in items)


def _choice(node: Node, param: Param) -> Choice | None:
    places = node.items("[0.01, 0.001]" if param.kind in _NUMBERS else "[value, value]")
    values: list[Value] = []
    for place in places:
        value = place.read(param)
        if value is None:
            continue
        if value in values:
            place.refuse(f"{shown(place.value)} stands in the list twice; drop one")
        values.append(value)
    return Choice(values=tuple(values)) if values and len(values) == len(places) else None


def _range(node: Node, param: Param, always_log: bool) -> Range | None:
    if param.kind not in _NUMBERS:
        node.refuse(f"must be {param.allowed}, or a list of such values; it has no range")
        return None
    fields = node.fields(("low", "high", "log"))
    for end in ("low", "high"):
        if end not in fields:
            node.at(end).refuse("missing: a range needs low and high")
    number = Param() if param.kind == "any" else param
    low, high = (fields[end].read(number) if end in fields else None for end in ("low", "high"))
    log = fields["log"].read(_FLAG) if "log" in fields else False
    if always_log and log is False and "log" in fields:
        fields["log"].refuse("an LR range is always logarithmic; drop this key")
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return None
    if low >= high:
        node.refuse(f"empty range: low {low:g} must be below high {high:g}")
        return None
    if log and low <= 0:
        node.at("low").refuse(f"a logarithmic range needs low > 0, got {low:g}")
        return None
    return Range(low=low, high=high, log=always_log or bool(log), integer=param.kind == "int")


def fits(domain: Domain, param: Param) -> bool:
    """True if every value of the domain is one that the parameter takes.

    >>> fits(Fixed(value=1e-8), Param(kind="pair")), fits(Range(low=0.5, high=0.9), Param(low=0, high=1))
    (False, True)
    """
    ends = (domain.low, domain.high) if isinstance(domain, Range) else tuple(values_of(domain))
    return all(param.accepts(value) for value in ends)


def in_words(domain: Domain) -> str:
    """The domain as an error repeats it.

    >>> in_words(Choice(values=(0.1, 0.01))), in_words(Range(low=1e-3, high=1))
    ('0.1, 0.01', '0.001 .. 1')
    """
    match domain:
        case Fixed(value=value):
            return str(value)
        case Choice(values=values):
            return ", ".join(str(value) for value in values)
        case Range(low=low, high=high):
            return f"{low:g} .. {high:g}"
