"""Pictures of a sweep, as PNG or SVG bytes: matplotlib's object API only, so that any thread may draw."""

from service.plots.curves import best_curves
from service.plots.importance import importance
from service.plots.range_test import range_test
from service.plots.range_tests import range_tests
from service.plots.schedules import schedules
from service.plots.sensitivity import sensitivity
from service.plots.shapes import shape
from service.plots.timeline import timeline

__all__ = [
    "best_curves",
    "importance",
    "range_test",
    "range_tests",
    "schedules",
    "sensitivity",
    "shape",
    "timeline",
]
