"""What all stacked lanes of a worker share, whichever engine they are in."""

from workers.accumulation import Accumulated
from workers.data import Batches
from workers.fused.check import check_stacking
from workers.fused.compiled import CompiledStep
from workers.fused.model import StackedModel
from workers.fused.template import CannotFuse, Template
from workers.prepared import PreparedTask


class Stacking:
    """The task's model taken apart once, compared with single training once, and compiled at most once.

    Engines made from now on are quickest with `planned` lanes, and take the step that is `compiled` where it fits.
    """

    def __init__(self, prepared: PreparedTask, planned: int = 1):
        self.prepared, self.planned = prepared, planned
        self.compiled: CompiledStep | None = None
        self._template: Template | None = None
        self._said: str | None = None

    def model(self, data: Batches) -> StackedModel:
        """A stacked model without lanes. Raises CannotFuse, when first asked, for one that cannot be stacked."""
        if isinstance(data, Accumulated):
            raise CannotFuse("it accumulates the gradients of several batches")
        if self._template is None:
            check_stacking(self.prepared, data)
            self._template = Template(self.prepared, next(data.shuffled(0, 0)))
        return StackedModel(self._template, self.compiled, planned=self.planned)

    def compile(self, rows: int | None) -> None:
        """Asks for a compiled step of so many rows, the one that is there if it has them; None: for none."""
        if rows is None:
            self.compiled = None
        elif self.compiled is None or self.compiled.rows != rows:
            self.compiled = CompiledStep(rows)

    def news(self) -> str | None:
        """Why lanes train without the compiled step, said once."""
        refused = self.compiled.refused if self.compiled else None
        if refused == self._said:
            return None
        self._said = refused
        return refused
