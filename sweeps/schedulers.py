"""Every scheduler that a sweep may name, one row each: torch class by path, clock, arguments, what it takes unasked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sweeps.domains import Value
from sweeps.param import Param


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerRow:
    """One scheduler. What is not given comes from the budget in epochs or in steps, or from the trial's LR.

    `from_budget` values are part of the search space; `from_steps` and `from_lr` are known only where the trial
    trains: a step-wise schedule lasts as many steps as the trial, and one that ignores the optimizer's LR gets the
    trial's LR as its peak.
    """

    name: str
    path: str
    clock: Literal["none", "epoch", "step", "metric"]
    params: Mapping[str, Param]
    from_budget: Mapping[str, Callable[[int], Value]] = field(default_factory=dict)
    from_steps: Mapping[str, Callable[[int], Value]] = field(default_factory=dict)
    from_lr: Mapping[str, Callable[[float], Value]] = field(default_factory=dict)
    cycles_momentum: bool = False
    care: str = ""


def _row(
    name: str, params: Mapping[str, Param], *, care: str = "", **from_budget: Callable[[int], Value]
) -> SchedulerRow:
    return SchedulerRow(
        name=name,
        path=f"torch.optim.lr_scheduler:{name}",
        clock="epoch",
        params=params,
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

SCHEDULERS: Mapping[str, SchedulerRow] = {
    row.name: row
    for row in (
        SchedulerRow(name="none", path="", clock="none", params={}, care="a constant LR"),
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
            care="lr_lambda is a factor of the initial LR, an expression of `epoch`: '0.95 ** epoch'",
            lr_lambda=lambda epochs: f"1 - epoch / {epochs}",
        ),
        _row(
            "MultiplicativeLR",
            {"lr_lambda": _FORMULA},
            care="lr_lambda is a factor of the epoch before, an expression of `epoch`",
            lr_lambda=lambda epochs: "0.95",
        ),
        SchedulerRow(
            name="OneCycleLR",
            path="torch.optim.lr_scheduler:OneCycleLR",
            clock="step",
            params={
                "pct_start": Param(default=0.3, low=0, high=1),
                "anneal_strategy": Param(kind="text", default="cos", choices=("cos", "linear")),
                "cycle_momentum": _FLAG,
                "base_momentum": Param(default=0.85, low=0, high=1, open_high=True),
                "max_momentum": Param(default=0.95, low=0, high=1, open_high=True),
                "div_factor": Param(default=25.0, low=1),
                "final_div_factor": Param(default=1e4, low=1),
                "three_phase": Param(kind="bool", default=False),
            },
            from_steps={"total_steps": lambda steps: steps},
            from_lr={"max_lr": lambda lr: lr},
            cycles_momentum=True,
            care="the trial's initial LR is its peak, max_lr; it lasts as many steps as the trial",
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
            from_steps={"step_size_up": lambda steps: max(1, steps // 8)},
            # Smith: the lower bound of a cycle is a third or a fourth of the upper one.
            from_lr={"max_lr": lambda lr: lr, "base_lr": lambda lr: lr / 4},
            cycles_momentum=True,
            care="the trial's initial LR is max_lr; base_lr is a fourth of it, and there are four cycles, unless given",
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
            care="watches the objective's metric, in its direction",
        ),
    )
}
