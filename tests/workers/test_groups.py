"""Which parameters a group has, which hyperparameters, and what is said where they do not fit."""

from collections import OrderedDict
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sweeps.domains import Value
from sweeps.errors import TaskError, UserError
from sweeps.groups import ParamGroup
from sweeps.records import Ended, Outcome
from tests.workers.parts import HEAD, LAYOUTS, LR, OPTIMIZERS, SCHEDULERS, STEPS, TwoParts, a_trial
from tests.workers.small import CPU, hear, prepared, train
from workers.driver import drive
from workers.grouped import GroupedOptimizer
from workers.groups import model_groups
from workers.seeding import data_order
from workers.trial import Trial, train_function

COMPLETE = Ended(key="trial 0", outcome=Outcome.COMPLETE)


def dealt(groups: list[ParamGroup], model: nn.Module | None = None, **given: Any) -> list[list[str]]:
    """The names of each group's parameters."""
    model = model or TwoParts().model()
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = model_groups(model, a_trial(groups=tuple(groups), **given))
    return [[names[id(parameter)] for parameter in group.parameters] for group in found]


def group(name: str, *patterns: str, **given: Any) -> ParamGroup:
    return ParamGroup(name=name, patterns=patterns, **given)


F_W, F_B, H_W, H_B = "features.weight", "features.bias", "head.weight", "head.bias"


@pytest.mark.parametrize(
    ("groups", "names"),
    [
        ([], [[F_W, F_B, H_W, H_B]]),
        ([group("head", "head.*")], [[F_W, F_B], [H_W, H_B]]),
        ([group("all", "*")], [[F_W, F_B, H_W, H_B]]),
        ([group("b", "*.bias"), group("head", "head.*")], [[F_W], [F_B, H_B], [H_W]]),
        ([group("head", "head.*"), group("b", "*.bias")], [[F_W], [H_W, H_B], [F_B]]),
        ([group("x", "head.bias", "features.[w]*")], [[F_B, H_W], [F_W, H_B]]),
        ([group("x", "head.*", "*.bias"), group("y", "*.bias", "*.weight")], [[H_W, H_B, F_B], [F_W]]),
    ],
)
def test_the_first_group_with_a_pattern_for_it_has_a_parameter(
    groups: list[ParamGroup], names: list[list[str]]
) -> None:
    assert [set(each) for each in dealt(groups)] == [set(each) for each in names]


def test_a_tied_weight_has_all_of_its_names() -> None:
    model: Any = nn.Sequential(OrderedDict({"encoder": nn.Linear(3, 3), "decoder": nn.Linear(3, 3)}))
    model.decoder.weight = model.encoder.weight
    assert dealt([group("decoder", "decoder.*")], model) == [["encoder.bias"], ["encoder.weight", "decoder.bias"]]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (
            [group("head", "haed.weight")],
            r"group head: 'haed.weight' names no parameter of the model; did you mean 'head.weight' or .*\? it has: "
            r"features.weight, features.bias, head.weight, head.bias$",
        ),
        ([group("head", "head")], r"'head' names no parameter of the model; did you mean 'head.\*'\? it has: "),
        ([group("x", "head.*", "zzz")], r"group x: 'zzz' names no parameter of the model; it has: features.weight"),
        ([group("a", "*"), group("b", "head.*")], "group b: all that its patterns name belongs to groups before it"),
        (
            [group("a", "head.*", from_epoch=2), group("b", "*", from_epoch=1)],
            "every parameter is frozen at first: a until epoch 2, b until epoch 1; let one group train from epoch 0",
        ),
    ],
)
def test_patterns_that_do_not_fit_the_model_are_refused(groups: list[ParamGroup], message: str) -> None:
    with pytest.raises(UserError, match=message):
        dealt(groups)


def test_of_a_large_model_an_error_lists_a_few_names() -> None:
    with pytest.raises(UserError, match=r"it has: 0.weight, .*, 5.bias, \.\.\. \(40 in all\)$"):
        dealt([group("x", "zzz")], nn.Sequential(*[nn.Linear(1, 1) for _ in range(20)]))


# --- hyperparameters of a group's own


@pytest.mark.parametrize(
    ("optimizer", "params", "keywords"),
    [
        ("SGD", {"momentum": 0.9, "head.one_minus_momentum": 0.25}, [{"momentum": 0.9}, {"momentum": 0.75}]),
        ("AdamW", {"beta2": 0.9, "head.beta1": 0.5}, [{"betas": (0.9, 0.9)}, {"betas": (0.5, 0.9)}]),
        ("AdamW", {"eps": 1e-6, "head.eps": 1e-4}, [{"eps": 1e-6}, {"eps": 1e-4}]),
        ("SGD", {"head.weight_decay": 0.5, "head.lr_multiplier": 2}, [{"weight_decay": 0, "lr": 0.03}, {"lr": 0.06}]),
        ("SGD", {"head.nesterov": True, "head.momentum": 0.5}, [{"nesterov": False}, {"nesterov": True}]),
    ],
)
def test_a_groups_own_hyperparameters_go_over_the_trials(
    optimizer: str, params: dict[str, Value], keywords: list[dict[str, Value]]
) -> None:
    made = GroupedOptimizer(TwoParts().model(), a_trial(optimizer, optimizer_params=params)).optimizer
    for expected, each in zip(keywords, made.param_groups, strict=True):
        assert {name: each[name] for name in expected} == expected


def test_what_torch_refuses_for_a_group_alone_it_refuses() -> None:
    params: dict[str, Value] = {"momentum": 0.9, "nesterov": True, "head.momentum": 0.0}
    with pytest.raises(ValueError, match="Nesterov momentum requires a momentum and zero dampening"):
        GroupedOptimizer(TwoParts().model(), a_trial(optimizer_params=params))
    with pytest.raises(UserError, match="group head: unknown argument of SGD 'eps'"):
        GroupedOptimizer(TwoParts().model(), a_trial(optimizer_params={"head.eps": 0.1}))


def test_adagrad_gives_each_group_its_own_first_accumulator() -> None:
    params: dict[str, Value] = {"initial_accumulator_value": 0.1, "head.initial_accumulator_value": 4.0}
    model: Any = TwoParts().model()
    made = GroupedOptimizer(model, a_trial("Adagrad", optimizer_params=params)).optimizer
    assert made.state[model.features.bias]["sum"].tolist() == pytest.approx([0.1] * 6)
    assert made.state[model.head.bias]["sum"].tolist() == [4.0] * 2


def test_lbfgs_has_one_group_only() -> None:
    with pytest.raises(
        UserError, match="LBFGS trains all parameters as one group, and the spec has 2; leave LBFGS out"
    ):
        GroupedOptimizer(TwoParts().model(), a_trial("LBFGS"))
    late = (replace(HEAD, from_epoch=1),)
    with pytest.raises(UserError, match="LBFGS trains all parameters as one group"):
        GroupedOptimizer(TwoParts().model(), a_trial("torch.optim:LBFGS", groups=late))
    assert hear(train(prepared(TwoParts()), a_trial("LBFGS", groups=(group("all", "*"),)))).ended == COMPLETE


def test_a_pattern_that_names_nothing_fails_the_trial_with_its_sentence() -> None:
    job = a_trial(groups=(group("head", "classifier.*"),))
    *_, ended = drive(train(prepared(TwoParts()), job), job, lambda report: None)
    assert isinstance(ended, Ended)
    assert ended.outcome is Outcome.FAILED
    assert ended.error is not None
    assert ended.error.startswith("group head: 'classifier.*' names no parameter of the model")


# --- in a loop of the user's own


def own_loop(trial: Trial) -> None:
    task = TwoParts()
    (x, y), (val_x, val_y) = task.data()
    model = task.model()
    optimizer = trial.optimizer(model)
    scheduler = trial.scheduler(optimizer, steps_per_epoch=STEPS)
    for epoch in range(trial.epochs):
        for rows in data_order(len(x), trial.seed, epoch).split(task.batch_size):
            optimizer.zero_grad()
            loss = F.mse_loss(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            scheduler.after_batch(loss)
        with torch.no_grad():
            trial.report({"val/loss": F.mse_loss(model(val_x), val_y)})


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("scheduler", ["StepLR", "OneCycleLR", "ReduceLROnPlateau"])
@pytest.mark.parametrize("optimizer", ["SGD", "Muon"])
def test_a_loop_of_the_users_own_trains_groups_as_the_loop_of_a_task_does(
    optimizer: str, scheduler: str, layout: str
) -> None:
    group, params = LAYOUTS[layout]
    job = a_trial(
        optimizer,
        groups=(group,),
        optimizer_params={**OPTIMIZERS[optimizer], **params},
        scheduler=scheduler,
        scheduler_params=SCHEDULERS[scheduler],
    )
    task, function = hear(train(prepared(TwoParts()), job)), hear(train_function(own_loop, job, CPU))
    assert function.ended == task.ended == COMPLETE
    for ours, theirs in zip(function.reports, task.reports, strict=True):
        assert (ours.step_losses, ours.lrs, ours.step_lrs) == (theirs.step_losses, theirs.lrs, theirs.step_lrs)
        assert ours.step_more == theirs.step_more


def test_groups_by_name_need_the_model_itself() -> None:
    def function(trial: Trial) -> None:
        trial.optimizer(TwoParts().model().parameters())

    with pytest.raises(TaskError, match=r"parameter groups by name: give trial.optimizer\(\) the model itself"):
        hear(train_function(function, a_trial(), CPU))


def test_an_lr_that_a_loop_changes_itself_counts_also_beside_frozen_groups() -> None:
    def function(trial: Trial) -> None:
        optimizer = trial.optimizer(TwoParts().model())
        optimizer.param_groups[0]["lr"] *= 2
        scheduler = trial.scheduler(optimizer, steps_per_epoch=1)
        for _ in range(trial.epochs):
            scheduler.after_batch(1.0)
            trial.report({"val/loss": 1.0})

    late = (replace(HEAD, from_epoch=1),)
    job = a_trial(groups=late, optimizer_params={"head.lr_multiplier": 10.0})
    heard = hear(train_function(function, job, CPU))
    joined = (2 * LR, pytest.approx(10 * LR))
    assert [report.lrs for report in heard.reports] == [(2 * LR, 0.0), joined, joined]
