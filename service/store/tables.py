"""The tables: a sweep, its trials, their reports and curves, its range tests and its picks; tokens and submissions.

Rows never leave the store. Keys are natural, (sweep, number) and (sweep, number, epoch), so that an epoch is
recorded and a sweep is read without looking anything up first.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from service.store.columns import Json, UtcDateTime

# SQLite counts up by itself only in a column that is called INTEGER.
_Counter = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """Names every constraint, so that a migration can drop it on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime(),
        float: Double(),
        str: Text(),
        bytes: LargeBinary(),
        dict[str, Any]: Json(),
        list[Any]: Json(),
    }


_BEHIND = text("mlflow_behind")
_ZERO = text("0")


class SweepRow(Base):
    """A sweep and its lease: `owner` may work on it until `lease_until`."""

    __tablename__ = "sweeps"
    __table_args__ = (
        # Lists of the sweeps of one status, newest first.
        Index(None, "status", "position"),
        # The few that MLflow lacks part of, for which coordinators look twice a second.
        Index("ix_sweeps_behind", "position", postgresql_where=_BEHIND, sqlite_where=_BEHIND),
    )

    position: Mapped[int] = mapped_column(_Counter, primary_key=True)
    """Grows with every sweep: the order of the list, whatever the clocks say."""
    id: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    task: Mapped[str]
    status: Mapped[str]
    spec: Mapped[dict[str, Any]]
    created: Mapped[datetime]
    started: Mapped[datetime | None]
    ended: Mapped[datetime | None]
    error: Mapped[str | None]
    cancel_requested: Mapped[bool]
    total_trials: Mapped[int]
    steps_per_epoch: Mapped[int | None]
    batch_size: Mapped[int | None]
    accumulation: Mapped[int] = mapped_column(default=1, server_default="1")
    """Batches for each optimizer step."""
    code: Mapped[dict[str, Any] | None]
    """The CodeVersion of the task."""
    lanes: Mapped[dict[str, Any] | None]
    """The LanePlan and the LaneProbe behind it."""
    findings: Mapped[list[Any] | None]
    """What the linter found."""
    owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    mlflow_tracking_uri: Mapped[str | None]
    mlflow_experiment_id: Mapped[str | None]
    mlflow_run_id: Mapped[str | None]
    submitted_by: Mapped[str | None]
    """The name of the token; NULL where nobody was asked for one."""
    unattended: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether a coordinator process runs it; else the command that made it does."""
    mlflow_behind: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether MLflow may lack part of it."""
    deaths: Mapped[int] = mapped_column(default=0, server_default=_ZERO)
    """How often its process has died since it last got further than `progress`."""
    progress: Mapped[int] = mapped_column(default=0, server_default=_ZERO)
    """Reports, range tests and ended trials that it had at its last death."""


class TrialRow(Base):
    """A proposal and its outcome; `epochs` and `value` follow along while it trains."""

    __tablename__ = "trials"
    __table_args__ = (
        PrimaryKeyConstraint("sweep_id", "number"),
        # The list of sweeps counts the ended trials of each from this index alone.
        Index(None, "sweep_id", "outcome"),
    )

    sweep_id: Mapped[str] = mapped_column(ForeignKey("sweeps.id", ondelete="CASCADE"))
    number: Mapped[int]
    optimizer: Mapped[str]
    scheduler: Mapped[str]
    initial_lr: Mapped[float]
    optimizer_params: Mapped[dict[str, Any]]
    scheduler_params: Mapped[dict[str, Any]]
    seed: Mapped[int] = mapped_column(BigInteger)
    origin: Mapped[str]
    outcome: Mapped[str | None]
    value: Mapped[float | None]
    epochs: Mapped[int]
    error: Mapped[str | None]
    started: Mapped[datetime | None]
    ended: Mapped[datetime | None]
    mlflow_run_id: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0, server_default=_ZERO)
    """How often it was begun since it last got further than `furthest`."""
    furthest: Mapped[int] = mapped_column(default=0, server_default=_ZERO)
    """The epoch that it had reached when it was last begun."""


class ReportRow(Base):
    """An epoch of a trial. `objective` is NULL where it was NaN or missing; infinities are kept."""

    __tablename__ = "reports"
    __table_args__ = (
        ForeignKeyConstraint(["sweep_id", "number"], ["trials.sweep_id", "trials.number"], ondelete="CASCADE"),
        UniqueConstraint("sweep_id", "number", "epoch"),
        # Whoever follows a sweep asks for its reports after the last id that it saw.
        Index(None, "sweep_id", "id"),
        # Without AUTOINCREMENT, SQLite gives the id of a deleted last row out again, and followers miss it.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(_Counter, primary_key=True)
    sweep_id: Mapped[str]
    number: Mapped[int]
    epoch: Mapped[int]
    step: Mapped[int] = mapped_column(BigInteger)
    metrics: Mapped[dict[str, Any]]
    lrs: Mapped[list[Any]]
    objective: Mapped[float | None]
    seconds: Mapped[float]
    at: Mapped[datetime]


class CurveRow(Base):
    """The steps of one epoch of a trial, packed; apart from reports, so that following reports reads none."""

    __tablename__ = "curves"
    __table_args__ = (
        PrimaryKeyConstraint("sweep_id", "number", "epoch"),
        ForeignKeyConstraint(["sweep_id", "number"], ["trials.sweep_id", "trials.number"], ondelete="CASCADE"),
    )

    sweep_id: Mapped[str]
    number: Mapped[int]
    epoch: Mapped[int]
    last_step: Mapped[int] = mapped_column(BigInteger)
    losses: Mapped[bytes]
    lrs: Mapped[bytes]
    more: Mapped[bytes | None]
    """Further series by name, packed together; NULL where there is none."""


class RangeTestRow(Base):
    """A range test; `losses` packs all seeds one after another, `lengths` says where each ends.

    `probe` lists LR, seed, whether it exploded and how many values a lane has; `probe_values` packs those of all lanes.
    """

    __tablename__ = "range_tests"
    __table_args__ = (PrimaryKeyConstraint("sweep_id", "optimizer"),)

    sweep_id: Mapped[str] = mapped_column(ForeignKey("sweeps.id", ondelete="CASCADE"))
    optimizer: Mapped[str]
    initial_lr: Mapped[float]
    low: Mapped[float]
    high: Mapped[float]
    trusted: Mapped[bool]
    reasons: Mapped[list[Any]]
    seeds: Mapped[list[Any]]
    lengths: Mapped[list[Any]]
    lrs: Mapped[bytes]
    losses: Mapped[bytes]
    scheduler: Mapped[str]
    interval_low: Mapped[float | None]
    interval_high: Mapped[float | None]
    metric_steps: Mapped[list[Any] | None]
    metrics: Mapped[bytes | None]
    """What was validated on the ramp, by name, packed together; NULL where nothing was."""
    probe: Mapped[list[Any] | None]
    probe_values: Mapped[bytes | None]
    mlflow_run_id: Mapped[str | None]


class PickRow(Base):
    """A recommended initial LR; `position` keeps the order in which the picks were made."""

    __tablename__ = "picks"
    __table_args__ = (
        PrimaryKeyConstraint("sweep_id", "position"),
        UniqueConstraint("sweep_id", "optimizer", "scheduler"),
    )

    sweep_id: Mapped[str] = mapped_column(ForeignKey("sweeps.id", ondelete="CASCADE"))
    position: Mapped[int]
    optimizer: Mapped[str]
    scheduler: Mapped[str]
    initial_lr: Mapped[float]
    value: Mapped[float]
    params: Mapped[dict[str, Any]]
    trials: Mapped[list[Any]]
    tried: Mapped[int]
    low: Mapped[float]
    high: Mapped[float]
    notes: Mapped[list[Any]]
    evidence: Mapped[dict[str, Any] | None]
    """Luck, stability and the folk grid's best."""


class SubmissionRow(Base):
    """What an idempotency key stood for: the digest of the spec that came with it, and the sweep that was made."""

    __tablename__ = "submissions"
    __table_args__ = (PrimaryKeyConstraint("submitter", "key"),)

    submitter: Mapped[str]
    key: Mapped[str]
    digest: Mapped[str]
    sweep_id: Mapped[str] = mapped_column(ForeignKey("sweeps.id", ondelete="CASCADE"))


class TokenRow(Base):
    """A bearer token of the HTTP API, of which only the SHA-256 is kept."""

    __tablename__ = "tokens"

    name: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(unique=True)
    scope: Mapped[str]
    created: Mapped[datetime]
    expires: Mapped[datetime | None]
    revoked: Mapped[datetime | None]
