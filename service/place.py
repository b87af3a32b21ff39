"""Where a sweep trains."""

from dataclasses import dataclass
from typing import Literal

RunnerKind = Literal["auto", "ray", "inline"]
"""Ray workers, or the sweep's own process; `auto` says `Place.is_here`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where trials train: in Ray workers (of the cluster at `address`, else a local one) or in this process.

    Left to itself one worker without an address is this process: a cluster would take longer to start than to help.
    """

    runner: RunnerKind = "auto"
    address: str | None = None

    def is_here(self, workers: int) -> bool:
        """True if so many workers are this process."""
        return self.runner == "inline" or (self.runner == "auto" and self.address is None and workers == 1)
