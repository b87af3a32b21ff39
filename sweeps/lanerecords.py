"""What is said of lanes: what to measure, what that showed, how each worker then trains."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Compiling = Literal["auto", "on", "off"]
"""Whether stacked steps go through a compiler; "auto" weighs the time that it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What is to be measured: `lanes` on each of so many `workers`, which share the memory.

    `exact` says that no fewer lanes will do. `steps` is how many steps of one lane each worker will make at most: what
    measuring and compiling may cost.
    """

    lanes: int
    exact: bool = False
    workers: int = 1
    steps: int = 0
    compile: Compiling = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneProbe:
    """What a few steps of the task say about lanes: seconds that one step of one lane takes, alone and stacked.

    `stacked` maps the number of lanes to theirs; `most` lanes fit into memory. `refused` says why lanes of this task
    cannot be stacked, where they cannot. `compiled` is the time of the most lanes with the compiled step (None: it was
    not tried, or failed as `uncompiled` says), which took `compile_seconds` to make.
    """

    most: int = 1
    alone: float = 0.0
    stacked: Mapping[int, float] = field(default_factory=dict)
    refused: str | None = None
    compiled: float | None = None
    compile_seconds: float = 0.0
    uncompiled: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePlan:
    """How each worker trains: `count` lanes at once; `fused` ones are stacked, others take turns. `reason` says why.
    `compiled` ones are stacked and go through torch.compile. Where the search learns nothing while they train, in range
    tests and at starting points say, up to `most` train at once.

    `reach` is how many lanes a worker the search reckons with: it follows from the spec alone, so that what is
    proposed does not depend on what was measured.
    """

    count: int = 1
    fused: bool = False
    reason: str = ""
    reach: int = 1
    compiled: bool = False
    most: int = 1

    @property
    def room(self) -> int:
        """Lanes that a worker has places for."""
        return max(self.count, self.most)
