"""The classic cases of fine-tuning train as what a person writes: torch's param groups over a real network."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sweeps.groups import ParamGroup
from tests.workers.parts import a_trial
from tests.workers.plain import stock_step
from tests.workers.small import EXAMPLES, Regression, hear, prepared, train
from workers.seeding import data_order, seed_epoch
from workers.tasks.vision.lenet import LeNet5


class Images(Regression):
    """Sixteen-pixel images for LeNet-5, which has features and a classifier."""

    def model(self) -> nn.Module:
        return LeNet5(3)

    def data(self) -> Any:
        generator = torch.Generator().manual_seed(5)
        x, y = torch.randn(31, 3, 16, 16, generator=generator), torch.randint(3, (31,), generator=generator)
        return (x[:EXAMPLES], y[:EXAMPLES]), (x[EXAMPLES:], y[EXAMPLES:])

    def loss(self, model: nn.Module, batch: Any) -> Any:
        return F.cross_entropy(model(batch[0]), batch[1])

    def metrics(self, model: nn.Module, batch: Any) -> Any:
        return {}


def classic(groups: Callable[[Any], list[dict[str, Any]]], lr: float) -> tuple[list[float], list[list[float]]]:
    """Losses of every step and LRs of every epoch of SGD with momentum and StepLR over these param groups."""
    task = Images()
    (x, y), _ = task.data()
    torch.manual_seed(7)
    model = task.model()
    optimizer = torch.optim.SGD(groups(model), lr=lr, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.1)
    losses, lrs = [], []
    for epoch in range(3):
        lrs.append([group["lr"] for group in optimizer.param_groups])
        seed_epoch(7, epoch)
        batches = data_order(len(x), 7, epoch).split(8)
        losses += [
            stock_step([optimizer], lambda rows=rows: F.cross_entropy(model(x[rows]), y[rows])) for rows in batches
        ]
        scheduler.step()
    return losses, lrs


CLASSIC: dict[str, Any] = {
    "optimizer_params": {"momentum": 0.9},
    "scheduler": "StepLR",
    "scheduler_params": {"step_size": 1, "gamma": 0.1},
}


def test_features_at_1e5_with_a_classifier_at_1e2() -> None:
    losses, lrs = classic(
        lambda model: [{"params": model.classifier.parameters()}, {"params": model.features.parameters(), "lr": 1e-5}],
        1e-2,
    )
    params = {**CLASSIC["optimizer_params"], "features.lr_multiplier": 1e-3}
    features = ParamGroup(name="features", patterns=("features.*",))
    job = a_trial(initial_lr=1e-2, groups=(features,), **{**CLASSIC, "optimizer_params": params})
    heard = hear(train(prepared(Images()), job))
    assert heard.steps == pytest.approx(losses, rel=1e-6)
    assert [report.lrs for report in heard.reports] == [pytest.approx(each) for each in lrs]
    assert heard.reports[0].lrs == pytest.approx((1e-2, 1e-5))


def test_two_special_layers_at_ten_times_the_rest() -> None:
    def groups(model: Any) -> list[dict[str, Any]]:
        special = [*model.classifier[3].parameters(), *model.classifier[5].parameters()]
        known = {id(parameter) for parameter in special}
        return [
            {"params": [each for each in model.parameters() if id(each) not in known]},
            {"params": special, "lr": 1e-2},
        ]

    losses, lrs = classic(groups, 1e-3)
    special = ParamGroup(name="special", patterns=("classifier.3.*", "classifier.5.*"))
    params = {**CLASSIC["optimizer_params"], "special.lr_multiplier": 10}
    job = a_trial(initial_lr=1e-3, groups=(special,), **{**CLASSIC, "optimizer_params": params})
    heard = hear(train(prepared(Images()), job))
    assert heard.steps == pytest.approx(losses, rel=1e-6)
    assert [report.lrs for report in heard.reports] == [pytest.approx(each) for each in lrs]
