"""How many trials there are, beside the pairs and the configurations that there are to try."""

import math
from collections.abc import Iterator

from sweeps.domains import Domain, Range, values_of
from sweeps.finding import Finding, warning
from sweeps.lint.leftout import cannot_work
from sweeps.lint.subject import Subject
from sweeps.pairs import Pair
from sweeps.space import SearchSpace, search_space
from sweeps.spec import SweepSpec


def pairs_without_a_turn(subject: Subject) -> Iterator[Finding]:
    """Fewer trials than it takes for every pair of optimizer and scheduler to be tried."""
    spec = subject.spec
    if not spec.trials:
        return
    pairs = len(tuple(_space(spec, 1).arms()))
    sure = _sure(spec, pairs)
    if spec.sampler.name != "grid" and sure < pairs:
        what = f"are {spec.trials}, and there are {pairs} pairs of optimizer and scheduler: {pairs - sure} may get none"
        yield warning("trials", what, f"give at least {2 * pairs}, or list fewer")


def _sure(spec: SweepSpec, pairs: int) -> int:
    """How many pairs are tried for sure: as starts, in half of the trials, then every second time with TPE."""
    given = len(spec.starts)
    starts = given + min(pairs, max(0, spec.trials // 2 - given))
    turns = max(0, spec.trials // 2 - starts // 2) if spec.sampler.name == "tpe" else 0
    return min(pairs, max(1, starts - given + turns))


def repeated_trials(subject: Subject) -> Iterator[Finding]:
    """More trials than there are configurations."""
    spec = subject.spec
    if spec.sampler.name == "grid" or subject.epochs is None:
        return
    different = _configurations(_space(spec, subject.epochs))
    if different < spec.trials:
        have = f"{different:.0f} configuration{'s' if different > 1 else ''}"
        yield warning(
            "trials",
            f"are {spec.trials}, and the spec has {have}: the rest will only repeat what was tried",
            "choose the grid sampler, search a range, or give more seeds",
        )


def _space(spec: SweepSpec, epochs: int) -> SearchSpace:
    ruled_out: frozenset[Pair] = frozenset(pair for each in cannot_work(spec) for pair in each.pairs)
    return search_space(spec, (), epochs, ruled_out)


def _configurations(space: SearchSpace) -> float:
    return sum(
        math.prod(map(_count, space.optimizers[optimizer].values()))
        * math.prod(map(_count, space.schedulers[scheduler].values()))
        for optimizer, scheduler in space.arms()
    )


def _count(domain: Domain) -> float:
    return math.inf if isinstance(domain, Range) else len(tuple(values_of(domain)))
