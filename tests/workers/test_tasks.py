"""Every built-in task, and the example task, is a task, and training lowers its loss."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn

from sweeps.builtin import BUILTIN_TASKS
from sweeps.errors import UserError
from workers.loading import load_task
from workers.task import Batch, Split, Task
from workers.tasks.classification import stratified_split
from workers.tasks.digits import DigitsCNN, DigitsMLP
from workers.tasks.quadratic import Quadratic
from workers.tasks.text import Text

torch.set_num_threads(1)

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "my_task.py") + ":Tumours"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of ten images each, reddish and bluish."""
    folder = tmp_path_factory.mktemp("images")
    for name, colour in (("red", (200, 30, 30)), ("blue", (30, 30, 200))):
        (folder / name).mkdir()
        for number in range(10):
            Image.new("RGB", (20, 24), tuple(c + number for c in colour)).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(params=[*BUILTIN_TASKS, EXAMPLE], ids=lambda use: use.rpartition("/")[2])
def task(request: pytest.FixtureRequest, images: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", [*sys.path])
    args = {"folder": str(images), "model": "lenet5"} if request.param == "images" else {}
    return load_task(request.param, args).task


def rows(split: Split, index: Any) -> Batch:
    """Some examples of a split of tensors."""
    match split:
        case dict():
            return {key: tensor[index] for key, tensor in split.items()}
        case tuple():
            return tuple(tensor[index] for tensor in split)
        case _:
            return split[index]


def count(split: Split) -> int:
    match split:
        case dict():
            return len(next(iter(split.values())))
        case tuple():
            return len(split[0])
        case _:
            return len(split)


def fit(task: Any, make: Callable[[Any], torch.optim.Optimizer], steps: int) -> tuple[float, float, nn.Module]:
    """Loss over the validation data before and after some steps of training."""
    torch.manual_seed(0)
    model = task.model()
    train, val = task.data()
    optimizer = make(model.parameters())
    before = float(task.loss(model, val).detach())
    for _ in range(steps):
        optimizer.zero_grad()
        task.loss(model, rows(train, torch.randperm(count(train))[: task.batch_size])).backward()
        optimizer.step()
    return before, float(task.loss(model, val).detach()), model


def test_it_is_a_task(task: Any) -> None:
    assert isinstance(task, Task)
    assert isinstance(task.batch_size, int)

    torch.manual_seed(3)
    model = task.model()
    torch.manual_seed(3)
    again = task.model()
    train, val = task.data()
    batch = rows(train, slice(0, task.batch_size))
    loss = task.loss(model, batch)

    assert loss.shape == ()
    assert loss.requires_grad
    assert task.loss(again, batch) == loss
    assert 0 < count(val) <= count(train)
    metrics = task.metrics(model, rows(val, slice(0, 2))) if hasattr(task, "metrics") else {}
    assert all(value.shape == () for value in metrics.values())


def test_training_lowers_its_loss(task: Any) -> None:
    before, after, model = fit(task, lambda parameters: torch.optim.SGD(parameters, lr=0.1), steps=30)

    assert after < 0.97 * before
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_data_is_the_same_every_time_and_read_once(task: Any) -> None:
    (first, _), (again, _) = task.data(), task.data()

    torch.testing.assert_close(first, again, rtol=0, atol=0)


@pytest.mark.parametrize("task", [DigitsMLP(), DigitsCNN()], ids=["mlp", "cnn"])
def test_digits_are_those_of_scikit_learn(task: DigitsMLP) -> None:
    (train_x, train_y), (val_x, val_y) = task.data()
    pixels, labels = load_digits(return_X_y=True)

    x, y = torch.cat([train_x, val_x]), torch.cat([train_y, val_y])
    assert x.shape == pixels.shape
    assert x.double().sum() * 16 == pixels.sum()
    assert torch.equal(y.bincount(), torch.tensor(labels).bincount())
    assert x.min() == 0
    assert x.max() == 1
    assert len(val_y) == pytest.approx(0.2 * len(y), abs=5)
    assert task.model()(val_x).shape == (len(val_y), 10)
    assert task.data()[0][0] is train_x


def test_digits_take_layer_widths() -> None:
    widths = [layer.out_features for layer in DigitsMLP(hidden=[32, 16]).model() if isinstance(layer, nn.Linear)]

    assert widths == [32, 16, 10]
    assert len(list(DigitsMLP(hidden=[]).model())) == 1


def test_digits_are_learned() -> None:
    _, _, model = fit(DigitsMLP(), lambda parameters: torch.optim.Adam(parameters, lr=3e-3), steps=200)

    assert DigitsMLP().metrics(model, DigitsMLP().data()[1])["accuracy"] > 0.9


def test_a_split_is_stratified_and_leaves_nobody_out() -> None:
    labels = torch.tensor([0] * 10 + [1] * 2 + [2] * 5)
    train, val = stratified_split(labels, val_fraction=0.2, seed=0)

    assert sorted(train.tolist() + val.tolist()) == list(range(17))
    assert labels[val].bincount().tolist() == [2, 1, 1]
    assert not torch.equal(val, stratified_split(labels, val_fraction=0.2, seed=1)[1])
    _, most = stratified_split(labels, val_fraction=0.99, seed=0)
    assert labels[most].bincount().tolist() == [9, 1, 4]


def test_text_is_all_sparse_and_suits_sparse_adam() -> None:
    task = Text()
    before, after, model = fit(task, lambda p: torch.optim.SparseAdam(list(p), lr=0.01), steps=60)

    assert after < 0.9 * before
    assert all(p.grad is not None and p.grad.is_sparse for p in model.parameters())
    assert 0.5 < task.metrics(model, task.data()[1])["accuracy"] < 1


def test_gradient_descent_on_the_quadratic_converges_at_the_known_rate() -> None:
    task = Quadratic(mu=1.0, L=9.0)
    model = task.model().double()
    optimizer = torch.optim.SGD(model.parameters(), lr=task.best_lr)
    for _ in range(10):
        optimizer.zero_grad()
        task.loss(model, task.data()[0][:1]).backward()
        optimizer.step()

    (weights,) = model.parameters()
    rate = (9 - 1) / (9 + 1)
    assert weights.abs().max().item() == pytest.approx(rate**10, rel=1e-9)


@pytest.mark.parametrize(("factor", "grows"), [(0.99, False), (1.01, True)])
def test_the_quadratic_diverges_above_the_largest_stable_lr(factor: float, grows: bool) -> None:
    task = Quadratic(mu=1.0, L=9.0)
    lr = factor * task.largest_stable_lr
    before, after, _ = fit(task, lambda parameters: torch.optim.SGD(parameters, lr=lr), steps=300)

    assert (after > before) == grows


def test_the_quadratic_counts_its_steps_and_refuses_a_negative_range() -> None:
    train, val = Quadratic(steps_per_epoch=7).data()

    assert (len(train), len(val), Quadratic.batch_size) == (7, 1, 1)
    with pytest.raises(UserError, match="got mu 5 and L 1; allowed is 0 < mu <= L"):
        Quadratic(mu=5, L=1)
