"""The LR passport: what an initial LR was found with, and what it may become where that changes.

An LR without its batch size, optimizer, schedule and budget is no more than a number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sweeps.catalogue import optimizer_row
from sweeps.domains import Value
from sweeps.groups import LR_MULTIPLIER, REST
from sweeps.objective import Objective
from sweeps.paramnames import params_of
from sweeps.records import Budget, CodeVersion, Pick, RangeTest
from sweeps.space import hyperparameters, one_value, representative
from sweeps.spec import OptimizerSpec, SweepSpec

FACTORS = (0.25, 0.5, 2.0, 4.0, 8.0)
"""Batch sizes to predict for, as multiples of the one that was trained with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """The LR that a rule predicts for a batch `factor` times as large; `batch_size` None where it is not known."""

    factor: float
    batch_size: int | None
    initial_lr: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One rule for carrying an LR over to another batch size. Nothing was trained to see whether it holds."""

    rule: str
    formula: str
    holds_for: str
    source: str
    prediction: bool = True
    lrs: tuple[Scaled, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _ScalingRule:
    """An LR grows with the batch size to the power of `exponent`."""

    name: str
    exponent: float
    formula: str
    holds_for: str
    source: str


_RULES = (
    _ScalingRule(
        name="linear",
        exponent=1.0,
        formula="initial_lr * factor",
        holds_for="SGD, up to a batch size beyond which no larger batch helps",
        source="Goyal et al., arXiv 1706.02677",
    ),
    _ScalingRule(
        name="square root",
        exponent=0.5,
        formula="initial_lr * sqrt(factor)",
        holds_for="Adam, RMSprop and their like, whose steps do not grow with the gradient",
        source="Malladi et al., arXiv 2205.10330",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Passport:
    """All that an initial LR depends on, and predictions for where the batch size changes.

    `initial_lr` is the trial's, or, where `group` names one, that of this parameter group alone beside a trial's LR of
    `trial_lr`. `accumulation` counts batches per optimizer step. `group_ratios` holds each parameter group's LR as a
    multiple of the trial's; it is empty where the model has one group. `evidence` says what was trained.
    """

    optimizer: str
    scheduler: str
    initial_lr: float
    group: str | None = None
    trial_lr: float | None = None
    optimizer_params: Mapping[str, Value]
    scheduler_params: Mapping[str, Value]
    group_ratios: Mapping[str, float]
    batch_size: int | None
    accumulation: int = 1
    budget: Budget
    objective: Objective
    seeds: tuple[int, ...]
    evidence: str
    code: CodeVersion
    carried_over: tuple[Prediction, ...]


def predictions(initial_lr: float, batch_size: int | None) -> tuple[Prediction, ...]:
    """What each rule makes of an LR at other batch sizes; a batch is at least one example.

    >>> linear, root = predictions(0.1, 64)
    >>> [(each.batch_size, round(each.initial_lr, 3)) for each in linear.lrs]
    [(16, 0.025), (32, 0.05), (128, 0.2), (256, 0.4), (512, 0.8)]
    >>> [(each.factor, round(each.initial_lr, 3)) for each in root.lrs]
    [(0.25, 0.05), (0.5, 0.071), (2.0, 0.141), (4.0, 0.2), (8.0, 0.283)]
    """
    # A factor that would cut an example in two is none.
    factors = [each for each in FACTORS if batch_size is None or (batch_size * each).is_integer()]
    return tuple(
        Prediction(
            rule=rule.name,
            formula=rule.formula,
            holds_for=rule.holds_for,
            source=rule.source,
            lrs=tuple(
                Scaled(
                    factor=factor,
                    batch_size=None if batch_size is None else round(batch_size * factor),
                    initial_lr=initial_lr * factor**rule.exponent,
                )
                for factor in factors
            ),
        )
        for rule in _RULES
    )


def passport_of_pick(pick: Pick, spec: SweepSpec, batch_size: int | None, code: CodeVersion) -> Passport:
    """The passport of what a sweep's trials found."""
    numbers = ", ".join(map(str, pick.trials))
    return _passport(
        pick.optimizer,
        pick.scheduler,
        pick.initial_lr,
        spec,
        batch_size,
        code,
        optimizer_params=params_of(pick.params, pick.optimizer),
        scheduler_params=params_of(pick.params, pick.scheduler),
        seeds=spec.seeds,
        evidence=f"the best of {pick.tried} trials: {numbers}",
    )


def passport_of_range_test(test: RangeTest, spec: SweepSpec, batch_size: int | None, code: CodeVersion) -> Passport:
    """The passport of what a range test recommends, with the hyperparameters that it trained with."""
    optimizer = next(each for each in spec.optimizers if each.name == test.optimizer)
    scheduler = next((each for each in spec.schedulers if each.name == test.scheduler), None)
    probed = f", then a probe of {len(test.probe)} lanes" if test.probe else ""
    group = spec.range_test.group if spec.range_test else None
    passport = _passport(
        test.optimizer,
        test.scheduler,
        test.initial_lr,
        spec,
        batch_size,
        code,
        optimizer_params=representative(hyperparameters(optimizer, spec.groups), test.optimizer),
        scheduler_params={key: one_value(domain) for key, domain in scheduler.params.items()} if scheduler else {},
        seeds=tuple(dict.fromkeys((*test.seeds, *(lane.seed for lane in test.probe)))),
        evidence=f"a range test of {len(test.lrs)} steps{probed}",
    )
    return passport if group is None else _of_group(passport, group, optimizer)


def _of_group(passport: Passport, group: str, optimizer: OptimizerSpec) -> Passport:
    """The passport where one group's LR was tested, and all others had theirs."""
    default = optimizer_row(optimizer.name).default_lr
    trial_lr = one_value(optimizer.lr, default) if optimizer.lr else default
    others = {name: ratio for name, ratio in passport.group_ratios.items() if name != group}
    return replace(passport, group=group, trial_lr=float(trial_lr), group_ratios=others)  # type: ignore[arg-type]


def _passport(
    optimizer: str,
    scheduler: str,
    initial_lr: float,
    spec: SweepSpec,
    batch_size: int | None,
    code: CodeVersion,
    *,
    optimizer_params: Mapping[str, Value],
    scheduler_params: Mapping[str, Value],
    seeds: tuple[int, ...],
    evidence: str,
) -> Passport:
    return Passport(
        optimizer=optimizer,
        scheduler=scheduler,
        initial_lr=initial_lr,
        optimizer_params=optimizer_params,
        scheduler_params=scheduler_params,
        group_ratios=_ratios(spec, optimizer_params),
        batch_size=batch_size,
        budget=spec.budget,
        objective=spec.objective,
        seeds=seeds,
        evidence=evidence,
        code=code,
        carried_over=predictions(initial_lr, batch_size),
    )


def _ratios(spec: SweepSpec, params: Mapping[str, Value]) -> dict[str, float]:
    names = [each.group.name for each in spec.groups]
    ratios = {name: params.get(f"{name}.{LR_MULTIPLIER}", 1.0) for name in names}
    return {REST: 1.0, **{name: float(ratio) for name, ratio in ratios.items()}} if names else {}  # type: ignore[arg-type]
