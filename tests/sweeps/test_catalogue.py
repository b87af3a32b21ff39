"""Every row of the catalogue says what torch itself says of the class that it names."""

import inspect
import math
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from sweeps.catalogue import (
    OPTIMIZERS,
    SCHEDULERS,
    OptimizerRow,
    SchedulerRow,
    optimizer_row,
    optimizer_space,
    scheduler_row,
    scheduler_space,
)
from sweeps.domains import Choice, Domain, Fixed, Range, Value, contains, values_of
from sweeps.param import Param
from sweeps.schedulers import WARM_UP
from workers.scheduletable import stock_arguments

SPEED = {"maximize", "foreach", "capturable", "differentiable", "fused"}
"""Torch's own switches of how an optimizer computes, not of what."""
NOT_A_SCHEDULER = {"LRScheduler": "the base class of the others"}
"""What torch exports beside its schedulers, and why no row names it."""
NESTED: dict[str, dict[str, Value]] = {
    "SequentialLR": {"schedulers": ("LinearLR", "StepLR"), "milestones": (7,)},
    "ChainedScheduler": {"schedulers": ("LinearLR", "StepLR")},
}
WITHOUT_DEFAULT = {"Adafactor": {"eps": (None, 1e-3)}}
"""Torch's defaults that no spec can write, so that the rows leave them to torch."""

optimizers = pytest.mark.parametrize("row", OPTIMIZERS.values(), ids=lambda row: row.name)
schedulers = pytest.mark.parametrize("row", SCHEDULERS.values(), ids=lambda row: row.name)
real_schedulers = pytest.mark.parametrize(
    "row", [row for row in SCHEDULERS.values() if row.clock != "none"], ids=lambda row: row.name
)
every_param = pytest.mark.parametrize(
    ("row", "name"),
    [
        pytest.param(row, name, id=f"{row.name}.{name}")
        for table in (OPTIMIZERS, SCHEDULERS)
        for row in table.values()
        for name in row.params
    ],
)


def torch_class(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(sys.modules[module], name)


def keywords(path: str) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(torch_class(path)).parameters)


def an_optimizer() -> torch.optim.Optimizer:
    return torch.optim.SGD([nn.Parameter(torch.zeros(2))], lr=0.1)


def made(row: OptimizerRow | SchedulerRow, params: dict[str, Value], optimizer: Any = None) -> Any:
    """The torch object that a row names; a scheduler of 20 ticks."""
    if isinstance(row, OptimizerRow):
        return torch_class(row.path)([nn.Parameter(torch.zeros(2, 2))], lr=row.default_lr, **params)
    optimizer = optimizer or an_optimizer()
    keywords = stock_arguments(row, {**NESTED.get(row.name, {}), **params}, [0.1], 20, cycles=True)
    if row.nests:
        keywords["schedulers"] = [made(SCHEDULERS[name], {}, optimizer) for name in keywords["schedulers"]]
    return torch_class(row.path)(optimizer=optimizer, **keywords)


@optimizers
def test_an_optimizer_takes_all_of_torchs_own_keyword_arguments(row: OptimizerRow) -> None:
    assert set(row.params) == set(keywords(row.path)) - SPEED - {"params", "lr"}


@optimizers
def test_an_optimizers_defaults_are_torchs(row: OptimizerRow) -> None:
    own = keywords(row.path)
    unwritten = WITHOUT_DEFAULT.get(row.name, {})
    assert {name: unwritten.get(name, param.default) for name, param in row.params.items()} == {
        name: own[name].default for name in row.params
    }
    assert row.default_lr == own["lr"].default


@optimizers
def test_a_default_lr_lies_inside_the_range_that_is_tested(row: OptimizerRow) -> None:
    assert row.lr.log
    assert row.lr.low < row.default_lr < row.lr.high


@optimizers
def test_what_an_optimizer_searches_unasked_is_allowed(row: OptimizerRow) -> None:
    for name, domain in row.space.items():
        for value in edges(domain):
            assert row.params[name].accepts(value)
            made(row, {name: value})


def edges(domain: Domain) -> tuple[Value, ...]:
    return (domain.low, domain.high) if isinstance(domain, Range) else tuple(values_of(domain))


@real_schedulers
def test_all_of_torchs_keyword_arguments_are_taken_or_refused_with_a_reason(row: SchedulerRow) -> None:
    own = set(keywords(row.path))
    assert set(row.params) == own - set(row.not_given)
    assert set(row.not_given) - own <= {"last_epoch"}
    assert all("; " in reason for reason in row.not_given.values())


@schedulers
def test_every_scheduler_may_have_a_warm_up_and_its_own_arguments_stay_its_own(row: SchedulerRow) -> None:
    assert dict(row.searchable) == {**row.params, **WARM_UP}
    assert not WARM_UP.keys() & row.params.keys()


def test_what_torch_exports_is_a_row_or_left_out_for_a_reason() -> None:
    exported = {f"torch.optim.lr_scheduler:{name}" for name in torch.optim.lr_scheduler.__all__}
    exported |= {
        f"torch.optim.swa_utils:{name}"
        for name, found in vars(torch.optim.swa_utils).items()
        if name in torch.optim.swa_utils.__all__ and isinstance(found, type) and issubclass(found, LRScheduler)
    }
    named = {row.path for row in SCHEDULERS.values() if row.clock != "none"}
    assert named.isdisjoint(f"torch.optim.lr_scheduler:{name}" for name in NOT_A_SCHEDULER)
    assert named | {f"torch.optim.lr_scheduler:{name}" for name in NOT_A_SCHEDULER} == exported


@real_schedulers
def test_a_schedulers_defaults_are_torchs(row: SchedulerRow) -> None:
    own = keywords(row.path)
    for name, param in row.params.items():
        torchs = own[name].default
        if name in row.from_steps:
            torchs = None
        assert param.default == (None if torchs is inspect.Parameter.empty else torchs), name


@real_schedulers
@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 5, 10, 20, 100, 1000])
def test_what_a_scheduler_takes_from_the_budget_is_all_that_it_needs(row: SchedulerRow, epochs: int) -> None:
    taken = {name: rule(epochs) for name, rule in row.from_budget.items()}
    for name, value in taken.items():
        assert row.params[name].accepts(value), f"{name}={value!r}"
    required = {name for name, own in keywords(row.path).items() if own.default is inspect.Parameter.empty}
    arguments = stock_arguments(row, {}, [0.1], epochs, cycles=True)
    assert {name: arguments[name] for name in taken if name != "lr_lambda"} == {
        name: value for name, value in taken.items() if name != "lr_lambda"
    }
    assert required - set(row.params if row.nests else ()) <= {"optimizer", *arguments}
    if not row.nests:
        torch_class(row.path)(an_optimizer(), **arguments)


def test_a_schedule_from_the_budget_ends_inside_it() -> None:
    for epochs in (6, 20, 50):
        budget = {
            (row.name, name): rule(epochs) for row in SCHEDULERS.values() for name, rule in row.from_budget.items()
        }
        assert budget["CosineAnnealingLR", "T_max"] == epochs
        assert max(budget["MultiStepLR", "milestones"]) < epochs
        assert budget["StepLR", "step_size"] < epochs
        assert budget["ExponentialLR", "gamma"] ** epochs == pytest.approx(0.01)


def test_the_clock_of_each_scheduler_is_the_one_that_its_docs_step_it_by() -> None:
    assert {name for name, row in SCHEDULERS.items() if row.clock == "none"} == {"none"}
    assert {name for name, row in SCHEDULERS.items() if row.clock == "metric"} == {"ReduceLROnPlateau"}
    assert {name for name, row in SCHEDULERS.items() if row.clock == "step"} == {"OneCycleLR", "CyclicLR"}
    assert {name for name, row in SCHEDULERS.items() if row.nests} == {"SequentialLR", "ChainedScheduler"}


def numbers(param: Param) -> st.SearchStrategy[float]:
    low = 0.0 if param.low == -math.inf else param.low
    high = low + 1e3 if param.high == math.inf else param.high
    if param.kind == "int":
        return st.integers(math.ceil(low), math.floor(high))
    # Not 5e-324, which torch takes and then divides by.
    return st.floats(low + 1e-6 * param.open_low, high, exclude_max=param.open_high)


def accepted(param: Param) -> st.SearchStrategy[Value]:
    """Values that lie in a parameter's bounds."""
    match param.kind:
        case "bool":
            return st.booleans()
        case "text":
            return st.sampled_from(param.choices)
        case "pair":
            if param.around is not None:
                below, above = replace(param, high=param.around, open_high=True), replace(param, low=param.around)
                return st.tuples(numbers(below), numbers(replace(above, open_low=True)))
            return st.tuples(*[numbers(param)] * param.length)
        case "expression":
            one = st.sampled_from(["0.5", "0.9 ** epoch", "cosine_decay(1, epoch, 20)", "math:exp"])
            return one | st.tuples(one)
        case "milestones":
            return st.sets(st.integers(1, 500), min_size=1, max_size=5).map(lambda found: tuple(sorted(found)))
        case "schedulers":
            return st.just(("ConstantLR", "ExponentialLR"))
        case _:
            return numbers(param)


@every_param
@given(data=st.data())
@settings(max_examples=10, deadline=None)
def test_torch_takes_what_a_parameter_accepts(row: Any, name: str, data: st.DataObject) -> None:
    value = data.draw(accepted(row.params[name]))
    assert row.params[name].accepts(value)
    if row.name == "SequentialLR" and isinstance(value, tuple):
        # It must have one milestone fewer than schedulers.
        value = value[:1] if name == "milestones" else value
    if row.name == "OneCycleLR" and name == "total_steps":
        value = max(20, int(value))
    works(made(row, {name: value, **({"momentum": 0.9} if name == "nesterov" else {})}))


def works(thing: Any) -> None:
    """Steps an optimizer, or a scheduler with its optimizer, some epochs far."""
    optimizer = thing if isinstance(thing, torch.optim.Optimizer) else thing.optimizer
    weights = optimizer.param_groups[0]["params"][0]
    gradient = torch.ones_like(weights)
    if isinstance(optimizer, torch.optim.SparseAdam):
        gradient = gradient.to_sparse()
    for epoch in range(12):
        weights.grad = gradient
        optimizer.step(*[lambda: weights.detach().sum()] * isinstance(optimizer, torch.optim.LBFGS))
        if isinstance(thing, ReduceLROnPlateau):
            thing.step(1.0 + epoch % 2)
        elif thing is not optimizer:
            thing.step()
    assert math.isfinite(optimizer.param_groups[0]["lr"])


@every_param
def test_a_parameter_accepts_no_value_beyond_its_bounds_and_none_of_another_kind(row: Any, name: str) -> None:
    param = row.params[name]
    beyond = [math.nan, math.inf, -math.inf, None, "much", [0.1, 0.2]]
    if param.kind in ("float", "int"):
        beyond += [True, (0.1, 0.2)]
        beyond += [math.nextafter(param.low, -math.inf), math.nextafter(param.high, math.inf)]
        beyond += [param.low] * param.open_low + [param.high] * param.open_high
    if param.kind == "int":
        beyond += [2.5]
    if param.kind == "pair":
        beyond += [0.9, (0.9,), (0.9,) * (param.length + 1), (math.nan,) * param.length, ("a",) * param.length]
        inside = max(param.low, 0.5)
        beyond += [(inside, math.nextafter(param.high, math.inf))] * (param.high < math.inf)
        beyond += [(math.nextafter(param.low, -math.inf), inside)] * (param.low > -math.inf)
        beyond += [(param.around, 2.0), (0.5, param.around)] if param.around is not None else []
    if param.kind == "milestones":
        beyond += [(), (0, 2), (2, 2), (3, 2), (1.5, 2), 4]
    if param.kind == "expression":
        beyond += [(), ("0.5", "much"), ("0.5", 0.5), 0.5, "module.function", "my/own.txt:warm", ":warm", "a b:c"]
    if param.kind == "schedulers":
        beyond += [(), "StepLR", ("StepLR", 3)]
    assert [value for value in beyond if param.accepts(value)] == []


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("SGD", {"momentum": -0.1}),
        ("SGD", {"weight_decay": -1e-4}),
        ("AdamW", {"betas": (0.9, 1.0)}),
        ("AdamW", {"betas": (-0.1, 0.9)}),
        ("AdamW", {"eps": -1e-8}),
        ("SparseAdam", {"eps": 0.0}),
        ("RMSprop", {"alpha": -0.1}),
        ("Adadelta", {"rho": 1.1}),
        ("Adagrad", {"lr_decay": -0.1}),
        ("Adagrad", {"initial_accumulator_value": -0.1}),
        ("NAdam", {"momentum_decay": -0.1}),
        ("Adafactor", {"beta2_decay": 0.1}),
        ("Adafactor", {"d": 0.9}),
        ("Adafactor", {"eps": (-0.1, 1e-3)}),
        ("Rprop", {"etas": (1.0, 1.2)}),
        ("Rprop", {"etas": (0.5, 1.0)}),
        ("Muon", {"momentum": -0.1}),
        ("Muon", {"adjust_lr_fn": "adamw"}),
        ("ConstantLR", {"factor": 1.1}),
        ("ConstantLR", {"factor": -0.1}),
        ("SWALR", {"anneal_epochs": -1}),
        ("SWALR", {"anneal_strategy": "cosine"}),
        ("SequentialLR", {"schedulers": ()}),
        ("ChainedScheduler", {"schedulers": ()}),
        ("LinearLR", {"start_factor": 0.0}),
        ("LinearLR", {"end_factor": 1.1}),
        ("CosineAnnealingWarmRestarts", {"T_0": 0}),
        ("CosineAnnealingWarmRestarts", {"T_mult": 0}),
        ("ReduceLROnPlateau", {"factor": 1.0}),
        ("ReduceLROnPlateau", {"threshold_mode": "relative"}),
    ],
)
def test_what_torch_refuses_is_refused_before(name: str, bad: dict[str, Value]) -> None:
    row: Any = OPTIMIZERS.get(name) or SCHEDULERS[name]
    with pytest.raises(ValueError, match=r".+"):
        made(row, bad)
    assert not any(row.params[key].accepts(value) for key, value in bad.items())


@pytest.mark.parametrize(
    ("param", "words"),
    [
        (Param(), "a number"),
        (Param(low=0, open_low=True), "a number with 0 < value"),
        (Param(kind="int", low=1), "a whole number with 1 <= value"),
        (Param(kind="pair", low=0, high=1, open_high=True), "two numbers, each with 0 <= value < 1"),
        (Param(kind="pair", length=3), "three numbers"),
        (Param(kind="pair", around=1.0), "two numbers, the first below 1 and the second above"),
        (Param(kind="any"), "a number, true or false, text, or a list of numbers"),
        (Param(kind="milestones"), "a list of whole numbers from 1, each greater than the one before"),
        (Param(kind="schedulers"), "a list of schedulers, each a name or {name: arguments}"),
        (Param(kind="bool"), "true or false"),
        (Param(kind="text", choices=("rel", "abs")), "one of: rel, abs"),
    ],
)
def test_the_bounds_in_words(param: Param, words: str) -> None:
    assert param.allowed == words


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"unknown optimizer 'adamw2'; did you mean 'AdamW'\? choose one of: SGD, "):
        optimizer_row("adamw2")
    with pytest.raises(ValueError, match=r"unknown scheduler 'steplr'; did you mean 'StepLR'\? choose one of: none, "):
        scheduler_row("steplr")


def test_what_the_user_gives_stands_over_what_a_row_searches_unasked() -> None:
    own = {"weight_decay": Fixed(value=0.1), "eps": Choice(values=(1e-8, 1e-6))}
    assert optimizer_space("AdamW", own) == own
    assert scheduler_space("StepLR", {"step_size": Fixed(value=2)}, epochs=30) == {"step_size": Fixed(value=2)}
    assert scheduler_space("StepLR", {"gamma": Fixed(value=0.5)}, epochs=30) == {
        "step_size": Fixed(value=10),
        "gamma": Fixed(value=0.5),
    }
    assert scheduler_space("none", {}, epochs=30) == {}


NESTED_PARTS: dict[str, Domain] = {
    "schedulers": Fixed(value=("ConstantLR", "CosineAnnealingLR", "StepLR")),
    "milestones": Fixed(value=(5, 20)),
}


@pytest.mark.parametrize(
    ("name", "given", "unasked"),
    [
        ("CosineAnnealingLR", {"warmup": Fixed(value=5)}, {"T_max": 25}),
        ("CosineAnnealingLR", {"warmup": Fixed(value=4.5)}, {"T_max": 26}),
        ("CosineAnnealingLR", {"warmup": Fixed(value=40)}, {"T_max": 1}),
        ("CosineAnnealingLR", {"warmup": Range(low=1, high=5)}, {}),
        ("CosineAnnealingLR", {"warmup_factor": Range(low=0.01, high=0.1)}, {"T_max": 30}),
        ("SequentialLR", NESTED_PARTS, {"1.T_max": 15, "2.step_size": 3}),
        (
            "SequentialLR",
            {**NESTED_PARTS, "warmup": Fixed(value=1), "1.T_max": Choice(values=(3, 4))},
            {"2.step_size": 3},
        ),
        ("SequentialLR", {**NESTED_PARTS, "milestones": Choice(values=((5, 20), (5, 25)))}, {}),
        ("SequentialLR", {**NESTED_PARTS, "schedulers": Fixed(value=("StepLR", "StepLR", "OneCycleLR"))}, {}),
        (
            "ChainedScheduler",
            {"schedulers": Fixed(value=("StepLR", "CosineAnnealingLR"))},
            {"0.step_size": 10, "1.T_max": 30},
        ),
        ("OneCycleLR", {}, {}),
    ],
)
def test_what_is_not_given_follows_from_the_epochs_that_a_scheduler_has(
    name: str, given: dict[str, Domain], unasked: dict[str, Value]
) -> None:
    ours = {key: Fixed(value=value) for key, value in unasked.items()}
    assert scheduler_space(name, given, epochs=30) == {**ours, **given}


@pytest.mark.parametrize(
    ("domain", "value", "inside"),
    [
        (Range(low=1e-4, high=1e-1, log=True), 1e-4, True),
        (Range(low=1e-4, high=1e-1, log=True), 0.11, False),
        (Range(low=1, high=9, integer=True), "5", False),
        (Choice(values=(0.0, 0.9)), 0.9, True),
        (Choice(values=(0.0, 0.9)), 0.5, False),
        (Choice(values=((10, 20), (5, 15))), (5, 15), True),
        (Fixed(value=0.1), 0.1, True),
        (Fixed(value=0.1), 0.2, False),
    ],
)
def test_a_domain_knows_its_values(domain: Domain, value: Value, inside: bool) -> None:
    assert contains(domain, value) is inside


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"low": 1.0, "high": 1.0}, "empty range: low 1 must be below high 1"),
        ({"low": 1.0, "high": 0.1}, "empty range: low 1 must be below high 0.1"),
        ({"low": 0.0, "high": 1.0, "log": True}, "a logarithmic range needs low > 0, got 0"),
        ({"low": math.nan, "high": 1.0}, "a range needs finite bounds, got nan .. 1.0"),
        ({"low": 0.0, "high": math.inf}, "a range needs finite bounds, got 0.0 .. inf"),
    ],
)
def test_a_range_that_holds_nothing_is_refused(bounds: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Range(**bounds)


def test_listing_the_catalogue_loads_no_torch() -> None:
    code = "import sys, sweeps.catalogue; assert not {'torch', 'optuna', 'numpy'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
