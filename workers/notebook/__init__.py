"""For notebooks: a range test of a model that is there already, which leaves everything as it was."""

from workers.notebook.rangetest import range_test
from workers.notebook.result import RangeTestResult

__all__ = ["RangeTestResult", "range_test"]
