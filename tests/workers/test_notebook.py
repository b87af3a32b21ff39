"""What a range test in a notebook trains and answers: as a plain loop does, for whatever a notebook has."""

import random
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import pyplot
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, OneCycleLR
from torch.utils.data import DataLoader, Dataset, RandomSampler, TensorDataset

from sweeps.catalogue import OPTIMIZERS
from tests.workers.notebook_parts import FEATURES, MODELS, NAMES, an_optimizer, fingerprint, mse, some_batches
from workers.notebook import RangeTestResult, range_test
from workers.notebook.kept import Kept
from workers.notebook.unchanged import own_streams, unchanged
from workers.seeding import data_order, seed_epoch


def a_model() -> nn.Sequential:
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(FEATURES, 6), nn.Tanh(), nn.Dropout(0.2), nn.Linear(6, 1))


def sgd(model: nn.Module, **given: Any) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), **{"lr": 0.1, **given})


def the_test(model: nn.Module | None = None, optimizer: Any = None, **given: Any) -> RangeTestResult:
    model = model or a_model()
    given = {"loss": mse, "batches": some_batches(), "steps": 8, **given}
    return range_test(model, optimizer or sgd(model), given.pop("loss"), given.pop("batches"), **given)


@pytest.mark.parametrize("name", NAMES)
def plain_ramp(name: str, seed: int, lrs: Sequence[float]) -> list[float]:
    """The losses of a plain torch loop over shuffled batches, the LR set by hand before each step."""
    model, batches = a_model(), some_batches()
    optimizer = an_optimizer(name, model)
    seed_epoch(seed, epoch=0)
    order = [index for epoch in range(2) for index in data_order(len(batches), seed, epoch).tolist()]
    losses = []
    for lr, index in zip(lrs, order, strict=False):
        optimizer.param_groups[0]["lr"] = lr
        first: list[float] = []

        def closure(index: int = index, first: list[float] = first) -> Tensor:
            optimizer.zero_grad()
            loss = mse(model, batches[index])
            loss.backward()
            first.append(loss.item())
            return loss

        optimizer.step(closure)
        losses.append(first[0])
    return losses


@pytest.mark.parametrize("name", NAMES)
def test_every_seed_trains_as_a_plain_loop_with_the_lr_of_each_step(name: str) -> None:
    model = a_model()
    result = the_test(model, an_optimizer(name, model), low=1e-4, high=1e-2)
    assert [len(curve) for curve in result.losses] == [8, 8, 8]
    for seed, curve in zip(result.seeds, result.losses, strict=True):
        assert curve == pytest.approx(plain_ramp(name, seed, result.lrs), rel=1e-6)


def test_bounds_are_the_optimizers_own_and_growth_is_exponential_or_linear() -> None:
    row = OPTIMIZERS["SGD"].lr
    result = the_test(low=None, steps=5)
    assert result.lrs == pytest.approx(np.geomspace(row.low, row.high, 5).tolist())
    linear = the_test(low=0.1, high=0.5, steps=5, growth="linear")
    assert linear.lrs == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])


def test_the_same_call_gives_the_same_answer_whatever_was_drawn_before() -> None:
    first = the_test()
    torch.rand(3), np.random.rand(3), random.random()
    assert the_test() == first
    assert len(set(first.losses)) == 3


def test_an_optimizer_of_ones_own_is_tested_on_adams_scale() -> None:
    class Halving(torch.optim.SGD):
        pass

    model = a_model()
    result = the_test(model, Halving(model.parameters(), lr=0.1))
    assert (result.optimizer, result.lrs[0]) == ("Halving", OPTIMIZERS["Adam"].lr.low)


def test_accumulated_batches_are_one_large_batch() -> None:
    batches = some_batches(8)
    joined = [
        {name: torch.cat([one[name], two[name]]) for name in one}
        for order in [data_order(8, 0, 0).tolist()]
        for one, two in ((batches[a], batches[b]) for a, b in zip(order[::2], order[1::2], strict=True))
    ]
    model = nn.Linear(FEATURES, 1)
    accumulated = the_test(model, batches=batches, steps=4, accumulation=2, seeds=1, high=0.1)
    inverse = data_order(4, 0, 0).argsort().tolist()
    plain = the_test(model, batches=[joined[index] for index in inverse], steps=4, seeds=1, high=0.1)
    assert accumulated.losses[0] == pytest.approx(plain.losses[0], rel=1e-5)


def test_groups_keep_their_ratios_and_stay_where_they_were_afterwards() -> None:
    model = a_model()
    groups = [{"params": model[0].parameters(), "lr": 0.02}, {"params": model[3].parameters(), "lr": 0.2}]
    optimizer = torch.optim.SGD(groups)
    seen = []
    optimizer.register_step_pre_hook(lambda opt, *_: seen.append([group["lr"] for group in opt.param_groups]))
    result = the_test(model, optimizer, high=0.01)
    assert [lrs[1] / lrs[0] for lrs in seen] == pytest.approx([10] * 24)
    assert result.group_lrs == pytest.approx((result.suggestion, 10 * result.suggestion))
    assert [group["lr"] for group in optimizer.param_groups] == [0.02, 0.2]
    seen.clear()
    result = the_test(model, optimizer, high=0.01, group=1)
    assert [lrs[0] for lrs in seen] == [0.02] * 24
    assert [lrs[1] for lrs in seen[:8]] == list(result.lrs)
    assert result.group_lrs == (None, result.suggestion)
    assert "unchanged" in repr(result)


def test_ratios_come_from_the_initial_lrs_during_a_warm_up_from_zero() -> None:
    model = a_model()
    optimizer = torch.optim.SGD(
        [{"params": model[0].parameters()}, {"params": model[3].parameters(), "lr": 0.3}], lr=0.1
    )
    LambdaLR(optimizer, lambda epoch: 0.0)
    assert the_test(model, optimizer).group_lrs[1] == pytest.approx(3 * the_test(model, optimizer).suggestion)


def test_an_lr_that_is_a_tensor_stays_that_tensor() -> None:
    model = a_model()
    lr = torch.tensor(0.25)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    before = fingerprint(model, optimizer)
    the_test(model, optimizer)
    assert optimizer.param_groups[0]["lr"] is lr
    assert fingerprint(model, optimizer) == before


@pytest.mark.parametrize(
    "scheduler",
    [lambda o: CosineAnnealingLR(o, 10), lambda o: OneCycleLR(o, max_lr=1.0, total_steps=10)],
    ids=["cosine", "one cycle"],
)
def test_an_attached_scheduler_does_not_move(scheduler: Callable[[Any], Any]) -> None:
    model = a_model()
    optimizer = sgd(model, momentum=0.9)
    attached = scheduler(optimizer)
    before = fingerprint(model, optimizer, vars(attached))
    the_test(model, optimizer)
    assert fingerprint(model, optimizer, vars(attached)) == before
    with pytest.warns(UserWarning, match="lr_scheduler.step"):
        # No step of the caller's own has been made yet, and the scheduler still knows.
        attached.step()


def test_it_ends_early_where_the_loss_diverges_and_keeps_the_curve_up_to_there() -> None:
    result = the_test(nn.Linear(FEATURES, 1), low=1e-3, high=1e6, steps=60)
    for curve in result.losses:
        assert 10 < len(curve) < 60
        assert curve[-1] > 4 * min(curve)
    nan = the_test(loss=lambda model, batch: mse(model, batch) * float("nan"))
    assert (nan.losses, nan.trusted) == (((), (), ()), False)
    assert nan.reasons
    assert "no initial LR for SGD" in repr(nan)


def test_it_trains_in_training_mode_but_for_layers_that_were_frozen_in_it() -> None:
    modes: list[tuple[bool, ...]] = []

    def loss(model: Any, batch: Any) -> Tensor:
        modes.append(tuple(module.training for module in model))
        return mse(model, batch)

    for prepare, expected in ((lambda m: m.eval(), (True,) * 4), (lambda m: m[2].eval(), (True, True, False, True))):
        model = a_model()
        prepare(model)
        before = fingerprint(model)
        the_test(model, loss=loss)
        assert set(modes) == {expected}
        assert fingerprint(model) == before
        modes.clear()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_it_trains_where_gradients_are_off(mode: Any) -> None:
    expected = the_test()
    model = a_model()
    with mode():
        assert the_test(model).losses == expected.losses
        assert not torch.is_grad_enabled()


def test_mixed_precision_inside_the_loss() -> None:
    def loss(model: Any, batch: Any) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return mse(model, batch)

    assert the_test(loss=loss).losses[0] == pytest.approx(the_test().losses[0], rel=0.1)


class Dice(Dataset[Any]):
    """Data with a random stream and a counter of its own."""

    def __init__(self) -> None:
        self.stream, self.asked = np.random.default_rng(1), 0

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> Any:
        self.asked += 1
        x = torch.full((FEATURES,), float(index))
        return {"x": x + self.stream.random(), "y": x[:1]}


LOADERS: dict[str, Callable[[], Any]] = {
    "global stream": lambda: DataLoader(Dice(), batch_size=4, shuffle=True),
    "own generator": lambda: DataLoader(Dice(), 4, shuffle=True, generator=torch.Generator().manual_seed(1)),
    "own sampler": lambda: DataLoader(Dice(), 4, sampler=RandomSampler(Dice(), generator=torch.Generator())),
}


@pytest.mark.parametrize("loader", LOADERS)
def test_a_loader_goes_on_with_the_order_that_it_would_have_had(loader: str) -> None:
    model = a_model()

    def order(tested: bool) -> list[Any]:
        torch.manual_seed(9)
        batches = LOADERS[loader]()
        first = [batch["y"].tolist() for batch in batches]
        if tested:
            curves = the_test(model, batches=batches, high=1e-3).losses
            assert curves[0] != curves[1]
        return [first, batches.dataset.asked, *(batch["x"].tolist() for batch in batches)]

    assert order(tested=True) == order(tested=False)


def test_a_pass_with_living_workers_is_not_disturbed() -> None:
    data = TensorDataset(torch.arange(12.0))
    loader = DataLoader(data, batch_size=2, num_workers=1, persistent_workers=True)
    under_way = iter(loader)
    first = next(under_way)[0].tolist()
    range_test(
        model := nn.Linear(1, 1),
        sgd(model),
        lambda model, batch: model(batch[0][:, None]).square().mean(),
        loader,
        steps=4,
        seeds=1,
    )
    assert [first, *(batch[0].tolist() for batch in under_way)] == [[i, i + 1] for i in range(0, 12, 2)]
    del under_way, loader


def test_an_iterable_of_ones_own_is_put_back() -> None:
    class Endless:
        def __init__(self) -> None:
            self.passes, self.stream = 0, random.Random(3)

        def __iter__(self) -> Iterator[Any]:
            self.passes += 1
            yield from self.stream.sample(some_batches(), 3)

    model, batches = a_model(), Endless()
    before = fingerprint(vars(batches))
    the_test(model, batches=batches)
    assert fingerprint(vars(batches)) == before


def test_a_loss_that_changes_its_batch_changes_a_copy() -> None:
    def loss(model: Any, batch: Any) -> Tensor:
        batch["x"].mul_(2)
        return mse(model, batch)

    model, batches = a_model(), some_batches()
    before = fingerprint(batches)
    the_test(model, batches=batches, loss=loss)
    assert fingerprint(batches) == before


def test_ctrl_c_while_everything_is_put_back_waits_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    model = a_model()
    before = fingerprint(model)
    restore = Kept.restore

    def interrupted(kept: Kept) -> None:
        signal.raise_signal(signal.SIGINT)
        restore(kept)

    monkeypatch.setattr(Kept, "restore", interrupted)
    with pytest.raises(KeyboardInterrupt), unchanged(model), torch.no_grad():
        model[0].weight.zero_()
    assert fingerprint(model) == before


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_put_back_as_often_as_asked(name: str) -> None:
    model = MODELS[name]()
    kept, before = Kept(model), fingerprint(*model.parameters(), model)
    for _ in range(2):
        with own_streams():
            mse(model, some_batches()[0]).backward()
        assert fingerprint(*model.parameters(), model) != before
        kept.restore()
        assert fingerprint(*model.parameters(), model) == before


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "generator": ({"batches": (batch for batch in some_batches())}, "can be read only once"),
    "iterator": ({"batches": iter(some_batches())}, "can be read only once"),
    "dataset": ({"batches": Dice()}, "a DataLoader over it"),
    "one batch": ({"batches": (torch.zeros(2, FEATURES), torch.zeros(2, 1))}, r"\[batch\] for one"),
    "one dict": ({"batches": some_batches()[0]}, "batches is a dict"),
    "tensor": ({"batches": torch.zeros(3)}, "batches is a Tensor"),
    "nothing to iterate": ({"batches": 3}, "batches is a int"),
    "no batches": ({"batches": []}, "gave nothing"),
    "steps": ({"steps": 1}, "steps is 1; give a whole number from 2"),
    "seeds": ({"seeds": 0}, "seeds is 0"),
    "accumulation": ({"accumulation": 1.5}, "accumulation is 1.5"),
    "bounds": ({"low": 1.0, "high": 0.1}, "give 0 < low < high"),
    "growth": ({"growth": "cubic"}, "choose one of: exponential, linear"),
    "group": ({"group": 1}, "group is 1, and the optimizer has 1"),
    "criterion": ({"loss": nn.MSELoss()}, "give a function of"),
    "loss is no function": ({"loss": 3}, "loss is int"),
    "loss is a number": ({"loss": lambda model, batch: 3.0}, "gave 3.0"),
    "loss has a shape": ({"loss": lambda model, batch: model(batch["x"])}, "take the batch's mean"),
    "no gradient": ({"loss": lambda model, batch: mse(model, batch).detach()}, "without gradient"),
    "another model": ({"optimizer": sgd(nn.Linear(1, 1))}, "none of the model's parameters"),
    "no optimizer": ({"optimizer": 0.1}, "optimizer is a float"),
    "no model": ({"model": mse, "optimizer": sgd(nn.Linear(1, 1))}, "model is a function"),
    "lazy": ({"model": nn.LazyLinear(1), "optimizer": sgd(nn.Linear(1, 1))}, "weight, bias; run a batch"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_what_to_do(mistake: str) -> None:
    given, message = MISTAKES[mistake]
    with pytest.raises(ValueError, match=message):
        the_test(**given)


def test_groups_without_a_ratio_are_refused() -> None:
    model = a_model()
    optimizer = torch.optim.SGD([{"params": model[0].parameters(), "lr": 0.0}, {"params": model[3].parameters()}], lr=1)
    with pytest.raises(ValueError, match="no ratio"):
        the_test(model, optimizer)
    assert the_test(model, optimizer, group=1).group_lrs[0] is None


def test_the_answer_comes_first_in_text_and_html_and_the_plot_shows_it() -> None:
    matplotlib.use("agg")
    result = the_test(steps=60, validate=lambda model: 0.5)
    assert repr(result).splitlines()[0] == result.answer
    assert result._repr_html_().startswith(f"<p><b>{result.answer}")
    assert f"{result.suggestion:.2g}" in result.answer
    axes = result.plot()
    assert any(line.get_xdata()[0] == result.suggestion for line in axes.get_lines())  # type: ignore[index]
    assert result.plot(axes) is axes
    axes.figure.canvas.draw()
    pyplot.close("all")
    the_test(loss=lambda model, batch: mse(model, batch) * float("nan")).plot()
    pyplot.close("all")


def test_the_page_about_it_is_true() -> None:
    page = Path(__file__).parents[2] / "docs" / "notebook.md"
    torch.manual_seed(0)
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        exec(block, names)
    result, model, optimizer, loss = (names[name] for name in ("result", "model", "optimizer", "loss"))
    assert result.trusted
    assert optimizer.param_groups[0]["lr"] == result.suggestion
    # A learning rate with which it learns: five epochs leave less than a third of the loss.
    losses = []
    for _ in range(5):
        for batch in names["batches"]:
            optimizer.zero_grad()
            value = loss(model, batch)
            value.backward()
            optimizer.step()
            losses.append(value.item())
    assert np.mean(losses[-5:]) < losses[0] / 3
