"""The picks of other tools' rules: one ramp with one seed each, over the range that the tool takes by default."""

from collections.abc import Mapping, Sequence

from benchmarks.picks.probing import STEPS, curves
from benchmarks.picks.training import OPTIMIZERS
from sweeps.rangetest import ramp_lrs
from sweeps.records import Ramp
from sweeps.rules.table import RULES
from sweeps.rules.tools import Point
from workers.prepared import PreparedTask

_TO_TEN = Ramp(low=1e-7, high=10.0, steps=STEPS)
_RAMPS: Mapping[str, Ramp] = {"Lightning": Ramp(low=1e-8, high=1.0, steps=STEPS)}
"""The range of a tool, where it is not 1e-7 to 10."""


def rule_picks(prepared: PreparedTask, seed: int) -> dict[str, dict[str, float | None]]:
    """What each rule takes, by its name and the optimizer; None where it takes nothing."""
    picks: dict[str, dict[str, float | None]] = {}
    for ramp in (_TO_TEN, *_RAMPS.values()):
        found = curves(prepared, dict.fromkeys(OPTIMIZERS, ramp), [seed])
        for rule in RULES.values():
            if _RAMPS.get(rule.tool, _TO_TEN) == ramp:
                picks[f"{rule.tool}: {rule.name}"] = {
                    name: _read(rule.read, ramp_lrs(ramp), losses) for name, [losses] in found.items()
                }
    return picks


def _read(rule: Point, lrs: Sequence[float], losses: Sequence[float]) -> float | None:
    return rule(lrs, losses) if len(losses) > 1 else None
