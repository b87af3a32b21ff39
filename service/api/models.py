"""The documents of the API as its OpenAPI page describes them. `service.views` makes them; nothing is built from these.

Most forbid what they do not name, so that a test of answers against the page finds what drifted apart; findings may
grow.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from service.records import Status
from sweeps.records import Outcome

Series = list[float | None]
"""Null where a value is not finite."""


class Document(BaseModel):
    """What all have in common."""

    model_config = ConfigDict(extra="forbid")


class Mistake(Document):
    """Where something is wrong, and what to do about it."""

    path: str = Field(examples=["optimizers[0].SGD.lr"])
    message: str = Field(examples=["got 0; allowed is a number with 0 < value"])


class ProblemDocument(Document):
    """An error, as RFC 9457 has it."""

    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["1 mistake in the spec:\n  task: unknown task 'digit'; did you mean 'digits'?"])
    problems: list[Mistake] = []


class Summary(Document):
    """A row of the list."""

    sweep: str = Field(examples=["k3x9m2ab"])
    name: str
    status: Status
    task: str
    trials: int = Field(description="Trials that have ended.")
    total_trials: int
    created: datetime
    ended: datetime | None
    error: str | None


class SummaryPage(Document):
    """Sweeps, newest first."""

    items: list[Summary]
    next: str | None = Field(description="Give it as `before` for the next page; null on the last.")


class MlflowLink(Document):
    """Where MLflow shows it."""

    tracking_uri: str
    experiment_id: str
    run_id: str
    url: str
    charts: str


class Code(Document):
    """What was trained."""

    task: str
    sha256: str | None
    lrsweep: str | None
    torch: str | None


class Overview(Document):
    """One sweep, without what was found out."""

    sweep: str = Field(examples=["k3x9m2ab"])
    name: str
    task: str
    status: Status
    error: str | None
    submitted_by: str | None = Field(description="The name of a token.")
    cancel_requested: bool
    ended_trials: int
    total_trials: int
    created: datetime
    started: datetime | None
    ended: datetime | None
    spec: dict[str, Any] = Field(description="As it was submitted.")
    steps_per_epoch: int | None
    batch_size: int | None
    accumulation: int = Field(description="Batches for each optimizer step.")
    code: Code | None
    lanes: dict[str, Any] | None = Field(description="How many trials a worker trains at once, and why.")
    warnings: list[Mistake]
    mlflow: MlflowLink | None


class Trial(Document):
    """One trial; `outcome` is null while it waits or runs."""

    number: int
    optimizer: str = Field(examples=["AdamW"])
    scheduler: str = Field(examples=["CosineAnnealingLR"])
    initial_lr: float = Field(examples=[0.003])
    params: dict[str, Any] = Field(examples=[{"AdamW.weight_decay": 0.01}])
    outcome: Outcome | None
    value: float | None = Field(description="The objective.")
    epochs: int
    seed: int
    origin: str
    started: datetime | None
    ended: datetime | None
    error: str | None
    mlflow_run_id: str | None


class TrialPage(Document):
    """Trials by number."""

    items: list[Trial]
    next: int | None = Field(description="Give it as `after` for the next page; null on the last.")


class CurveDocument(BaseModel):
    """All steps of a trial; further series, such as `momentum` and `lr/head`, have names of their own."""

    model_config = ConfigDict(extra="allow")

    step: list[int]
    train_loss: Series
    lr: list[float]


class ReportDocument(Document):
    """One epoch of one trial."""

    id: int = Field(description="Grows with time.")
    trial: int
    epoch: int
    step: int
    metrics: dict[str, float | None]
    lrs: list[float] = Field(description="Of every parameter group.")
    seconds: float
    at: datetime


class ReportPage(Document):
    """Reports of all trials, in the order in which they came."""

    items: list[ReportDocument]
    next: int | None = Field(description="Give it as `after` for what came since; null where there is none yet.")


class Passport(BaseModel):
    """What an initial LR is good for: the setting in which it was found."""

    model_config = ConfigDict(extra="allow")


class RangeTestDocument(BaseModel):
    """One LR range test: what it recommends, what every rule says, and the curves that all of it was read off."""

    model_config = ConfigDict(extra="allow")

    optimizer: str
    scheduler: str
    group: str | None
    initial_lr: float
    low: float
    high: float
    trusted: bool
    reasons: list[str]
    interval: tuple[float, float] | None
    rules: dict[str, float | None]
    rule_intervals: dict[str, tuple[float, float] | None]
    seeds: list[int]
    metrics: list[str]
    metric_steps: list[int]
    curve: dict[str, Any]
    probe: list[dict[str, Any]]
    passport: Passport
    mlflow_run_id: str | None


class PickDocument(BaseModel):
    """The best initial LR of one optimizer and scheduler, with its evidence."""

    model_config = ConfigDict(extra="allow")

    optimizer: str
    scheduler: str
    initial_lr: float
    value: float
    params: dict[str, Any]
    trials: list[int]
    tried: int
    low: float
    high: float
    notes: list[str]
    passport: Passport


class Health(Document):
    """That the process answers, and the store with it."""

    status: Literal["ok"]


SPEC_EXAMPLE = {
    "name": "digits",
    "task": "digits",
    "budget": {"epochs": 20},
    "optimizers": [{"SGD": {"lr": {"low": 0.001, "high": 1}}}, "AdamW"],
    "schedulers": ["none", "CosineAnnealingLR"],
    "trials": 24,
}
SPEC_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "A spec, as docs/spec.md has it. What is wrong with it is said all at once, with status 422.",
    "required": ["task", "budget", "optimizers"],
    "properties": {
        "task": {"anyOf": [{"type": "string"}, {"type": "object", "required": ["use"]}]},
        "budget": {"type": "object"},
        "optimizers": {"type": "array", "minItems": 1},
        "schedulers": {"type": "array"},
        "trials": {"type": "integer", "minimum": 0},
        "name": {"type": "string"},
    },
    "example": SPEC_EXAMPLE,
}
