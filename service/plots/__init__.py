"""Pictures of a sweep, as PNG bytes: matplotlib's object API only, so that any thread may draw."""

from service.plots.curves import best_curves
from service.plots.range_test import range_test
from service.plots.range_tests import range_tests
from service.plots.schedules import schedules
from service.plots.sensitivity import sensitivity

__all__ = ["best_curves", "range_test", "range_tests", "schedules", "sensitivity"]
