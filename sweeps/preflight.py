"""What is found out before anything is trained: whether the task works, and which pairs cannot train it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sweeps.errors import TaskError, UserError, unknown
from sweeps.jobs import candidate_jobs
from sweeps.lint import Finding, LeftOut, cannot_work, lint, news, refusals, refuse_errors, starts_left_out
from sweeps.pairs import Pair, pairs_of
from sweeps.ports import Runner
from sweeps.records import TaskInfo
from sweeps.spec import SweepSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What came of it."""

    info: TaskInfo
    left_out: frozenset[Pair]
    findings: tuple[Finding, ...]
    """All that the linter has found by now."""


def preflight(spec: SweepSpec, runner: Runner, warn: Callable[[Finding], None]) -> Preflight:
    """Tries the task and, for one step each, the pairs that the spec does not rule out; warns of what that brings.

    What the spec alone shows is not said again. Raises UserError for a spec that does not fit its task or has
    errors, TaskError for a task that fails on its first batch or that no pair can train.
    """
    at_first = lint(spec)
    refuse_errors(at_first)
    ruled_out = cannot_work(spec)
    info = runner.probe(list(candidate_jobs(spec, _pairs(ruled_out))))
    check_fit(spec, info)
    findings = lint(spec, steps_per_epoch=info.steps_per_epoch)
    refuse_errors(findings)
    refused = refusals(spec, info.refused)
    left_out = _pairs([*ruled_out, *refused])
    if left_out >= set(pairs_of(spec)):
        reasons = "\n".join(f"  {each.finding}" for each in refused)
        raise TaskError(f"no optimizer and scheduler of the sweep can train this task:\n{reasons}")
    for finding in (
        *news(at_first, findings),
        *(each.finding for each in refused),
        *starts_left_out(spec, _pairs(refused)),
    ):
        warn(finding)
    return Preflight(info=info, left_out=left_out, findings=tuple(findings))


def _pairs(left_out: Iterable[LeftOut]) -> frozenset[Pair]:
    return frozenset(pair for each in left_out for pair in each.pairs)


def check_fit(spec: SweepSpec, info: TaskInfo) -> None:
    """Checks a spec against what its task turned out to be. Raises UserError."""
    if info.metrics and spec.objective.metric not in info.metrics:
        raise UserError(f"objective.metric: {unknown('metric', spec.objective.metric, info.metrics)}")
    if info.steps_per_epoch is None and spec.budget.epochs is None:
        raise UserError("budget.steps: a training function of your own needs a budget in epochs")
