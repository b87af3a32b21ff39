"""The table of rules covers what can be stacked, under the catalogue's names and torch's own arguments."""

import pytest
import torch

from sweeps.catalogue import OPTIMIZERS
from tests.workers.stacked.lanes import TABLE
from workers.stacked.rule import flags_of
from workers.stacked.rules import RULES, stock_group

ALONE = {
    "LBFGS": "computes the loss anew",
    "SparseAdam": "sparse gradients",
    "Adafactor": "works on matrices",
    "Muon": "works on matrices",
}
"""What is left to the stock classes, lane by lane, with the reason."""


def test_every_optimizer_is_in_the_table_or_has_a_reason() -> None:
    assert set(RULES) | set(ALONE) == set(OPTIMIZERS)
    assert not set(RULES) & set(ALONE)
    assert all(rule.stock is getattr(torch.optim, name) for name, rule in RULES.items())


@pytest.mark.parametrize("name", RULES)
def test_the_tests_vary_every_argument_of_the_catalogue(name: str) -> None:
    # Their eps is small against everything else.
    assert set(OPTIMIZERS[name].params) - {"eps"} == set(TABLE[name]) - {"eps"}


def test_a_group_is_what_torch_makes_of_its_arguments() -> None:
    assert stock_group("AdamW", 0.5, {"betas": (0.8, 0.9)}) == {
        "lr": 0.5,
        "betas": (0.8, 0.9),
        "eps": 1e-8,
        "weight_decay": 1e-2,
        "amsgrad": False,
        "maximize": False,
        "foreach": None,
        "capturable": False,
        "differentiable": False,
        "fused": None,
        "decoupled_weight_decay": True,
    }
    with pytest.raises(ValueError, match="beta"):
        stock_group("Adam", 0.1, {"betas": (1.0, 0.9)})


def test_momentum_counts_where_it_is_cycled_though_it_is_zero_now() -> None:
    assert flags_of(stock_group("SGD", 0.1, {})) == frozenset()
    assert flags_of(stock_group("SGD", 0.1, {}), cycled=True) == {"momentum", "cycled"}
    assert flags_of(stock_group("Adam", 0.1, {}), cycled=True) == frozenset()
