"""What a user asks for: one sweep, validated, frozen, and the same whether it came from YAML, flags or HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sweeps.domains import Domain, Domains, Value
from sweeps.groups import ParamGroup
from sweeps.lanerecords import Compiling
from sweeps.objective import EarlyStopping, Objective
from sweeps.records import Budget, Growth


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """Which task: a built-in name, `module:attribute` or `path/to/file.py:attribute`, and its arguments."""

    use: str
    args: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerSpec:
    """One optimizer and its own ranges; `lr` None takes the range from its range test."""

    name: str
    lr: Domain | None = None
    params: Domains = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerSpec:
    """One scheduler and its own ranges."""

    name: str
    params: Domains = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSpec:
    """A parameter group, with the domains of its LR multiplier and of hyperparameters of its own."""

    group: ParamGroup
    params: Domains


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplerSpec:
    """How proposals are made. Proposal n knows results of trials numbered up to n - `window` alone."""

    name: Literal["tpe", "quasi-random", "random", "grid", "cma-es"] = "tpe"
    startup_trials: int = 10
    window: int | None = None
    """None: twice the lanes of all workers, so that none waits long for a slow neighbour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunerSpec:
    """When a trial is stopped for doing worse than others: `first_rung` in epochs, then times `reduction_factor`."""

    name: Literal["asha", "hyperband", "median", "none"] = "asha"
    first_rung: int = 1
    reduction_factor: int = 3
    startup_trials: int = 5
    """Median only: trials that must have ended before any is pruned."""


RAMP_STEPS = 100
"""Of a range test where nobody said how many; fewer will do before a probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeTestSpec:
    """The LR range test before the search: a ramp of `steps` steps on each of `seeds` seeds.

    `group` names the one param group whose LR grows while the others stay at theirs; None: all grow, in their ratios.
    Such a test says what its group's LR may be; the search, whose LR is the whole trial's, takes no bounds from it.
    """

    steps: int = RAMP_STEPS
    seeds: int = 3
    growth: Growth = "exponential"
    group: str | None = None
    probe: float = 0.0
    """What training a few LRs after the ramp may cost, in trainings at the full budget; 0: none are."""


Precision = Literal["float32", "tf32", "bf16"]
"""How losses are computed: as the tensors are, with products in TF32 (CUDA alone), or by autocast to bfloat16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkersSpec:
    """How many workers train at once, what each one may use, and how exactly it computes; `gpus` may be a fraction."""

    count: int = 2
    cpus: float = 1.0
    gpus: float = 0.0
    threads: int = 1
    precision: Precision = "float32"


@dataclass(frozen=True, slots=True, kw_only=True)
class LanesSpec:
    """How many trials a worker trains at once (None: as many as pay), stacked ("fused") or in turns ("looped").

    `compile` says whether stacked steps go through torch.compile: "auto" weighs the time that compiling takes.
    """

    count: int | None = None
    mode: Literal["auto", "fused", "looped"] = "auto"
    compile: Compiling = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartSpec:
    """A known-good starting point, tried before anything the sampler proposes."""

    optimizer: str
    scheduler: str
    lr: float
    params: Mapping[str, Value] = field(default_factory=dict)
    """By full name: `SGD.momentum`, `SGD.head.lr_multiplier`, `StepLR.gamma`."""


Stability = Literal["best", "all", "off"]
"""Which picks are trained at multiples of their LR after the search, to see how near the edge they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSpec:
    """A whole sweep. `trials` counts configurations, each trained once for every seed; 0: its range tests alone."""

    name: str
    task: TaskSpec
    budget: Budget
    objective: Objective = field(default_factory=Objective)
    seeds: tuple[int, ...] = (0,)
    optimizers: tuple[OptimizerSpec, ...]
    schedulers: tuple[SchedulerSpec, ...] = (SchedulerSpec(name="none"),)
    groups: tuple[GroupSpec, ...] = ()
    sampler: SamplerSpec = field(default_factory=SamplerSpec)
    pruner: PrunerSpec = field(default_factory=PrunerSpec)
    early_stopping: EarlyStopping | None = None
    range_test: RangeTestSpec | None = field(default_factory=RangeTestSpec)
    starts: tuple[StartSpec, ...] = ()
    folk_grid: bool = False
    """Whether every pair also trains 0.01, 0.001 and 0.0001, to be compared with its pick."""
    stability: Stability = "best"
    trials: int
    seed: int = 0
    workers: WorkersSpec = field(default_factory=WorkersSpec)
    lanes: LanesSpec = field(default_factory=LanesSpec)
    timeout: float | None = None
    """Seconds after which no trial is started and running ones are stopped; None: no limit."""

    @property
    def total_trials(self) -> int:
        """Trials in all: configurations times seeds."""
        return self.trials * len(self.seeds)
