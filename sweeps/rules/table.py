"""The rules that read an initial LR off a range test's curve, one row each."""

from collections.abc import Mapping
from dataclasses import dataclass

from sweeps.rules import points
from sweeps.rules.smith import max_of_accuracy, max_of_loss, share
from sweeps.rules.tools import FASTAI, IGNITE, LIGHTNING, LR_FINDER, Point, Tool


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: what it reads, and whose it is.

    `read` takes LRs and training losses as they were recorded, [steps], and does the tool's own smoothing and
    trimming; it gives None where the tool would give none. `from_accuracy`, where a rule has it, takes LRs and
    validation accuracies, [points], and comes first where the task has them.
    """

    name: str
    tool: str
    meaning: str
    read: Point
    from_accuracy: Point | None = None


def _of_tool(tool: Tool, name: str, point: Point, least: int, meaning: str) -> Rule:
    return Rule(name=name, tool=tool.name, meaning=meaning, read=tool.reading(point, least))


def _smith(name: str, divisor: int, meaning: str) -> Rule:
    return Rule(
        name=name,
        tool="Smith",
        meaning=meaning,
        read=share(max_of_loss, divisor),
        from_accuracy=share(max_of_accuracy, divisor),
    )


RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        _of_tool(FASTAI, "valley", points.valley, 1, "half way down the longest fall of the loss"),
        _of_tool(FASTAI, "slide", points.slide, 16, "where the loss falls last before it blows up"),
        _of_tool(FASTAI, "steep", points.steep, 2, "where the loss falls fastest per log LR"),
        _of_tool(FASTAI, "minimum", share(points.lowest, 10), 1, "a tenth of the LR of the lowest loss"),
        _of_tool(LR_FINDER, "lr-finder", points.steepest_by_step, 2, "where the loss falls fastest per step"),
        _of_tool(LIGHTNING, "lightning", points.steepest_by_lr, 2, "where the loss falls fastest per LR"),
        _of_tool(IGNITE, "ignite", points.steepest_before_lowest, 3, "where it falls fastest before its lowest"),
        _smith("max", 1, "the largest LR before accuracy falls, or the loss turns up"),
        _smith("max/3", 3, "a third of max: where a cycle may begin"),
        _smith("max/10", 10, "a tenth of max: where one cycle may begin"),
    )
}
