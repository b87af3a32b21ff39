"""The lines to paste make, in a real script, the very optimizers and schedulers that the trial had."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sweeps.catalogue import OPTIMIZERS, SCHEDULERS, optimizer_row, scheduler_space
from sweeps.domains import Fixed, Value
from sweeps.groups import ParamGroup
from sweeps.objective import Objective
from sweeps.records import Budget, Job, Pick
from sweeps.snippet import torch_lines
from sweeps.snippet.schedulers import UNASKED
from workers.groups import model_groups
from workers.momentum import momentum_kind
from workers.optimizers import build_optimizer
from workers.scheduletable import schedule_table

LR = 0.0123456789
EPOCHS, STEPS_PER_EPOCH = 8, 3
STEPS = EPOCHS * STEPS_PER_EPOCH

CHANGED: dict[str, dict[str, Value]] = {
    "SGD": {"momentum": 0.9, "nesterov": True},
    "Adam": {"betas": (0.8, 0.99), "amsgrad": True},
    "AdamW": {"weight_decay": 3.1e-05, "one_minus_beta1": 0.2},
    "RMSprop": {"one_minus_momentum": 0.1},
}
SCHEDULES: list[tuple[str, dict[str, Value]]] = [
    *((name, {}) for name, row in SCHEDULERS.items() if row.clock in ("epoch", "step") and not row.nests),
    *((name, {"warmup": 2.5}) for name, row in SCHEDULERS.items() if row.clock != "metric" and not row.nests),
    ("MultiStepLR", {"milestones": (3, 7), "gamma": 0.3}),
    ("StepLR", {"warmup": 1.0, "warmup_factor": 0.5}),
    ("LambdaLR", {"lr_lambda": "exponential_decay(1, epoch, 10, 0.5) * exp(-epoch)"}),
    ("LambdaLR", {"lr_lambda": ("0.5 ** epoch",)}),
    ("MultiplicativeLR", {"lr_lambda": "math:exp2", "warmup": 1.0}),
    ("CyclicLR", {"base_lr": 1e-3, "cycle_momentum": False}),
    ("ChainedScheduler", {"schedulers": ("ConstantLR", "CosineAnnealingLR"), "0.factor": 0.5}),
    ("ChainedScheduler", {"schedulers": ("ConstantLR", "ExponentialLR"), "warmup": 2.0}),
    ("ChainedScheduler", {"schedulers": ("ChainedScheduler", "StepLR"), "0.schedulers": ("ConstantLR",)}),
    ("SequentialLR", {"schedulers": ("LinearLR", "CosineAnnealingLR", "SWALR"), "milestones": (2, 5)}),
    ("SequentialLR", {"schedulers": ("ConstantLR", "CosineAnnealingLR"), "milestones": (2,), "warmup": 1.0}),
    ("SequentialLR", {"schedulers": ("LinearLR", "OneCycleLR"), "milestones": (4,), "0.total_iters": 3}),
    ("SequentialLR", {"schedulers": ("CyclicLR", "PolynomialLR"), "milestones": (9,), "warmup": 0.5}),
]


def a_pick(optimizer: str, scheduler: str, params: Mapping[str, Value]) -> Pick:
    return Pick(
        optimizer=optimizer,
        scheduler=scheduler,
        initial_lr=LR,
        value=0.25,
        params=params,
        trials=(3, 4),
        tried=7,
        low=0.01,
        high=0.02,
    )


def pick_of(scheduler: str, given: Mapping[str, Value], *, optimizer: str = "SGD", whole: bool = True) -> Pick:
    """A pick as a sweep makes it; without `whole` as where a searched warm-up leaves the rest to the worker."""
    own = dict(given)
    if whole:
        space = scheduler_space(scheduler, {key: Fixed(value=value) for key, value in given.items()}, EPOCHS)
        own = {key: domain.value for key, domain in space.items() if isinstance(domain, Fixed)}
    return a_pick(optimizer, scheduler, {f"{scheduler}.{key}": value for key, value in own.items()})


def pasted(pick: Pick, groups: Sequence[ParamGroup] = (), model: nn.Module | None = None) -> dict[str, Any]:
    names = {"epochs": EPOCHS, "steps_per_epoch": STEPS_PER_EPOCH, "total_steps": STEPS}
    scope: dict[str, Any] = {"torch": torch, "model": model or nn.Linear(2, 1), **names}
    exec(torch_lines(pick, Objective(), groups), scope)
    return scope


def played(scope: dict[str, Any], *, by_step: bool, prefix: str = "") -> Iterator[tuple[float, ...]]:
    """The LRs of every step, [groups], with the schedulers stepped as the lines say."""
    optimizer, begun = scope[f"{prefix}optimizer"], 0
    for step in range(STEPS):
        yield tuple(group["lr"] for group in optimizer.param_groups)
        optimizer.step()
        if step + 1 == STEPS:
            return
        if f"{prefix}warmup" in scope and step < scope[f"{prefix}warmup_steps"]:
            scope[f"{prefix}warmup"].step()
            if step + 1 == scope[f"{prefix}warmup_steps"] and f"make_{prefix}scheduler" in scope:
                scope[f"{prefix}scheduler"], begun = scope[f"make_{prefix}scheduler"](), step + 1
        elif f"{prefix}scheduler" in scope and (by_step or (step + 1 - begun) % STEPS_PER_EPOCH == 0):
            scope[f"{prefix}scheduler"].step()


def rows(scheduler: str, params: Mapping[str, Value], lrs: Sequence[float], optimizer: str = "SGD") -> list[Any]:
    """The LRs of every step, [groups], as the engine has them."""
    kind = momentum_kind(optimizer_row(optimizer).params)
    table = schedule_table(scheduler, params, lrs, STEPS, STEPS_PER_EPOCH, momentum=kind)
    return [pytest.approx(table.lrs[step if table.by_step else step // STEPS_PER_EPOCH]) for step in range(STEPS)]


def is_by_step(scheduler: str, params: Mapping[str, Value]) -> bool:
    names = (scheduler, *params.get("schedulers", ()))  # type: ignore[misc]
    return any(SCHEDULERS[name].clock == "step" for name in names)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_optimizer_is_made_with_the_picked_lr_and_parameters(name: str) -> None:
    params = {f"{name}.{key}": value for key, value in CHANGED.get(name, {}).items()}
    model = nn.Linear(2, 1)
    optimizer = pasted(a_pick(name, "none", params), model=model)["optimizer"]
    assert type(optimizer) is getattr(torch.optim, name)
    (group,) = optimizer.param_groups
    expected = build_optimizer(name, model, LR, CHANGED.get(name, {})).param_groups[0]
    same = group.keys() - {"params"}
    assert {key: group[key] for key in same} == {key: expected[key] for key in same}


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "rest by worker"])
@pytest.mark.parametrize(("scheduler", "given"), SCHEDULES, ids=lambda each: str(each))
@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
def test_the_scheduler_goes_the_way_of_the_engine(scheduler: str, given: dict[str, Value], whole: bool) -> None:
    scope = pasted(pick_of(scheduler, given, whole=whole))
    assert list(played(scope, by_step=is_by_step(scheduler, given))) == rows(scheduler, given, [LR])


@pytest.mark.parametrize("scheduler", ["OneCycleLR", "CyclicLR"])
@pytest.mark.parametrize("optimizer", ["Adam", "Adadelta", "Adagrad", "torch.optim:Rprop", "torch.optim:AdamW"])
def test_momentum_is_cycled_where_there_is_one(optimizer: str, scheduler: str) -> None:
    scope = pasted(pick_of(scheduler, {}, optimizer=optimizer))
    assert list(played(scope, by_step=True)) == rows(scheduler, {}, [LR], optimizer="SGD")
    assert ("max_momentum" in scope["optimizer"].param_groups[0]) == (optimizer in ("Adam", "torch.optim:AdamW"))


def test_every_length_that_a_row_follows_is_written_as_its_rule() -> None:
    rules = {
        (row.name, key): rule for row in SCHEDULERS.values() for key, rule in (row.from_budget | row.from_steps).items()
    }
    assert rules.keys() == UNASKED.keys()
    for place, rule in rules.items():
        for n in (1, 2, 5, 20):
            text, value = eval(UNASKED[place].format(n=n)), rule(n)
            if callable(text):
                assert [text(3), text(0)] == [eval(str(value), {"epoch": 3.0}), eval(str(value), {"epoch": 0.0})]
            else:
                assert (tuple(text) if isinstance(text, list) else text) == value


def test_what_follows_from_an_lr_is_a_share_of_it() -> None:
    for row in SCHEDULERS.values():
        for rule in row.from_lr.values():
            assert rule(0.3) == pytest.approx(rule(1.0) * 0.3)


@pytest.mark.parametrize(("direction", "mode"), [("minimize", "min"), ("maximize", "max")])
def test_a_plateau_watches_the_objective_in_its_direction(direction: Any, mode: str) -> None:
    pick = a_pick("SGD", "ReduceLROnPlateau", {"ReduceLROnPlateau.patience": 3, "ReduceLROnPlateau.warmup": 1.0})
    lines = torch_lines(pick, Objective(metric="val/accuracy", direction=direction))
    scope: dict[str, Any] = {"torch": torch, "model": nn.Linear(2, 1), "steps_per_epoch": 3}
    exec(lines, scope)
    made = scope["make_scheduler"]()
    assert (made.mode, made.patience) == (mode, 3)


def test_without_a_scheduler_there_is_none() -> None:
    assert "scheduler" not in pasted(a_pick("AdamW", "none", {}))


def test_the_first_line_says_where_the_pick_comes_from() -> None:
    pick = pick_of("StepLR", {})
    first = torch_lines(pick, Objective(metric="val/accuracy", value="last")).splitlines()[0]
    assert first == "# SGD with StepLR: last val/accuracy 0.25 in trial 3, 4 (7 tried)"


MINE = """
import torch

class Careful(torch.optim.SGD):
    def __init__(self, params, lr=0.1, betas=(0.7, 0.8), mode="slow"):
        super().__init__(params, lr=lr)
        self.given = betas, mode

class Pushed(torch.optim.SGD):
    pass

def half(epoch):
    return 0.5 ** epoch
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files of the user's, and the same as a module on the path."""
    (tmp_path / "careful_module.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "beside_careful.py").write_text("HALF = 0.5\n")
    for name in ("careful_file.py", "care-ful.py"):
        (folder / name).write_text(MINE.replace("0.5", "HALF") + "from beside_careful import HALF\n")
    return folder


def test_code_of_the_users_own_is_imported(mine: Path) -> None:
    for path in ("careful_module:Careful", f"{mine}/careful_file.py:Careful", f"{mine}/care-ful.py:Careful"):
        for given, expected in (
            ({"mode": "fast", "betas": (0.1, 0.2)}, ((0.1, 0.2), "fast")),
            ({"beta2": 0.5}, ((0.7, 0.5), "slow")),
            ({"one_minus_beta1": 0.25, "beta2": 0.5}, ((0.75, 0.5), "slow")),
        ):
            pick = pick_of("LambdaLR", {"lr_lambda": path.replace("Careful", "half")}, optimizer=path)
            params = {**pick.params, **{f"{path}.{key}": value for key, value in given.items()}}
            scope = pasted(a_pick(path, "LambdaLR", params))
            assert scope["optimizer"].given == expected
            assert list(played(scope, by_step=False)) == rows("LambdaLR", {"lr_lambda": "0.5 ** epoch"}, [LR])


def test_momentum_of_a_class_by_path_may_be_one_minus_it(mine: Path) -> None:
    path = "careful_module:Pushed"
    optimizer = pasted(a_pick(path, "none", {f"{path}.one_minus_momentum": 0.25}))["optimizer"]
    assert optimizer.defaults["momentum"] == 0.75


class Net(nn.Module):
    """Two special layers, an embedding, and others."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.table = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4)), nn.Embedding(5, 4)
        self.head = nn.Linear(4, 2)


HEAD = ParamGroup(name="head", patterns=("head.*",), from_epoch=2)
GROUPED: dict[str, Value] = {"head.lr_multiplier": 10.0, "head.weight_decay": 0.5, "low-er.lr_multiplier": 0.001}
GROUPS = (HEAD, ParamGroup(name="low-er", patterns=("features.0.*", "*.bias")))


def settled(optimizers: Sequence[Any], model: nn.Module) -> dict[str, dict[str, Any]]:
    """The options with which each parameter is trained, by its name."""
    names = {parameter: name for name, parameter in model.named_parameters()}
    return {
        names[parameter]: {key: value for key, value in group.items() if key not in ("params", "lane_group")}
        for optimizer in optimizers
        for group in optimizer.param_groups
        for parameter in group["params"]
    }


@pytest.mark.parametrize(
    ("optimizer", "own"),
    [
        ("SGD", {"momentum": 0.9, "head.one_minus_momentum": 0.5}),
        ("AdamW", {"one_minus_beta1": 0.2, "head.beta2": 0.9}),
        ("Muon", {}),
    ],
)
def test_groups_are_those_of_the_trial(optimizer: str, own: dict[str, Value]) -> None:
    model, params = Net(), {**GROUPED, **own}
    pick = a_pick(optimizer, "none", {f"{optimizer}.{key}": value for key, value in params.items()})
    scope = pasted(pick, GROUPS, model)
    made = [scope[name] for name in ("optimizer", "beside") if name in scope]
    assert [name for name, each in model.named_parameters() if not each.requires_grad] == ["head.weight", "head.bias"]

    job = Job(
        key="trial",
        optimizer=optimizer,
        scheduler="none",
        initial_lr=LR,
        optimizer_params=params,
        groups=GROUPS,
        budget=Budget(epochs=3),
        objective=Objective(),
    )
    found = settled(made, model)
    assert found.keys() == dict(model.named_parameters()).keys()
    names = {parameter: name for name, parameter in model.named_parameters()}
    for group in model_groups(model, job):
        for parameter in group.parameters:
            assert found[names[parameter]]["lr"] == pytest.approx(group.lr)
    assert found["head.weight"]["weight_decay"] == found["head.bias"]["weight_decay"] == 0.5
    assert found["table.weight"]["weight_decay"] != 0.5
    if optimizer == "SGD":
        assert (found["head.bias"]["momentum"], found["table.weight"]["momentum"]) == (0.5, 0.9)
    if optimizer == "AdamW":
        assert (found["head.bias"]["betas"], found["table.weight"]["betas"]) == ((0.8, 0.9), (0.8, 0.999))


@pytest.mark.parametrize(
    ("scheduler", "given"),
    [
        ("StepLR", {"step_size": 2}),
        ("OneCycleLR", {"cycle_momentum": False}),
        ("SWALR", {"warmup": 1.0}),
        ("LambdaLR", {"lr_lambda": ("0.9 ** epoch", "0.8 ** epoch", "0.7 ** epoch")}),
        ("ChainedScheduler", {"schedulers": ("ConstantLR", "CyclicLR"), "1.cycle_momentum": False}),
    ],
)
@pytest.mark.parametrize("patterns", [("features.0.*",), ("*",)], ids=["rest", "no rest"])
def test_groups_follow_the_scheduler_in_their_ratios(
    scheduler: str, given: dict[str, Value], patterns: tuple[str, ...]
) -> None:
    groups = (ParamGroup(name="head", patterns=("head.*",)), ParamGroup(name="low", patterns=patterns))
    lrs = [LR, LR * 10, LR][patterns == ("*",) :]
    if "lr_lambda" in given:
        given = {"lr_lambda": given["lr_lambda"][-len(lrs) :]}  # type: ignore[index]
    pick = pick_of(scheduler, given)
    scope = pasted(a_pick("SGD", scheduler, {**pick.params, "SGD.head.lr_multiplier": 10.0}), groups, Net())
    assert list(played(scope, by_step=is_by_step(scheduler, given))) == rows(scheduler, given, lrs)


def test_a_group_with_its_own_schedule_has_its_own_optimizer() -> None:
    own = ParamGroup(
        name="low-er", patterns=("features.*",), scheduler="ExponentialLR", scheduler_params={"gamma": 0.5}
    )
    functions: dict[str, Value] = {"lr_lambda": ("0.9 ** epoch", "0.8 ** epoch", "0.7 ** epoch")}
    params = {"SGD.low-er.lr_multiplier": 2.0, "LambdaLR.lr_lambda": functions["lr_lambda"]}
    model = Net()
    scope = pasted(a_pick("SGD", "LambdaLR", params), (own, ParamGroup(name="head", patterns=("head.*",))), model)
    assert (
        settled([scope["optimizer"], scope["low_er_optimizer"]], model).keys() == dict(model.named_parameters()).keys()
    )
    apart = list(played(scope, by_step=False, prefix="low_er_"))
    assert apart == rows("ExponentialLR", {"gamma": 0.5}, [2 * LR])
    kept = {"lr_lambda": ("0.9 ** epoch", "0.7 ** epoch")}
    assert list(played(scope, by_step=False)) == rows("LambdaLR", kept, [LR, LR])
    assert math.isclose(apart[0][0], 2 * LR)
