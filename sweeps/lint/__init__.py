"""What is said before a sweep is launched: combinations that cannot work, or that mean less than they seem to."""

from sweeps.finding import Finding, refuse_errors
from sweeps.lint.leftout import LeftOut, cannot_work, refusals, starts_left_out
from sweeps.lint.linter import lint, news

__all__ = ["Finding", "LeftOut", "cannot_work", "lint", "news", "refusals", "refuse_errors", "starts_left_out"]
