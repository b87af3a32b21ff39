"""Kills everything that a team's lrsweep consists of, at random, and counts what that cost."""
