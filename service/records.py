"""What the store gives out: frozen copies of its rows, for the CLI, the API and MLflow tracking."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sweeps.finding import Finding
from sweeps.lanerecords import LanePlan, LaneProbe
from sweeps.records import CodeVersion, Outcome, Proposal


class Status(StrEnum):
    """Where a sweep stands."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    INTERRUPTED = "INTERRUPTED"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def ended(self) -> bool:
        """True if nothing will happen to the sweep any more, unless somebody retries it."""
        return self in (Status.DONE, Status.FAILED, Status.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowPlace:
    """Where MLflow keeps the parent run of a sweep."""

    tracking_uri: str
    experiment_id: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSummary:
    """A sweep as a row of the list has it."""

    id: str
    name: str
    task: str
    status: Status
    created: datetime
    ended: datetime | None
    error: str | None
    trials: int
    """Trials that have ended."""
    total_trials: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse(SweepSummary):
    """What one look sees of a sweep that is followed: another one than before if there is something new to tell."""

    range_tests: int
    last_report: int
    """The id of the newest report, 0 before the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRecord(SweepSummary):
    """One sweep. `spec` is the mapping that it was validated from, so that `parse_spec(spec)` gives it again."""

    spec: Mapping[str, Any]
    started: datetime | None
    cancel_requested: bool
    mlflow: MlflowPlace | None
    steps_per_epoch: int | None
    lanes: LanePlan | None
    lane_probe: LaneProbe | None
    batch_size: int | None = None
    accumulation: int = 1
    """Batches for each optimizer step."""
    code: CodeVersion | None = None
    """What was trained, once it has begun."""
    findings: tuple[Finding, ...] = ()
    """What the linter found, before the sweep began and since."""
    submitted_by: str | None = None
    """The name of the token that submitted it over HTTP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unattended:
    """A sweep that a coordinator process runs, or is to run; `submitted_by` is empty where nobody said."""

    id: str
    submitted_by: str
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One trial: the proposal, its outcome (None while it waits or runs), and where MLflow shows it."""

    proposal: Proposal
    outcome: Outcome | None
    value: float | None
    epochs: int
    error: str | None
    started: datetime | None
    ended: datetime | None
    mlflow_run_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRecord:
    """One epoch of one trial. `id` grows with time within a store; `at` is when the store took it in (UTC)."""

    id: int
    number: int
    epoch: int
    step: int
    metrics: Mapping[str, float]
    lrs: tuple[float, ...]
    seconds: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A trial's training loss and first-group LR of every step, [steps], and which step (from 1) it was.

    `more` holds what else moves from step to step: `momentum`, and `lr/<group>` of the groups beyond the first.
    """

    steps: tuple[int, ...]
    losses: tuple[float, ...]
    lrs: tuple[float, ...]
    more: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


class Scope(StrEnum):
    """What the bearer of a token may do; each scope includes those before it."""

    READ = "read"
    SUBMIT = "submit"
    ADMIN = "admin"

    def includes(self, other: "Scope") -> bool:
        """True if whoever has this scope may do what the other allows.

        >>> Scope.ADMIN.includes(Scope.READ), Scope.READ.includes(Scope.SUBMIT)
        (True, False)
        """
        order = list(Scope)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRecord:
    """One bearer token, without the token itself, which nobody keeps."""

    name: str
    scope: Scope
    created: datetime
    expires: datetime | None
    revoked: datetime | None

    def valid(self, now: datetime) -> bool:
        """True if it still opens the door."""
        return self.revoked is None and (self.expires is None or now < self.expires)
