"""What stands beside a pick: how lucky it may be, how near the edge it is, and what the folk grid would have got."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Luck:
    """How much of a winner's lead may be chance, where `noise` is one trial's standard deviation.

    `noise` comes from the other seeds or from the neighbouring LRs, as `source` says. `wins` is how often the winner
    would win again; `optimism` how much worse than its value it should be expected to be, in the objective's units
    and never negative; `rivals` counts the configurations near enough to win in its place.
    """

    noise: float
    source: Literal["seeds", "neighbouring LRs"]
    wins: float
    optimism: float
    rivals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stressed:
    """The pick's configuration, trained at `factor` times its LR: what it came to, or that its loss exploded."""

    factor: float
    initial_lr: float
    value: float | None
    exploded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FolkBest:
    """The best LR of the folk grid for the same optimizer and scheduler, and its mean objective over the seeds."""

    initial_lr: float
    value: float
