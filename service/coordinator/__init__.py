"""Coordinator processes: they take sweeps that wait, and run each in a process of its own."""
