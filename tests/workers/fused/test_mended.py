"""What runs otherwise under vmap than for one model: cross-entropy, against torch's own under vmap."""

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import grad_and_value, vmap
from torch.nn import functional as F

from workers.fused.mended import mended

LANES, BATCH, CLASSES = 3, 7, 5


def labels(*more: int) -> Tensor:
    return torch.randint(0, CLASSES, (LANES, BATCH, *more))


def ignoring(label: int) -> Tensor:
    target = labels()
    target[:, :2] = label
    return target


@pytest.mark.parametrize(
    ("options", "target", "more"),
    [
        ({}, labels(), ()),
        ({}, ignoring(-100), ()),
        ({"ignore_index": 3}, ignoring(3), ()),
        ({"reduction": "sum"}, labels(), ()),
        ({"label_smoothing": 0.1}, labels(), ()),
        ({"weight": torch.rand(CLASSES)}, labels(), ()),
        ({}, torch.rand(LANES, BATCH, CLASSES), ()),
        ({}, labels(4), (4,)),
    ],
    ids=["plain", "ignored", "ignore_index", "sum", "smoothing", "weight", "probabilities", "pixels"],
)
def test_a_vmapped_cross_entropy_is_torchs_to_the_bit(
    options: dict[str, Any], target: Tensor, more: tuple[int, ...]
) -> None:
    logits = 3 * torch.randn(LANES, BATCH, CLASSES, *more)
    step = vmap(grad_and_value(lambda x, y: F.cross_entropy(x, y, **options)))
    with mended():
        found = step(logits, target)
    for own, torchs in zip(found, step(logits, target), strict=True):
        assert torch.equal(own, torchs)


def test_positional_options_are_torchs() -> None:
    logits, target, weight = torch.randn(LANES, BATCH, CLASSES), labels(), torch.rand(CLASSES)
    with mended():
        found = vmap(lambda x, y: F.cross_entropy(x, y, weight))(logits, target)
    assert torch.equal(found, vmap(lambda x, y: F.cross_entropy(x, y, weight))(logits, target))


def test_it_does_not_load_what_takes_a_second() -> None:
    step = """
import sys, torch
from workers.fused.mended import mended
logits = torch.randn(2, 4, 3, requires_grad=True)
with mended():
    torch.vmap(torch.nn.functional.cross_entropy)(logits, torch.zeros(2, 4, dtype=torch.int64)).sum().backward()
sys.exit("sympy" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", step], timeout=120).returncode == 0
