"""Pairs of optimizer and scheduler that cannot work at all: the spec says so, or a worker that tried them."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sweeps.finding import Finding, error, warning
from sweeps.pairs import Pair, pair_key, pairs_of
from sweeps.spec import SweepSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Pairs that are left out of a sweep for one reason, and how it is said."""

    pairs: frozenset[Pair]
    finding: Finding


def cannot_work(spec: SweepSpec) -> list[LeftOut]:
    """What the spec alone shows: L-BFGS, which takes one parameter group, with several."""
    names = frozenset(pair for pair in pairs_of(spec) if pair[0] == "LBFGS")
    if not names or not spec.groups or (len(spec.groups) == 1 and "*" in spec.groups[0].group.patterns):
        return []
    reason = "it takes one parameter group only, and the spec has `groups`"
    return [_left_out(spec, names, reason, "take it out of the list, or `groups` out of the spec")]


def refusals(spec: SweepSpec, refused: Mapping[str, str]) -> list[LeftOut]:
    """What workers refused, by the key of the pair's job: what shares a reason and a name is said together."""
    by_reason: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs_of(spec):
        if (reason := refused.get(pair_key(pair))) is not None:
            by_reason[reason].append(pair)
    return [
        _left_out(spec, frozenset(some), reason, f"see `lrsweep catalogue {name}`, or take it out of the list")
        for reason, pairs in by_reason.items()
        for name, some in _together(pairs)
    ]


def _together(pairs: Sequence[Pair]) -> Iterator[tuple[str, list[Pair]]]:
    """Pairs by optimizer, or by scheduler where that makes fewer of them, each with its name."""
    sides: list[dict[str, list[Pair]]] = []
    for side in (0, 1):
        grouped: dict[str, list[Pair]] = defaultdict(list)
        for pair in pairs:
            grouped[pair[side]].append(pair)
        sides.append(grouped)
    yield from min(sides, key=len).items()


def _left_out(spec: SweepSpec, pairs: frozenset[Pair], reason: str, mend: str) -> LeftOut:
    everything = set(pairs_of(spec)) <= pairs
    said = error if everything else warning
    with_what = _others(spec, pairs)
    what = f"{'cannot work' if everything else 'left out'}{with_what and ' with '}{with_what}: {reason}"
    return LeftOut(pairs=pairs, finding=said(_place(spec, pairs), what, mend))


def _place(spec: SweepSpec, pairs: Collection[Pair]) -> str:
    optimizers, schedulers = ({pair[side] for pair in pairs} for side in (0, 1))
    for key, listed, named in (
        ("optimizers", [each.name for each in spec.optimizers], optimizers),
        ("schedulers", [each.name for each in spec.schedulers], schedulers),
    ):
        if len(named) == 1:
            (name,) = named
            return f"{key}[{listed.index(name)}].{name}"
    raise AssertionError("pairs that are left out together share an optimizer or a scheduler")


def _others(spec: SweepSpec, pairs: Collection[Pair]) -> str:
    """The other side of pairs that share one, where that is not all of it."""
    side = 1 if len({pair[0] for pair in pairs}) == 1 else 0
    every = [each.name for each in ((spec.optimizers, spec.schedulers)[side])]
    named = [name for name in every if any(pair[side] == name for pair in pairs)]
    return "" if named == every else ", ".join(named)


def starts_left_out(spec: SweepSpec, left_out: Collection[Pair]) -> Iterator[Finding]:
    """Known-good starting points at pairs that are left out."""
    for index, start in enumerate(spec.starts):
        if (start.optimizer, start.scheduler) in left_out:
            what = f"{start.optimizer} with {start.scheduler} is left out, and so is this start"
            yield warning(f"starts[{index}]", what, "drop it")
