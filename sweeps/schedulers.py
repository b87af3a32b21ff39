"""Every scheduler that a sweep may name, one row each: torch class by path, clock, arguments, what it takes unasked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sweeps.domains import Value
from sweeps.errors import unknown
from sweeps.param import Param

Clock = Literal["none", "epoch", "step", "metric"]

WARM_UP: Mapping[str, Param] = {
    "warmup": Param(low=0, open_low=True),
    "warmup_factor": Param(default=0.01, low=1e-6, high=1),
}
"""A linear warm-up in front of any scheduler: its epochs, and the LR of its first step as a share of the trial's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerRow:
    """One scheduler. What is not given comes from its length in epochs or in steps, or from the trial's LR.

    `from_budget` values are part of the search space; `from_steps` and `from_lr` are known only where the trial
    trains: a step-wise schedule lasts as many steps as the trial, and one that ignores the optimizer's LR gets the
    trial's LR as its peak.
    """

    name: str
    path: str
    clock: Clock
    """What it counts by itself; `sweeps.nesting.clock_of` says it of one that has others inside."""
    params: Mapping[str, Param]
    not_given: Mapping[str, str] = field(default_factory=dict)
    """Torch's arguments that nobody gives: what each one is, and what to do instead."""
    from_budget: Mapping[str, Callable[[int], Value]] = field(default_factory=dict)
    from_steps: Mapping[str, Callable[[int], Value]] = field(default_factory=dict)
    from_lr: Mapping[str, Callable[[float], Value]] = field(default_factory=dict)
    smith: Mapping[str, Value] = field(default_factory=dict)
    """What the first trial takes unasked where the peak is the maximum of its LR range test, as Smith has it."""
    cycles_momentum: bool = False
    nests: bool = False
    """It has other schedulers inside, whose arguments `sweeps.nesting` tells apart."""
    care: str = ""

    @property
    def is_peak(self) -> bool:
        """True if the trial's LR is the peak that the schedule climbs to."""
        return "max_lr" in self.from_lr

    @property
    def searchable(self) -> Mapping[str, Param]:
        """All that a spec may give or search: torch's arguments, and the warm-up in front. Parts have no warm-up."""
        return {**self.params, **WARM_UP}


_OURS = {
    "optimizer": "is the trial's own; leave it out",
    "last_epoch": "follows from the trial, which begins at its start or at its checkpoint; leave it out",
}
_PEAK = "is the trial's initial LR; give it as lr of the optimizer"


def _row(
    name: str, params: Mapping[str, Param], *, care: str = "", **from_budget: Callable[[int], Value]
) -> SchedulerRow:
    return SchedulerRow(
        name=name,
        path=f"torch.optim.lr_scheduler:{name}",
        clock="epoch",
        params=params,
        not_given=_OURS,
        from_budget=from_budget,
        care=care,
    )


_GAMMA = Param(default=0.1, low=0, open_low=True)
_EPOCHS = Param(kind="int", low=1)
_STEPS = Param(kind="int", low=1)
_MIN_LR = Param(default=0.0, low=0)
_LR = Param(low=0, open_low=True)
_FORMULA = Param(kind="expression")
_FLAG = Param(kind="bool", default=True)
_PARTS = Param(kind="schedulers")

SCHEDULERS: Mapping[str, SchedulerRow] = {
    row.name: row
    for row in (
        SchedulerRow(name="none", path="", clock="none", params={}, not_given=_OURS, care="a constant LR"),
        _row("StepLR", {"step_size": _EPOCHS, "gamma": _GAMMA}, step_size=lambda epochs: max(1, epochs // 3)),
        _row(
            "MultiStepLR",
            {"milestones": Param(kind="milestones"), "gamma": _GAMMA},
            milestones=lambda epochs: tuple(sorted({max(1, epochs // 2), max(2, epochs * 3 // 4)})),
        ),
        _row(
            "ExponentialLR",
            {"gamma": Param(low=0, open_low=True)},
            care="without gamma it falls to a hundredth over the budget",
            gamma=lambda epochs: 0.01 ** (1 / epochs),
        ),
        _row(
            "CosineAnnealingLR",
            {"T_max": _EPOCHS, "eta_min": _MIN_LR},
            care="T_max is the way down only",
            T_max=lambda epochs: epochs,
        ),
        _row(
            "CosineAnnealingWarmRestarts",
            {"T_0": _EPOCHS, "T_mult": Param(kind="int", default=1, low=1), "eta_min": _MIN_LR},
            T_0=lambda epochs: max(1, epochs // 3),
        ),
        _row(
            "ConstantLR",
            {
                # Torch takes 0 and then divides by it.
                "factor": Param(default=1 / 3, low=1e-6, high=1),
                "total_iters": Param(kind="int", default=5, low=0),
            },
        ),
        _row(
            "LinearLR",
            {
                "start_factor": Param(default=1 / 3, low=1e-6, high=1),
                "end_factor": Param(default=1.0, low=0, high=1),
                "total_iters": Param(kind="int", default=5, low=1),
            },
        ),
        _row(
            "PolynomialLR",
            {"total_iters": Param(kind="int", default=5, low=1), "power": Param(default=1.0, low=0)},
            total_iters=lambda epochs: epochs,
        ),
        _row(
            "LambdaLR",
            {"lr_lambda": _FORMULA},
            care="lr_lambda is a factor of the initial LR: an expression of `epoch`, '0.95 ** epoch', or a function by "
            "path, or a list of them, one for each param group",
            lr_lambda=lambda epochs: f"1 - epoch / {epochs}",
        ),
        _row(
            "MultiplicativeLR",
            {"lr_lambda": _FORMULA},
            care="lr_lambda is a factor of the epoch before: an expression of `epoch`, or a function by path, or a "
            "list of them, one for each param group",
            lr_lambda=lambda epochs: "0.95",
        ),
        SchedulerRow(
            name="OneCycleLR",
            path="torch.optim.lr_scheduler:OneCycleLR",
            clock="step",
            params={
                "total_steps": _STEPS,
                "pct_start": Param(default=0.3, low=0, high=1),
                "anneal_strategy": Param(kind="text", default="cos", choices=("cos", "linear")),
                "cycle_momentum": _FLAG,
                "base_momentum": Param(default=0.85, low=0, high=1, open_high=True),
                "max_momentum": Param(default=0.95, low=0, high=1, open_high=True),
                "div_factor": Param(default=25.0, low=1),
                "final_div_factor": Param(default=1e4, low=1),
                "three_phase": Param(kind="bool", default=False),
            },
            not_given={
                **_OURS,
                "max_lr": _PEAK,
                "epochs": "follows from the budget; for another length give total_steps",
                "steps_per_epoch": "follows from the data; for another length give total_steps",
            },
            from_steps={"total_steps": lambda steps: steps},
            from_lr={"max_lr": lambda lr: lr},
            # Smith and Topin, arXiv 1708.07120: one cycle begins at a tenth of its peak or less.
            smith={"div_factor": 10.0},
            cycles_momentum=True,
            care="the trial's initial LR is its peak, max_lr; it lasts as many steps as the trial, unless total_steps "
            "says more; it has a warm-up of its own",
        ),
        SchedulerRow(
            name="CyclicLR",
            path="torch.optim.lr_scheduler:CyclicLR",
            clock="step",
            params={
                "base_lr": _LR,
                "step_size_up": _STEPS,
                "step_size_down": _STEPS,
                "mode": Param(kind="text", default="triangular", choices=("triangular", "triangular2", "exp_range")),
                "gamma": Param(default=1.0, low=0, open_low=True),
                "cycle_momentum": _FLAG,
                "base_momentum": Param(default=0.8, low=0, high=1, open_high=True),
                "max_momentum": Param(default=0.9, low=0, high=1, open_high=True),
            },
            not_given={
                **_OURS,
                "max_lr": _PEAK,
                "scale_fn": "is a function that no spec can hold; choose a mode",
                "scale_mode": "belongs to scale_fn; choose a mode",
            },
            from_steps={"step_size_up": lambda steps: max(1, steps // 8)},
            # Smith: the lower bound of a cycle is a third or a fourth of the upper one.
            from_lr={"max_lr": lambda lr: lr, "base_lr": lambda lr: lr / 4},
            cycles_momentum=True,
            care="the trial's initial LR is max_lr; base_lr is a fourth of it, and there are four cycles, unless given",
        ),
        SchedulerRow(
            name="SWALR",
            path="torch.optim.swa_utils:SWALR",
            clock="epoch",
            params={
                "swa_lr": _LR,
                "anneal_epochs": Param(kind="int", default=10, low=0),
                "anneal_strategy": Param(kind="text", default="cos", choices=("cos", "linear")),
            },
            not_given=_OURS,
            from_budget={"anneal_epochs": lambda epochs: max(1, epochs // 2)},
            # The authors' own runs (CIFAR-100, ResNets): from 0.1, averaged at 0.05.
            from_lr={"swa_lr": lambda lr: lr / 2},
            care="the schedule alone: no averaged weights are kept; unless given, swa_lr is half of the trial's "
            "initial LR, as for ResNets in arXiv 1803.05407, and the second half of the budget stays there",
        ),
        SchedulerRow(
            name="SequentialLR",
            path="torch.optim.lr_scheduler:SequentialLR",
            clock="epoch",
            params={"schedulers": _PARTS, "milestones": Param(kind="milestones")},
            not_given=_OURS,
            nests=True,
            care="one after another, each from its milestone on; if one of them goes by steps, all do, and milestones "
            "are steps; beside OneCycleLR, or after CyclicLR, others may begin at that one's first LR, as torch has it",
        ),
        SchedulerRow(
            name="ChainedScheduler",
            path="torch.optim.lr_scheduler:ChainedScheduler",
            clock="epoch",
            params={"schedulers": _PARTS},
            not_given=_OURS,
            nests=True,
            care="all at once, each on what the one before it made of the LR; if one of them goes by steps, all do",
        ),
        SchedulerRow(
            name="ReduceLROnPlateau",
            path="torch.optim.lr_scheduler:ReduceLROnPlateau",
            clock="metric",
            params={
                "factor": Param(default=0.1, low=0, high=1, open_low=True, open_high=True),
                "patience": Param(kind="int", default=10, low=0),
                "threshold": Param(default=1e-4, low=0),
                "threshold_mode": Param(kind="text", default="rel", choices=("rel", "abs")),
                "cooldown": Param(kind="int", default=0, low=0),
                "min_lr": _MIN_LR,
                "eps": Param(default=1e-8, low=0),
            },
            not_given={**_OURS, "mode": "follows from the objective's direction; give it there"},
            care="watches the objective's metric, in its direction",
        ),
    )
}


def scheduler_row(name: str) -> SchedulerRow:
    """The row of a scheduler. Raises ValueError with the nearest name if there is none."""
    if name not in SCHEDULERS:
        raise ValueError(unknown("scheduler", name, SCHEDULERS))
    return SCHEDULERS[name]
