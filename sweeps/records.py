"""What crosses the borders between coordinator, workers, store and tracking: frozen, plain, picklable."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from sweeps.domains import Value
from sweeps.groups import ParamGroup
from sweeps.objective import EarlyStopping, Objective
from sweeps.pickevidence import FolkBest, Luck, Stressed


class Outcome(StrEnum):
    """How a trial ended; every value carries its sentence."""

    sentence: str

    def __new__(cls, value: str, sentence: str) -> "Outcome":
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    COMPLETE = "COMPLETE", "trained to the end of its budget, or stopped early because it no longer improved"
    PRUNED = "PRUNED", "stopped at a rung because others did better there"
    DIVERGED = "DIVERGED", "the loss became NaN or infinite: this learning rate is too high"
    FAILED = "FAILED", "the task's own code or its worker failed; the traceback is kept"
    CANCELLED = "CANCELLED", "stopped because the sweep was cancelled or ran out of time"


class Stop(StrEnum):
    """Why a running job is told to stop. INTERRUPTED ones leave a checkpoint and go on in a later run."""

    PRUNED = "pruned"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class Ending(StrEnum):
    """How a coordinator left a sweep. An INTERRUPTED one goes on where it stopped."""

    DONE = "DONE"
    CANCELLED = "CANCELLED"
    INTERRUPTED = "INTERRUPTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How long one trial trains: exactly one of epochs and steps (optimizer steps) is set."""

    epochs: int | None = None
    steps: int | None = None

    def total_steps(self, steps_per_epoch: int) -> int:
        """Optimizer steps in all.

        >>> Budget(epochs=3).total_steps(10), Budget(steps=25).total_steps(10)
        (30, 25)
        """
        if self.steps is not None:
            return self.steps
        assert self.epochs is not None
        return self.epochs * steps_per_epoch

    def total_epochs(self, steps_per_epoch: int) -> int:
        """Epochs in all; the last may be cut short by a budget in steps.

        >>> Budget(epochs=3).total_epochs(10), Budget(steps=25).total_epochs(10)
        (3, 3)
        """
        return -(-self.total_steps(steps_per_epoch) // steps_per_epoch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What to train: one point of the search space and a seed. `number` counts trials of a sweep from 0."""

    number: int
    optimizer: str
    scheduler: str
    initial_lr: float
    optimizer_params: Mapping[str, Value] = field(default_factory=dict)
    scheduler_params: Mapping[str, Value] = field(default_factory=dict)
    seed: int
    origin: str = "sampler"

    @property
    def params(self) -> dict[str, Value]:
        """Hyperparameters by the name that Optuna, the store and MLflow all use.

        >>> Proposal(number=0, optimizer="SGD", scheduler="StepLR", initial_lr=0.1, seed=0,
        ...          optimizer_params={"momentum": 0.9}, scheduler_params={"gamma": 0.5}).params
        {'SGD.momentum': 0.9, 'StepLR.gamma': 0.5}
        """
        return {f"{self.optimizer}.{key}": value for key, value in self.optimizer_params.items()} | {
            f"{self.scheduler}.{key}": value for key, value in self.scheduler_params.items()
        }


Growth = Literal["exponential", "linear"]
"""How the LR grows from step to step: by the same factor, or by the same amount as in Smith's paper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """The schedule of an LR range test: the LR grows from low to high within `steps` steps.

    `group` names the one param group that follows it, while the others stay at the job's LRs; None: all do, in their
    ratios.
    """

    low: float
    high: float
    steps: int
    growth: Growth = "exponential"
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One lane's order to a worker. `key` names it among all jobs of a sweep: 'trial 3', 'range test SGD 0'."""

    key: str
    optimizer: str
    scheduler: str
    initial_lr: float
    optimizer_params: Mapping[str, Value] = field(default_factory=dict)
    scheduler_params: Mapping[str, Value] = field(default_factory=dict)
    groups: tuple[ParamGroup, ...] = ()
    seed: int = 0
    budget: Budget
    objective: Objective
    early_stopping: EarlyStopping | None = None
    ramp: Ramp | None = None
    rungs: tuple[int, ...] = ()
    """Epochs after which the worker waits for the coordinator's verdict before it goes on."""
    checkpoint: str | None = None
    """File that holds the lane between two attempts; None keeps nothing."""
    known: int | None = None
    """Epochs of earlier attempts whose reports have arrived: what a checkpoint from beyond has said was lost with its
    worker, so it is of no use. None: any checkpoint will do."""
    alone: bool = False
    """Whether its process may have died of it: where it trains in the coordinator's, nothing trains beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a worker says after each epoch of a job.

    `epoch` and `step` count what is done (from 1). `lrs` holds the LR of each param group at the start of
    the epoch, 0 for one that is frozen; `step_losses` and `step_lrs` ([steps of this epoch]) the training loss and
    the first group's LR of each step; `step_more` other series of the same length, where they move from step to
    step: `momentum`, and `lr/<group>` of the groups beyond the first. `watched` holds the validation metrics that a
    ramp stopped for on its way, by the number of steps that were done. `seconds` is the time since the job began
    training on its worker.
    """

    key: str
    epoch: int
    step: int
    metrics: Mapping[str, float]
    lrs: tuple[float, ...]
    step_losses: tuple[float, ...] = ()
    step_lrs: tuple[float, ...] = ()
    step_more: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    watched: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    seconds: float = 0.0


Reported = tuple[int, Report, float | None]
"""A trial's number, what it reported, and the objective among it (None: it has none)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A job has begun on a worker, from a checkpoint after `epoch` epochs (0: from the start)."""

    key: str
    epoch: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A job is over. `error` holds the traceback of a FAILED one; `interrupted` ones go on another day."""

    key: str
    outcome: Outcome
    error: str | None = None
    interrupted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The worker died under a job; it may be tried again from its checkpoint."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that a worker's user should know, said once; it belongs to no job."""

    text: str
    key: str = ""


Event = Started | Report | Ended | Lost | Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskInfo:
    """What a worker found out about the task before the sweep: one epoch's steps, size and metric names.

    A plain training function tells none of it beforehand: `steps_per_epoch` is None and `metrics` is empty.
    """

    steps_per_epoch: int | None
    parameters: int = 0
    metrics: tuple[str, ...] = ()
    device: str = "cpu"
    batch_size: int | None = None
    """Examples in a training step; None where batches come ready from the user's code and differ or do not say."""
    accumulation: int = 1
    """Batches for each optimizer step."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Why a candidate cannot train the task, by the key of its job, in a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeVersion:
    """Which code was trained: the task's reference, a hash of its file where it is one, and the versions around it."""

    task: str
    sha256: str | None = None
    lrsweep: str | None = None
    torch: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """One lane of the probe that follows a range test: what training at an LR came to.

    `values` holds the objective after each epoch that was trained; `exploded` says that its loss turned non-finite.
    """

    lr: float
    seed: int
    values: tuple[float, ...] = ()
    exploded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeTest:
    """An LR range test of one optimizer: curves of every seed kept whole, and what was concluded from them.

    `lrs` is [steps]; `losses` is [seeds][steps], cut where a seed turned non-finite. `metrics` holds what was
    validated on the way, by name, [seeds][points], after so many steps as `metric_steps` says, [points]. `probe` holds
    the lanes of a probe, where one followed, under `scheduler`. `initial_lr` is the suggestion, `interval` what it may
    lie in (None: nothing is known), `low` and `high` the bounds that the sweep searches. `trusted` is False with
    `reasons` when the curve does not say, and the bounds then take in the catalogue's range.
    """

    optimizer: str
    scheduler: str = "none"
    initial_lr: float
    low: float
    high: float
    interval: tuple[float, float] | None = None
    trusted: bool
    reasons: tuple[str, ...]
    seeds: tuple[int, ...]
    lrs: tuple[float, ...]
    losses: tuple[tuple[float, ...], ...]
    metric_steps: tuple[int, ...] = ()
    metrics: Mapping[str, tuple[tuple[float, ...], ...]] = field(default_factory=dict)
    probe: tuple[Probed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """The stored record of a proposal and its outcome; `outcome` is None while it waits or runs."""

    proposal: Proposal
    outcome: Outcome | None
    value: float | None
    """The objective, last or best as the spec says; None if it never reported a finite one."""
    epochs: int
    objectives: tuple[float, ...] = ()
    """The objective metric after each epoch, [epochs]."""
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """The recommended initial LR of one (optimizer, scheduler), with the trials that speak for it.

    `value` is the objective's mean over the seeds of that configuration; `trials` their numbers;
    `low`..`high` is the span of LRs among trials of the pair within 5 % of the best value, pruned ones too where a
    trial's best epoch counts. `luck` says how
    much of the value may be chance (None: nothing tells); `stability` what multiples of the LR came to, lowest first,
    where they were trained; `folk_grid` the best of the folk grid, where that was.
    """

    optimizer: str
    scheduler: str
    initial_lr: float
    value: float
    params: Mapping[str, Value]
    trials: tuple[int, ...]
    tried: int
    low: float
    high: float
    notes: tuple[str, ...] = ()
    luck: Luck | None = None
    stability: tuple[Stressed, ...] = ()
    folk_grid: FolkBest | None = None
