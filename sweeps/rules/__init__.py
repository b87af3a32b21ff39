"""Rules that read an initial LR off a range test's curve: each tool's own, by name, and all of them at once."""

from sweeps.rules.points import valley
from sweeps.rules.readings import RuleReading, apply_rule, apply_rules
from sweeps.rules.smoothing import SMOOTHING, smoothed
from sweeps.rules.table import RULES, Rule

__all__ = ["RULES", "SMOOTHING", "Rule", "RuleReading", "apply_rule", "apply_rules", "smoothed", "valley"]
