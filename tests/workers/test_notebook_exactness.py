"""A range test leaves model, optimizer, random streams and torch's switches as they were, however it ends."""

import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.workers.notebook_parts import (
    MODELS,
    NAMES,
    Stateful,
    an_optimizer,
    fingerprint,
    mse,
    plain_steps,
    some_batches,
)
from workers.notebook import range_test


def seeded() -> None:
    random.seed(1)
    np.random.seed(2)
    torch.manual_seed(3)


def trained(model: str, optimizer: str, steps: int = 2) -> tuple[nn.Module, Any]:
    """A model and its optimizer with state from earlier training, gradients of the last step among it."""
    seeded()
    made = MODELS[model]()
    with_optimizer = an_optimizer(optimizer, made)
    plain_steps(made, with_optimizer, steps)
    return made, with_optimizer


@pytest.mark.parametrize("optimizer", NAMES)
@pytest.mark.parametrize("model", MODELS)
def test_all_is_as_it_was_and_training_goes_on_as_if_nothing_had_been(model: str, optimizer: str) -> None:
    twin, twins_optimizer = trained(model, optimizer)
    made, with_optimizer = trained(model, optimizer)
    before = fingerprint(made, with_optimizer)
    result = range_test(made, with_optimizer, mse, some_batches(), steps=4, seeds=2)
    assert fingerprint(made, with_optimizer) == before
    assert result.losses[0]
    seeded()
    expected = plain_steps(twin, twins_optimizer)
    seeded()
    assert plain_steps(made, with_optimizer) == expected


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "LBFGS"])
@pytest.mark.parametrize("model", MODELS)
def test_all_is_as_it_was_before_any_training(model: str, optimizer: str) -> None:
    made, with_optimizer = trained(model, optimizer, steps=0)
    before = fingerprint(made, with_optimizer)
    range_test(made, with_optimizer, mse, some_batches(), steps=4, seeds=2)
    assert fingerprint(made, with_optimizer) == before


def test_a_change_is_seen_by_the_fingerprint() -> None:
    changes: list[Callable[[Stateful], Any]] = [
        lambda model: model.seen.append(1),
        lambda model: model.mean.add_(1),
        lambda model: setattr(model.head.weight, "grad", None),
        lambda model: setattr(model, "mean", model.mean.clone()),
        lambda model: model.head.eval(),
        lambda model: model.head.weight.requires_grad_(False),
        lambda model: model.noise.manual_seed(7),
        lambda model: model.dice.random(),
        lambda model: model.draws.random(),
        lambda model: model.array.fill(7),
        lambda model: np.random.rand(),
        lambda model: random.random(),
        lambda model: torch.rand(1),
    ]
    for change in changes:
        model, optimizer = trained("stateful", "Adam")
        before = fingerprint(model, optimizer)
        assert fingerprint(model, optimizer) == before
        change(model)  # type: ignore[arg-type]
        assert fingerprint(model, optimizer) != before
    model, optimizer = trained("dropout", "Adam")
    before = fingerprint(model, optimizer)
    optimizer.state[model[0].weight]["exp_avg"] += 1  # type: ignore[index]
    assert fingerprint(model, optimizer) != before


class Stop(Exception):
    """What a loss of these tests raises."""


class Broken(torch.autograd.Function):
    """Raises in the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        raise Stop


def raising(error: type[BaseException]) -> Any:
    def fail(model: nn.Module, loss: Tensor) -> Tensor:
        raise error

    return fail


def mistrained(model: nn.Module, loss: Tensor) -> Tensor:
    """Leaves torch and the model in a mess before it fails."""
    model.eval()
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float64)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.autograd.set_detect_anomaly(True, check_nan=False)
    torch.set_autocast_enabled("cpu", True)
    torch.manual_seed(77)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
        parameter.data = torch.zeros(7)
    raise Stop


FAILURES: Mapping[str, tuple[Callable[[nn.Module, Tensor], Tensor], type[BaseException] | None]] = {
    "loss raises": (raising(Stop), Stop),
    "Ctrl-C": (raising(KeyboardInterrupt), KeyboardInterrupt),
    "exit": (raising(SystemExit), SystemExit),
    "NaN": (lambda model, loss: loss * float("nan"), None),
    "infinite": (lambda model, loss: loss * float("inf"), None),
    "diverged": (lambda model, loss: loss * 1e9, None),
    "backward raises": (lambda model, loss: Broken.apply(loss), Stop),
    "no gradient": (lambda model, loss: loss.detach(), ValueError),
    "no scalar": (lambda model, loss: loss.expand(3), ValueError),
    "a mess": (mistrained, Stop),
}
CASES = [
    *((failure, "stateful", "Adam") for failure in FAILURES),
    *((failure, model, optimizer) for failure in FAILURES for model, optimizer in (("lstm", "SGD"), ("tied", "LBFGS"))),
    *(("loss raises", "batch norm", optimizer) for optimizer in NAMES),
    *(("backward raises", model, "AdamW") for model in MODELS),
]


@pytest.mark.parametrize("seed", [0, 1], ids=["first seed", "second seed"])
@pytest.mark.parametrize(("failure", "model", "optimizer"), CASES)
def test_all_is_as_it_was_after_a_failure(failure: str, model: str, optimizer: str, seed: int) -> None:
    made, with_optimizer = trained(model, optimizer)
    fail, error = FAILURES[failure]
    calls = 0

    def loss(model: nn.Module, batch: Any) -> Tensor:
        nonlocal calls
        calls += 1
        value = mse(model, batch)
        return fail(model, value) if calls > 3 + 6 * seed else value

    before = fingerprint(made, with_optimizer)
    if error is None:
        range_test(made, with_optimizer, loss, some_batches(), steps=6, seeds=2)
    else:
        with pytest.raises(error):
            range_test(made, with_optimizer, loss, some_batches(), steps=6, seeds=2)
    assert calls > 3 + 6 * seed
    assert fingerprint(made, with_optimizer) == before


@pytest.mark.parametrize("hook", ["register_step_pre_hook", "register_step_post_hook"])
def test_all_is_as_it_was_after_an_error_inside_the_step(hook: str) -> None:
    model, optimizer = trained("batch norm", "Adam")

    def fail(*given: Any) -> None:
        raise Stop

    getattr(optimizer, hook)(fail)
    before = fingerprint(model, optimizer)
    with pytest.raises(Stop):
        range_test(model, optimizer, mse, some_batches(), steps=6)
    assert fingerprint(model, optimizer) == before


def test_validation_changes_nothing_either_nor_the_curve() -> None:
    model, optimizer = trained("stateful", "Adam")
    plain = range_test(model, optimizer, mse, some_batches(), steps=6)
    before = fingerprint(model, optimizer)

    def drawn(model: Any) -> dict[str, float]:
        assert not model.training
        assert not torch.is_grad_enabled()
        return {"loss": float(torch.rand(())), "accuracy": random.random() + np.random.rand()}

    watched = range_test(model, optimizer, mse, some_batches(), steps=6, validate=drawn)
    assert fingerprint(model, optimizer) == before
    assert watched.losses == plain.losses
    assert watched.metric_steps == (1, 2, 3, 4, 5, 6)
    assert [len(curve) for curve in watched.metrics["val/accuracy"]] == [6, 6, 6]

    def failing(model: Any) -> float:
        raise Stop

    with pytest.raises(Stop):
        range_test(model, optimizer, mse, some_batches(), steps=6, validate=failing)
    assert fingerprint(model, optimizer) == before


def test_a_graph_that_waits_for_its_backward_pass_still_has_it() -> None:
    model, optimizer = trained("batch norm", "SGD")
    model.eval()
    optimizer.zero_grad()
    waiting = mse(model, some_batches()[0])
    expected = torch.autograd.grad(waiting, list(model.parameters()), retain_graph=True)
    range_test(model, optimizer, mse, some_batches(), steps=6)
    waiting.backward()
    assert all(torch.equal(a, b.grad) for a, b in zip(expected, model.parameters(), strict=True))  # type: ignore[arg-type]


def test_a_buffer_that_grew_into_a_graph_is_a_leaf_again() -> None:
    model, optimizer = trained("dropout", "SGD")
    model.register_buffer("total", torch.zeros(()))

    def loss(model: Any, batch: Any) -> Tensor:
        value = mse(model, batch)
        model.total += value
        return value

    before = fingerprint(model, optimizer)
    range_test(model, optimizer, loss, some_batches(), steps=1 + 1, low=1e-9, high=1e-8, seeds=1, accumulation=1)
    assert fingerprint(model, optimizer) == before


def test_sparse_gradients_and_their_optimizer() -> None:
    seeded()
    model = nn.EmbeddingBag(10, 2, mode="sum", sparse=True)
    optimizer = torch.optim.SparseAdam(model.parameters(), lr=0.01)
    batches = [(torch.randint(10, (6, 3)), torch.randn(6, 2)) for _ in range(4)]

    def loss(model: Any, batch: Any) -> Tensor:
        x, y = batch
        return nn.functional.mse_loss(model(x), y)

    before = fingerprint(model, optimizer)
    range_test(model, optimizer, loss, batches, steps=6)
    assert fingerprint(model, optimizer) == before


CRITERION = nn.BatchNorm1d(1)
"""A global name, as a notebook has them."""


def test_what_the_loss_names_is_kept_as_well() -> None:
    model, optimizer = trained("batch norm", "Adam")
    stream = np.random.default_rng(3)

    def loss(model: Any, batch: Any) -> Tensor:
        out = CRITERION(model(batch["x"]))
        return (out - batch["y"]).square().mean() * (1 + 0.01 * stream.random())  # type: ignore[no-any-return]

    before = fingerprint(model, optimizer, CRITERION, stream)
    range_test(model, optimizer, loss, some_batches(), steps=6)
    assert fingerprint(model, optimizer, CRITERION, stream) == before


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "LBFGS"])
@pytest.mark.parametrize("model", ["batch norm", "dropout", "lstm"])
def test_all_is_as_it_was_on_a_gpu_and_batches_come_there(model: str, optimizer: str) -> None:
    seeded()
    made = MODELS[model]().cuda()
    with_optimizer = an_optimizer(optimizer, made)
    mse(made, {name: tensor.cuda() for name, tensor in some_batches()[0].items()}).backward()
    before = fingerprint(made, with_optimizer)
    result = range_test(made, with_optimizer, mse, some_batches(), steps=4, seeds=2)
    assert result.losses[0]
    assert fingerprint(made, with_optimizer) == before
