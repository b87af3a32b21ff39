"""What the rules between sections look at: every section of a spec as far as it could be read."""

from dataclasses import dataclass

from sweeps.records import Budget
from sweeps.spec import PrunerSpec, SamplerSpec, StartSpec, WorkersSpec
from sweeps.specfile.entry import Entry
from sweeps.specfile.groups import GroupEntry
from sweeps.specfile.menu import Menu
from sweeps.specfile.node import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The sections that the rules look at; None is one that could not be read, and no rule blames it again."""

    root: Node
    budget: Budget | None
    optimizers: Menu
    schedulers: Menu
    groups: tuple[GroupEntry, ...]
    sampler: SamplerSpec | None
    pruner: PrunerSpec | None
    has_range_test: bool
    workers: WorkersSpec | None
    starts: tuple[StartSpec, ...]
    folk_grid: bool
    trials: int | None
    grid_size: int | None
    """Points of the grid, where the sampler is one that could be counted."""

    @property
    def epochs(self) -> int | None:
        """The budget in epochs, where it is given in epochs."""
        return self.budget.epochs if self.budget is not None else None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Everything that has domains."""
        return (*self.optimizers.entries, *self.schedulers.entries, *(group.entry for group in self.groups))

    @property
    def schedules(self) -> tuple[Entry, ...]:
        """The schedulers that the sweep lists, and those that groups have of their own."""
        own = (group.schedule for group in self.groups)
        return (*self.schedulers.entries, *(entry for entry in own if entry is not None))

    def samples_by(self, name: str) -> bool:
        """True if that sampler is asked for."""
        return self.sampler is not None and self.sampler.name == name
