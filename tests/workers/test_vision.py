"""The image models have the sizes that are known of them, and take images of other sizes than their paper's."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from workers.tasks.images import ARCHITECTURES
from workers.tasks.vision.alexnet import AlexNet
from workers.tasks.vision.lenet import LeNet5
from workers.tasks.vision.resnet import resnet18, resnet50

torch.set_num_threads(1)


@pytest.mark.parametrize(
    ("build", "parameters"),
    [(AlexNet, 61_100_840), (resnet18, 11_689_512), (resnet50, 25_557_032)],
)
def test_parameter_counts(build: Callable[[int], nn.Module], parameters: int) -> None:
    # Without memory behind them the weights cost nothing to make.
    with torch.device("meta"):
        model = build(1000)

    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


def test_lenet_has_the_weights_of_the_paper_after_its_convolutions() -> None:
    sizes = [sum(p.numel() for p in layer.parameters()) for layer in LeNet5(10).classifier]

    assert [size for size in sizes if size] == [48_120, 10_164, 850]  # C5 and F6 as in the paper


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_all_sizes_from_the_smallest_on(name: str) -> None:
    architecture = ARCHITECTURES[name]
    with torch.device("meta"):
        model = architecture.build(3).eval()
        for size in (architecture.smallest, architecture.size, architecture.size + 9):
            assert model(torch.empty(2, 3, size, size)).shape == (2, 3)


@pytest.mark.parametrize("name", ["lenet5", "alexnet"])
def test_below_the_smallest_size_nothing_is_left(name: str) -> None:
    architecture = ARCHITECTURES[name]
    size = architecture.smallest - 1
    with torch.device("meta"), pytest.raises(RuntimeError, match=r"too small|greater than"):
        architecture.build(3)(torch.empty(2, 3, size, size))


def test_alexnet_at_its_own_size_pools_nothing_away() -> None:
    with torch.device("meta"):
        features = AlexNet(10).features
        assert features[:-1](torch.empty(1, 3, 224, 224)).shape == (1, 256, 6, 6)


def test_a_residual_network_trains() -> None:
    torch.manual_seed(0)
    model, images, labels = resnet18(2), torch.randn(4, 3, 32, 32), torch.tensor([0, 1, 0, 1])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    losses = []
    for _ in range(4):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    assert all(parameter.grad is not None for parameter in model.parameters())
    assert losses[-1] < losses[0]
