"""Every optimizer trains a lane exactly as it trains a plain torch loop, and goes on from a checkpoint bit for bit."""

import inspect
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import Optimizer

from sweeps.catalogue import OPTIMIZERS, is_path, optimizer_row, optimizer_space, path_row
from sweeps.derived import DERIVED, conflicts, derived_params, torch_keywords
from sweeps.domains import Range, Value
from sweeps.errors import TaskError, UserError
from sweeps.objective import Objective
from sweeps.records import Budget, Ended, Job, Outcome, Ramp, Stop
from sweeps.space import representative
from tests.workers.plain import stock_batch_size, stock_optimizers, stock_step
from tests.workers.small import (
    CPU,
    EXAMPLES,
    Examples,
    Heard,
    Regression,
    SparseBag,
    a_job,
    hear,
    prepared,
    stop_at,
    train,
)
from workers import cohort
from workers.driver import drive
from workers.lane import Lane
from workers.optimizers import build_optimizer, group_lrs, needs_closure
from workers.seeding import data_order, seed_epoch
from workers.together import Together

COMPLETE = Ended(key="trial 0", outcome=Outcome.COMPLETE)
EXCLUDED = {"Optimizer": "the base class"}
"""What torch.optim exports and the catalogue leaves out, with the reason."""

LRS = {"Adadelta": 10.0, "Rprop": 0.01, "LBFGS": 0.3, "Adafactor": 0.1, "Muon": 0.03, "SGD": 0.1, "ASGD": 0.1}
PARAMS: dict[str, list[dict[str, Value]]] = {
    "SGD": [{"momentum": 0.9, "nesterov": True}],
    "LBFGS": [{}, {"line_search_fn": "strong_wolfe"}, {"max_iter": 4, "history_size": 3}],
    "Rprop": [{}, {"etas": (0.6, 1.3), "step_sizes": (1e-5, 1.0)}],
    "Adafactor": [{}, {"beta2_decay": -0.6, "d": 1.5, "eps": (1e-8, 1e-2)}],
    "Muon": [{}, {"adjust_lr_fn": "match_rms_adamw", "momentum": 0.9}],
}
CASES = [
    pytest.param(name, params, id=f"{name} {' '.join(params)}".strip())
    for name in OPTIMIZERS
    for params in PARAMS.get(name, [{}])
]


class OneBatch(Regression):
    """What suits LBFGS: the same loss at every step."""

    batch_size = EXAMPLES


def task_for(optimizer: str) -> Regression:
    return SparseBag() if optimizer_row(optimizer).needs.sparse else Regression()


def failure(heard: Heard) -> str:
    """What a job failed of."""
    assert heard.ended is not None
    assert heard.ended.outcome is Outcome.FAILED
    return heard.ended.error or ""


def a_trial(optimizer: str, params: Any = None, **given: Any) -> Job:
    return a_job(
        **{
            "optimizer": optimizer,
            "optimizer_params": params or {},
            "initial_lr": LRS.get(optimizer, 0.03),
            "seed": 11,
            **given,
        }
    )


def plain_loop(job: Job, lr_of_epoch: Any = lambda epoch, lr: lr) -> list[float]:
    """The loss of every step, in torch alone."""
    task = task_for(job.optimizer)
    (x, y), _ = task.data()
    torch.manual_seed(job.seed)
    model = task.model()
    optimizers = stock_optimizers(job.optimizer, model, job.initial_lr, job.optimizer_params)
    losses = []
    for epoch in range(job.budget.epochs or 0):
        seed_epoch(job.seed, epoch)
        for rows in data_order(len(x), job.seed, epoch).split(stock_batch_size(job.optimizer, task, len(x))):
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = lr_of_epoch(epoch, job.initial_lr)
            losses.append(stock_step(optimizers, lambda rows=rows: nn.functional.mse_loss(model(x[rows]), y[rows])))  # type: ignore[misc]
    return losses


def test_the_table_holds_every_optimizer_that_torch_exports() -> None:
    exported = {name for name, cls in vars(torch.optim).items() if inspect.isclass(cls) and issubclass(cls, Optimizer)}
    assert exported - set(EXCLUDED) == set(OPTIMIZERS)
    assert len(OPTIMIZERS) == 15


@pytest.mark.parametrize(("name", "params"), CASES)
def test_a_trial_is_a_plain_torch_loop(name: str, params: dict[str, Value]) -> None:
    job = a_trial(name, params)
    heard = hear(train(prepared(task_for(name)), job))
    assert heard.ended == COMPLETE
    assert heard.steps == plain_loop(job)
    assert len(heard.steps) == (3 if name == "Rprop" else 9)


@pytest.mark.parametrize(("name", "params"), CASES)
def test_it_lowers_the_loss_within_a_few_epochs(name: str, params: dict[str, Value]) -> None:
    task: Regression = OneBatch() if name == "LBFGS" else task_for(name)
    epochs = 30 if name == "Rprop" else 10
    heard = hear(train(prepared(task), a_trial(name, params, budget=Budget(epochs=epochs))))
    assert heard.ended == COMPLETE
    losses = [report.metrics["train/loss"] for report in heard.reports]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_trains_at_its_own_default_lr_with_what_its_row_searches(name: str) -> None:
    row = OPTIMIZERS[name]
    params = representative(optimizer_space(name, {}), name)
    heard = hear(train(prepared(task_for(name)), a_trial(name, params, initial_lr=row.default_lr)))
    assert heard.ended == COMPLETE


@pytest.mark.parametrize(("name", "params"), CASES)
@pytest.mark.parametrize("scheduler", [("StepLR", {"step_size": 1, "gamma": 0.5}), ("ReduceLROnPlateau", {})])
def test_interrupted_at_each_epoch_it_goes_on_bit_for_bit(
    name: str, params: dict[str, Value], scheduler: tuple[str, dict[str, Value]], tmp_path: Path
) -> None:
    ready = prepared(task_for(name))
    given: dict[str, Any] = {
        "scheduler": scheduler[0],
        "scheduler_params": scheduler[1] or {"patience": 0, "factor": 0.5, "threshold": 0.9},
        "budget": Budget(epochs=5),
    }
    whole = hear(train(ready, a_trial(name, params, **given)))
    job = a_trial(name, params, checkpoint=str(tmp_path / "trial.pt"), **given)
    said = []
    for epoch in range(1, 6):
        piece = hear(train(ready, job), stop_at(epoch, Stop.INTERRUPTED))
        assert [started.epoch for started in piece.started] == [epoch - 1]
        said += piece.said
        torch.rand(7)
    assert said == whole.said
    assert len({report.lrs for report in whole.reports}) > 1


# --- LBFGS


def test_the_loss_of_an_lbfgs_step_is_that_before_the_update() -> None:
    heard = hear(train(prepared(), a_trial("LBFGS", budget=Budget(steps=1))))
    one = hear(train(prepared(), a_trial("SGD", budget=Budget(steps=1))))
    assert heard.steps == one.steps


def test_an_lbfgs_that_diverges_is_a_diverged_trial() -> None:
    for params in PARAMS["LBFGS"]:
        heard = hear(train(prepared(), a_trial("LBFGS", params, initial_lr=1e20, budget=Budget(epochs=4))))
        assert heard.ended is not None
        assert heard.ended.outcome in (Outcome.DIVERGED, Outcome.COMPLETE)
    assert hear(train(prepared(), a_trial("LBFGS", initial_lr=1e20))).ended == Ended(
        key="trial 0", outcome=Outcome.DIVERGED
    )


def test_a_range_test_of_lbfgs_is_a_ramp_like_any_other() -> None:
    ramp = Ramp(low=1e-3, high=1.0, steps=7)
    heard = hear(train(prepared(), a_trial("LBFGS", budget=Budget(steps=7), initial_lr=1e-3, ramp=ramp)))
    assert heard.ended == COMPLETE
    assert len(heard.steps) == 7


# --- Rprop


def test_rprop_trains_on_all_of_the_data_at_once() -> None:
    lane = Lane(prepared(), a_trial("Rprop"))
    assert lane.train_epoch().examples == (EXAMPLES,)
    assert Lane(prepared(), a_trial("SGD")).train_epoch().examples == (8, 8, 6)


def test_rprop_takes_all_of_a_dataset_at_once_too() -> None:
    class Mapped(Regression):
        def data(self) -> Any:
            train, val = super().data()
            return Examples(*train), val

    heard = hear(train(prepared(Mapped()), a_trial("Rprop")))
    assert heard.steps == pytest.approx(plain_loop(a_trial("Rprop")), rel=1e-6)
    assert len(heard.steps) == 3


def test_rprop_is_refused_where_the_data_cannot_be_one_batch() -> None:
    class Streamed(Regression):
        def data(self) -> Any:
            train, val = super().data()
            rows = torch.arange(EXAMPLES).split(8)
            return [(train[0][some], train[1][some]) for some in rows], val

    refused = failure(hear(train(prepared(Streamed()), a_trial("Rprop"))))
    assert "Rprop trains on full batches, and the training data come in 3 batches" in refused

    class Whole(Regression):
        def data(self) -> Any:
            train, val = super().data()
            return [train], val

    assert hear(train(prepared(Whole()), a_trial("Rprop"))).ended == COMPLETE


# --- SparseAdam


def test_sparse_adam_on_a_dense_model_says_which_gradients_are_dense() -> None:
    refused = failure(hear(train(prepared(), a_trial("SparseAdam"))))
    assert re.search(r"SparseAdam takes sparse gradients only.*from: 0.weight, 0.bias, .*use Adam", refused)


# --- Muon


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 4)
        self.hidden = nn.Linear(4, 5)
        self.conv = nn.Conv1d(1, 2, 3)
        self.head = nn.Linear(5, 2)


def test_muon_takes_hidden_matrices_and_adamw_the_rest() -> None:
    model = Words()
    together = build_optimizer("Muon", model, 0.02, {"momentum": 0.9})
    assert isinstance(together, Together)
    muon, adamw = together.param_groups
    assert [id(p) for p in muon["params"]] == [id(model.hidden.weight), id(model.head.weight)]
    rest = [model.embedding.weight, model.hidden.bias, *model.conv.parameters(), model.head.bias]
    assert [id(p) for p in adamw["params"]] == [id(p) for p in rest]
    assert (muon["momentum"], adamw["betas"], muon["lr"], adamw["lr"]) == (0.9, (0.9, 0.999), 0.02, 0.02)


def test_a_model_of_matrices_alone_needs_no_adamw_and_one_without_any_cannot_have_muon() -> None:
    together = build_optimizer("Muon", nn.Linear(3, 2, bias=False), 0.1, {})
    assert isinstance(together, Together)
    assert [type(part) for part in together.parts.values()] == [torch.optim.Muon]
    with pytest.raises(TaskError, match="Muon trains 2-D weights that are no embeddings, and the model has none"):
        build_optimizer("Muon", nn.Embedding(3, 2), 0.1, {})


def test_a_group_that_joins_later_is_dealt_out_and_survives_a_checkpoint() -> None:
    def made() -> Any:
        torch.manual_seed(0)
        model = Words()
        optimizer = build_optimizer("Muon", model.hidden, 0.02, {})
        optimizer.add_param_group({"params": list(model.head.parameters()), "lr": 0.2, "momentum": 0.5})
        return model, optimizer

    model, optimizer = made()
    assert [group["lr"] for group in optimizer.param_groups] == [0.02, 0.02, 0.2, 0.2]
    assert ["betas" in group for group in optimizer.param_groups] == [False, True, False, True]
    assert [group["lane_group"] for group in optimizer.param_groups] == [0, 0, 1, 1]
    model.head(model.hidden(torch.ones(3, 4))).sum().backward()
    before = model.head.weight.clone()
    optimizer.step()
    assert not torch.equal(before, model.head.weight)
    optimizer.param_groups[2]["lr"] = 0.7
    state = optimizer.state_dict()
    _, other = made()
    other.load_state_dict(state)
    assert [group["lr"] for group in other.param_groups] == [0.02, 0.02, 0.7, 0.2]
    optimizer.zero_grad()
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize("optimizer", ["Muon", "SGD", "torch.optim:SGD"])
def test_param_groups_as_torch_takes_them_keep_what_they_say(optimizer: str) -> None:
    model = Words()
    groups = [
        {"params": model.head.parameters(), "lr": 0.3, "weight_decay": 0.5},
        {"params": model.hidden.parameters()},
        {"params": model.conv.bias},
    ]
    made = build_optimizer(optimizer, groups, 0.1, {"momentum": 0.5})
    said = {(group["lane_group"], group["lr"]) for group in made.param_groups}
    assert said == {(0, 0.3), (1, 0.1), (2, 0.1)}
    assert {group["weight_decay"] for group in made.param_groups if group["lane_group"] == 0} == {0.5}
    assert group_lrs(made) == (0.3, 0.1, 0.1)
    assert {group["momentum"] for group in made.param_groups if "momentum" in group} == {0.5}


@pytest.mark.parametrize("optimizer", ["SGD", "Muon"])
def test_a_model_without_parameters_is_refused(optimizer: str) -> None:
    with pytest.raises(TaskError, match="the model has no parameters to train"):
        build_optimizer(optimizer, nn.Tanh(), 0.1, {})


@pytest.mark.parametrize(("scheduler", "params"), [("OneCycleLR", {}), ("CyclicLR", {"step_size_up": 3})])
def test_a_schedule_moves_both_of_muons_groups_alike(scheduler: str, params: dict[str, Value]) -> None:
    job = a_trial("Muon", scheduler=scheduler, scheduler_params=params)
    lane = Lane(prepared(), job)
    schedule = lane.schedule
    seen = set()
    for step in range(9):
        schedule.set(epoch=step // 3, step=step)
        muon, adamw = lane.optimizer.param_groups
        assert muon["lr"] == adamw["lr"]
        assert muon["momentum"] == adamw["betas"][0]
        seen.add(muon["lr"])
    assert len(seen) > 3


def test_a_scheduled_muon_is_both_stock_classes_at_that_lr() -> None:
    job = a_trial("Muon", scheduler="StepLR", scheduler_params={"step_size": 1, "gamma": 0.5})
    assert hear(train(prepared(), job)).steps == plain_loop(job, lambda epoch, lr: lr * 0.5**epoch)


# --- betas and momentum by other names


@pytest.mark.parametrize(
    ("optimizer", "given", "keywords"),
    [
        ("AdamW", {"beta1": 0.8}, {"betas": (0.8, 0.999)}),
        ("AdamW", {"beta1": 0.8, "one_minus_beta2": 0.125}, {"betas": (0.8, 0.875)}),
        ("Adam", {"one_minus_beta1": 0.25, "eps": 1e-6}, {"betas": (0.75, 0.999), "eps": 1e-6}),
        ("SGD", {"one_minus_momentum": 0.125}, {"momentum": 0.875}),
        ("Muon", {"one_minus_momentum": 0.125}, {"momentum": 0.875}),
    ],
)
def test_betas_and_momentum_have_names_of_their_own(optimizer: str, given: Any, keywords: Any) -> None:
    model = nn.Linear(3, 2)
    group = build_optimizer(optimizer, model, 0.1, given).param_groups[0]
    assert {name: group[name] for name in keywords} == keywords
    assert (
        hear(train(prepared(), a_trial(optimizer, given))).said
        == hear(train(prepared(), a_trial(optimizer, keywords))).said
    )


def test_two_names_of_one_number_are_refused() -> None:
    assert conflicts({"betas": None, "beta2": None}) == ["betas and beta2 say the same; give one of them"]
    with pytest.raises(UserError, match="momentum and one_minus_momentum say the same; give one of them"):
        build_optimizer("SGD", nn.Linear(2, 2), 0.1, {"momentum": 0.9, "one_minus_momentum": 0.1})


def test_every_row_offers_the_names_that_its_arguments_have() -> None:
    for row in OPTIMIZERS.values():
        extra = derived_params(row.params)
        assert set(row.searchable) == set(row.params) | set(extra)
        assert set(extra) == {name for name, rule in DERIVED.items() if rule.keyword in row.params}
        for name, param in extra.items():
            assert param.default is not None
            assert param.accepts(param.default) or name == "one_minus_momentum"
            defaults = {key: each.default for key, each in row.params.items()}
            keyword = DERIVED[name].keyword
            found = torch_keywords({name: param.default}, defaults)[keyword]
            assert found == pytest.approx(defaults[keyword])


def test_a_log_range_below_one_has_a_middle_for_the_range_test() -> None:
    space = {"one_minus_momentum": Range(low=0.01, high=0.5, log=True), "beta1": Range(low=0.8, high=0.99)}
    assert representative({"beta1": space["beta1"]}, "AdamW") == {"beta1": 0.9}
    assert representative({"one_minus_momentum": space["one_minus_momentum"]}, "SGD") == {
        "one_minus_momentum": pytest.approx(0.005**0.5)
    }


# --- classes by path


class Averaging(Optimizer):
    """Schedule-Free in small: it trains on one point and is evaluated on the mean of all; it insists on its modes."""

    calls: list[str]

    def __init__(self, params: Any, lr: float = 0.1, *, pull: float = 0.5, betas: tuple[float, float] = (0.9, 0.99)):
        if pull < 0:
            raise ValueError(f"pull must be 0 or more, got {pull}")
        super().__init__(params, {"lr": lr, "pull": pull, "betas": betas})
        self.training = True
        self.calls = []

    def step(self, closure: Any = None) -> None:
        if not self.training:
            raise RuntimeError("step() in eval mode")
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                with torch.no_grad():
                    state.setdefault("mean", p.clone())
                    p.sub_(p.grad, alpha=group["lr"])
                    state["mean"].lerp_(p, group["pull"])

    @torch.no_grad()
    def _swap(self) -> None:
        for p, state in self.state.items():
            kept = p.clone()
            p.copy_(state["mean"])
            state["mean"].copy_(kept)

    def train(self) -> None:
        self.calls.append("train")
        if not self.training:
            self._swap()
        self.training = True

    def eval(self) -> None:
        self.calls.append("eval")
        if self.training:
            self._swap()
        self.training = False


class Insisting(torch.optim.SGD):
    """Its step() must be given a closure."""

    def step(self, closure: Any) -> Any:  # type: ignore[override]
        with torch.enable_grad():
            closure()
        return super().step()


class Fixed(Optimizer):
    def __init__(self, params: Any):
        super().__init__(params, {})


@pytest.fixture(autouse=True)
def mypkg(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("mypkg_of_tests")
    module.__dict__.update(Averaging=Averaging, Insisting=Insisting, Fixed=Fixed, number=3)
    monkeypatch.setitem(sys.modules, "mypkg_of_tests", module)


def test_a_class_by_path_trains_and_is_evaluated_in_its_own_modes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Regression()
    (x, y), (val_x, val_y) = task.data()
    torch.manual_seed(11)
    model = task.model()
    stock = Averaging(model.parameters(), lr=0.1, pull=0.25)
    steps, vals = [], []
    for epoch in range(4):
        seed_epoch(11, epoch)
        stock.train()
        for rows in data_order(len(x), 11, epoch).split(8):
            stock.zero_grad()
            loss = nn.functional.mse_loss(model(x[rows]), y[rows])
            loss.backward()
            stock.step()
            steps.append(loss.item())
        stock.eval()
        with torch.no_grad():
            vals.append(nn.functional.mse_loss(model(val_x), val_y).item())
    given: dict[str, Any] = {"initial_lr": 0.1, "budget": Budget(epochs=4)}
    job = a_trial("mypkg_of_tests:Averaging", {"pull": 0.25}, **given)
    heard = hear(train(prepared(), job))
    assert heard.steps == steps
    assert [report.metrics["val/loss"] for report in heard.reports] == pytest.approx(vals, rel=1e-6)

    said = []
    for epoch in range(1, 5):
        again = a_trial("mypkg_of_tests:Averaging", {"pull": 0.25}, checkpoint=str(tmp_path / "t.pt"), **given)
        said += hear(train(prepared(), again), stop_at(epoch, Stop.INTERRUPTED)).said
    assert said == heard.said

    lane = Lane(prepared(), job)
    lane.train_epoch()
    assert lane.optimizer.calls == ["train", "eval"]  # type: ignore[attr-defined]


def test_without_validation_data_a_checkpoint_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind(Regression):
        def data(self) -> Any:
            return super().data()[0], None

    monkeypatch.setattr(cohort, "_SAVE_EVERY", -1.0)
    given: dict[str, Any] = {"initial_lr": 0.1, "objective": Objective(metric="train/loss")}
    whole = hear(train(prepared(Blind()), a_trial("mypkg_of_tests:Averaging", **given)))
    kept = hear(train(prepared(Blind()), a_trial("mypkg_of_tests:Averaging", checkpoint=str(tmp_path / "t"), **given)))
    assert kept.said == whole.said


def test_a_class_by_path_that_insists_on_a_closure_gets_one() -> None:
    own = hear(train(prepared(), a_trial("mypkg_of_tests:Insisting", initial_lr=0.1)))
    assert own.said == hear(train(prepared(), a_trial("SGD", initial_lr=0.1))).said
    assert needs_closure("mypkg_of_tests:Insisting", Insisting(nn.Linear(1, 1).parameters(), lr=0.1))
    assert not needs_closure("mypkg_of_tests:Averaging", Averaging(nn.Linear(1, 1).parameters()))


def test_torchs_own_class_by_path_is_the_same_optimizer() -> None:
    by_path = hear(train(prepared(), a_trial("torch.optim:AdamW", {"one_minus_beta1": 0.25})))
    assert by_path.said == hear(train(prepared(), a_trial("AdamW", {"betas": (0.75, 0.999)}, initial_lr=0.03))).said


@pytest.mark.parametrize(
    ("path", "params", "message"),
    [
        (
            "mypkg_of_tests:Averaging",
            {"pul": 0.5},
            r"unknown argument of mypkg_of_tests:Averaging 'pul'; did you mean 'pull'\? choose one of: pull, betas",
        ),
        ("mypkg_of_tests:Averaging", {"one_minus_momentum": 0.5}, "unknown argument of .* 'one_minus_momentum'"),
        ("mypkg_of_tests:Nothing", {}, "mypkg_of_tests has no 'Nothing'; check the optimizer's path"),
        ("mypkg_of_tests:number", {}, "is no optimizer; give a subclass of torch.optim.Optimizer"),
        ("mypkg_of_tests:Fixed", {}, "takes no lr, so there is nothing to sweep"),
        (
            "no_such_package.opt:Lion",
            {},
            "there is no module 'no_such_package' for the optimizer no_such_package.opt:Lion",
        ),
    ],
)
def test_a_path_that_leads_nowhere_says_what_to_do(path: str, params: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        build_optimizer(path, nn.Linear(2, 2), 0.1, params)
    job = a_trial(path, params)
    (*_, last) = drive(train(prepared(), job), job, lambda report: None)
    assert isinstance(last, Ended)
    assert last.outcome is Outcome.FAILED
    assert last.error is not None
    assert "Traceback" not in last.error


def test_what_the_class_itself_refuses_is_said_with_its_arguments() -> None:
    with pytest.raises(
        TaskError, match=r"could not be made with lr=0.1, pull=-1.0: ValueError: pull must be 0 or more"
    ):
        build_optimizer("mypkg_of_tests:Averaging", nn.Linear(2, 2), 0.1, {"pull": -1.0})


def test_a_path_has_a_row_that_takes_any_argument() -> None:
    row = optimizer_row("mypkg.opt:Lion")
    assert row == path_row("mypkg.opt:Lion")
    assert "weight_decay" in row.params
    assert "no name" not in row.params
    assert "beta1" in row.searchable
    for value in (0.1, 3, True, "text", (0.9, 0.99)):
        assert row.params["weight_decay"].accepts(value)
    assert not row.params["weight_decay"].accepts(float("nan"))
    assert representative({"beta": Range(low=0.1, high=0.3)}, "mypkg.opt:Lion") == {"beta": pytest.approx(0.2)}
    assert not any(map(is_path, ["AdamW", "a.b.C", "a:b:c", ":C", "a:", "a..b:C", "my-pkg:C", "C:\\x.py", "1a:B"]))
    with pytest.raises(ValueError, match="unknown optimizer 'a:b:c'"):
        optimizer_row("a:b:c")


def test_all_of_a_parameters_groups_train_on_a_model_given_by_parameters() -> None:
    model = Regression().model().to(CPU)
    by_parameters = build_optimizer("Muon", model.parameters(), 0.1, {})
    by_model = build_optimizer("Muon", model, 0.1, {})
    assert [[id(p) for p in group["params"]] for group in by_parameters.param_groups] == [
        [id(p) for p in group["params"]] for group in by_model.param_groups
    ]
