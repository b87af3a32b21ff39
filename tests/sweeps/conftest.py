"""Hypothesis without a clock: a busy machine is no failure."""

from hypothesis import settings

settings.register_profile("lrsweep", deadline=None, derandomize=True)
settings.load_profile("lrsweep")
