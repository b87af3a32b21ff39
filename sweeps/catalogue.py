"""Every optimizer and scheduler that a sweep may name: one row each, torch classes by path (so no torch is loaded)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from sweeps.domains import Choice, Domains, Fixed, Range, Value
from sweeps.errors import unknown
from sweeps.param import Param


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerRow:
    """One optimizer: torch class, arguments, the LRs that make sense on its own scale, what is searched unasked."""

    name: str
    path: str
    default_lr: float
    lr: Range
    """The bounds of its range test, and of its search where no range test was trusted."""
    params: Mapping[str, Param]
    space: Domains = field(default_factory=dict)
    care: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerRow:
    """One scheduler: torch class, its clock, arguments, and what it takes from the budget (epochs) unasked."""

    name: str
    path: str
    clock: Literal["none", "epoch", "step", "metric"]
    params: Mapping[str, Param]
    from_budget: Mapping[str, Callable[[int], Value]] = field(default_factory=dict)
    care: str = ""


_EPS = Param(default=1e-8, low=0)
_DECAY = Param(default=0.0, low=0)
_BETAS = Param(kind="pair", default=(0.9, 0.999), low=0, high=1, open_high=True)
_MOMENTUM = Param(default=0.0, low=0, high=1, open_high=True)
_FLAG = Param(kind="bool", default=False)
_ADAM_LR = Range(low=1e-6, high=1.0, log=True)
_SGD_LR = Range(low=1e-5, high=10.0, log=True)


def _optimizer(
    name: str,
    default_lr: float,
    lr: Range,
    params: Mapping[str, Param],
    *,
    care: str = "",
    **space: Choice | Range,
) -> OptimizerRow:
    return OptimizerRow(
        name=name,
        path=f"torch.optim:{name}",
        default_lr=default_lr,
        lr=lr,
        params=params,
        space=space,
        care=care,
    )


_ADAM = {"betas": _BETAS, "eps": _EPS, "weight_decay": _DECAY, "amsgrad": _FLAG}

OPTIMIZERS: Mapping[str, OptimizerRow] = {
    row.name: row
    for row in (
        _optimizer(
            "SGD",
            1e-3,
            _SGD_LR,
            {
                "momentum": _MOMENTUM,
                "dampening": Param(default=0.0, low=0),
                "weight_decay": _DECAY,
                "nesterov": _FLAG,
            },
            care="nesterov needs momentum > 0 and dampening 0",
            momentum=Choice(values=(0.9, 0.0)),
        ),
        _optimizer("Adam", 1e-3, _ADAM_LR, _ADAM | {"decoupled_weight_decay": _FLAG}),
        _optimizer(
            "AdamW",
            1e-3,
            _ADAM_LR,
            _ADAM | {"weight_decay": Param(default=1e-2, low=0)},
            weight_decay=Range(low=1e-5, high=1e-1, log=True),
        ),
        _optimizer("Adamax", 2e-3, _ADAM_LR, {"betas": _BETAS, "eps": _EPS, "weight_decay": _DECAY}),
        _optimizer(
            "NAdam",
            2e-3,
            _ADAM_LR,
            {
                "betas": _BETAS,
                "eps": _EPS,
                "weight_decay": _DECAY,
                "momentum_decay": Param(default=4e-3, low=0),
                "decoupled_weight_decay": _FLAG,
            },
            care="has a momentum schedule of its own",
        ),
        _optimizer(
            "RAdam",
            1e-3,
            _ADAM_LR,
            {"betas": _BETAS, "eps": _EPS, "weight_decay": _DECAY, "decoupled_weight_decay": _FLAG},
            care="has a warm-up of its own",
        ),
        _optimizer(
            "RMSprop",
            1e-2,
            Range(low=1e-6, high=1.0, log=True),
            {
                "alpha": Param(default=0.99, low=0, high=1, open_high=True),
                "eps": _EPS,
                "weight_decay": _DECAY,
                "momentum": _MOMENTUM,
                "centered": _FLAG,
            },
        ),
        _optimizer(
            "Adagrad",
            1e-2,
            Range(low=1e-5, high=10.0, log=True),
            {
                "lr_decay": Param(default=0.0, low=0),
                "weight_decay": _DECAY,
                "initial_accumulator_value": Param(default=0.0, low=0),
                "eps": Param(default=1e-10, low=0),
            },
            care="lr_decay compounds with a scheduler",
        ),
        _optimizer(
            "Adadelta",
            1.0,
            Range(low=1e-3, high=100.0, log=True),
            {
                "rho": Param(default=0.9, low=0, high=1),
                "eps": Param(default=1e-6, low=0),
                "weight_decay": _DECAY,
            },
            care="its LRs lie around 1",
        ),
        _optimizer(
            "ASGD",
            1e-2,
            _SGD_LR,
            {
                "lambd": Param(default=1e-4),
                "alpha": Param(default=0.75),
                "t0": Param(default=1e6, low=0),
                "weight_decay": _DECAY,
            },
            care="its own decay compounds with a scheduler",
        ),
        _optimizer(
            "SparseAdam",
            1e-3,
            _ADAM_LR,
            {"betas": _BETAS, "eps": Param(default=1e-8, low=0, open_low=True)},
            care="sparse gradients only: every parameter must be an Embedding(sparse=True)",
        ),
    )
}


def _scheduler(
    name: str,
    params: Mapping[str, Param],
    *,
    clock: Literal["epoch", "metric"] = "epoch",
    care: str = "",
    **from_budget: Callable[[int], Value],
) -> SchedulerRow:
    return SchedulerRow(
        name=name,
        path=f"torch.optim.lr_scheduler:{name}",
        clock=clock,
        params=params,
        from_budget=from_budget,
        care=care,
    )


_GAMMA = Param(default=0.1, low=0, open_low=True)
_EPOCHS = Param(kind="int", low=1)
_MIN_LR = Param(default=0.0, low=0)

SCHEDULERS: Mapping[str, SchedulerRow] = {
    row.name: row
    for row in (
        SchedulerRow(name="none", path="", clock="none", params={}, care="a constant LR"),
        _scheduler("StepLR", {"step_size": _EPOCHS, "gamma": _GAMMA}, step_size=lambda epochs: max(1, epochs // 3)),
        _scheduler(
            "MultiStepLR",
            {"milestones": Param(kind="milestones"), "gamma": _GAMMA},
            milestones=lambda epochs: tuple(sorted({max(1, epochs // 2), max(2, epochs * 3 // 4)})),
        ),
        _scheduler(
            "ExponentialLR",
            {"gamma": Param(low=0, open_low=True)},
            care="without gamma it falls to a hundredth over the budget",
            gamma=lambda epochs: 0.01 ** (1 / epochs),
        ),
        _scheduler(
            "CosineAnnealingLR",
            {"T_max": _EPOCHS, "eta_min": _MIN_LR},
            care="T_max is the way down only",
            T_max=lambda epochs: epochs,
        ),
        _scheduler(
            "CosineAnnealingWarmRestarts",
            {"T_0": _EPOCHS, "T_mult": Param(kind="int", default=1, low=1), "eta_min": _MIN_LR},
            T_0=lambda epochs: max(1, epochs // 3),
        ),
        _scheduler(
            "ConstantLR",
            {
                # Torch takes 0 and then divides by it.
                "factor": Param(default=1 / 3, low=1e-6, high=1),
                "total_iters": Param(kind="int", default=5, low=0),
            },
        ),
        _scheduler(
            "LinearLR",
            {
                "start_factor": Param(default=1 / 3, low=1e-6, high=1),
                "end_factor": Param(default=1.0, low=0, high=1),
                "total_iters": Param(kind="int", default=5, low=1),
            },
        ),
        _scheduler(
            "PolynomialLR",
            {"total_iters": Param(kind="int", default=5, low=1), "power": Param(default=1.0, low=0)},
            total_iters=lambda epochs: epochs,
        ),
        _scheduler(
            "ReduceLROnPlateau",
            {
                "factor": Param(default=0.1, low=0, high=1, open_low=True, open_high=True),
                "patience": Param(kind="int", default=10, low=0),
                "threshold": Param(default=1e-4, low=0),
                "threshold_mode": Param(kind="text", default="rel", choices=("rel", "abs")),
                "cooldown": Param(kind="int", default=0, low=0),
                "min_lr": _MIN_LR,
                "eps": Param(default=1e-8, low=0),
            },
            clock="metric",
            care="watches the objective's metric, in its direction",
        ),
    )
}


def optimizer_row(name: str) -> OptimizerRow:
    """The row of an optimizer. Raises ValueError with the nearest name if there is none."""
    return _row("optimizer", name, OPTIMIZERS)


def scheduler_row(name: str) -> SchedulerRow:
    """The row of a scheduler. Raises ValueError with the nearest name if there is none."""
    return _row("scheduler", name, SCHEDULERS)


_Row = TypeVar("_Row")


def _row(kind: str, name: str, table: Mapping[str, _Row]) -> _Row:
    if name not in table:
        raise ValueError(unknown(kind, name, table))
    return table[name]


def optimizer_space(name: str, given: Domains) -> Domains:
    """What is searched for an optimizer: what the user gave, over what its row searches unasked.

    >>> optimizer_space("SGD", {"nesterov": Fixed(value=False)})
    {'momentum': Choice(values=(0.9, 0.0)), 'nesterov': Fixed(value=False)}
    """
    return {**optimizer_row(name).space, **given}


def scheduler_space(name: str, given: Domains, epochs: int) -> Domains:
    """What is searched for a scheduler: what the user gave, over what it takes from the budget.

    >>> scheduler_space("CosineAnnealingLR", {}, epochs=20)
    {'T_max': Fixed(value=20)}
    """
    row = scheduler_row(name)
    return {**{key: Fixed(value=rule(epochs)) for key, rule in row.from_budget.items()}, **given}
