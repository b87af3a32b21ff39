"""What cannot train a task is found out on its first batch, and said in a sentence."""

from collections import OrderedDict
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from sweeps.domains import Value
from sweeps.errors import UserError
from sweeps.groups import ParamGroup
from sweeps.records import Job
from tests.workers.parts import HEAD, a_trial
from tests.workers.small import EXAMPLES, Regression, SparseBag, hear, prepared, train
from workers.probe import probe


class Streamed(Regression):
    """Ready batches, which nobody can put together to one."""

    def data(self) -> Any:
        train, val = super().data()
        return [(train[0][rows], train[1][rows]) for rows in torch.arange(EXAMPLES).split(8)], val


class Words(Regression):
    """Embeddings alone, with dense gradients."""

    def model(self) -> nn.Module:
        return nn.EmbeddingBag(10, 2, mode="sum")

    def data(self) -> Any:
        return SparseBag().data()


@pytest.mark.parametrize(("task", "size"), [(Regression(), Regression.batch_size), (Streamed(), 8)])
def test_it_says_how_many_examples_a_step_has(task: Any, size: int) -> None:
    assert probe(prepared(task)).batch_size == size


def candidates(*pairs: tuple[str, dict[str, Value]], optimizer: str = "SGD", **given: Any) -> list[Job]:
    """A job for each scheduler, with its arguments."""
    given = {"groups": (), **given}
    return [
        a_trial(optimizer, key=f"{optimizer} x {name}", scheduler=name, scheduler_params=params, **given)
        for name, params in pairs
    ]


SPARSE = "SparseAdam takes sparse gradients only, those of Embedding(sparse=True); dense ones came from: "


@pytest.mark.parametrize(
    ("task", "refused"),
    [
        (Regression(), {"SparseAdam": SPARSE}),
        (
            Words(),
            {"SparseAdam": SPARSE, "Muon": "Muon trains 2-D weights that are no embeddings, and the model has none"},
        ),
        (Streamed(), {"SparseAdam": SPARSE, "Rprop": "Rprop trains on full batches, and the training data come in 3"}),
    ],
    ids=lambda each: type(each).__name__,
)
def test_the_probe_refuses_what_cannot_train_and_says_why(task: Any, refused: dict[str, str]) -> None:
    jobs = [
        job
        for optimizer in ("SGD", "SparseAdam", "Muon", "Rprop", "LBFGS")
        for job in candidates(("none", {}), ("StepLR", {"step_size": 1}), optimizer=optimizer)
    ]
    found = probe(prepared(task), jobs).refused
    assert set(found) == {f"{optimizer} x {scheduler}" for optimizer in refused for scheduler in ("none", "StepLR")}
    for key, reason in found.items():
        assert reason.startswith(refused[key.partition(" ")[0]])
        assert "\n" not in reason


def test_a_scheduler_that_cannot_be_is_refused_alone() -> None:
    jobs = candidates(
        ("OneCycleLR", {"total_steps": 2}),
        ("none", {}),
        ("StepLR", {"step_size": 0}),
        ("CosineAnnealingLR", {"T_max": 3}),
    )
    found = probe(prepared(), jobs).refused
    assert set(found) == {"SGD x OneCycleLR", "SGD x StepLR"}
    assert found["SGD x OneCycleLR"].startswith("ValueError: total_steps of OneCycleLR is 2")
    assert found["SGD x StepLR"].startswith("ZeroDivisionError")


def test_groups_that_join_late_are_tried_too() -> None:
    class Mixed(SparseBag):
        """Sparse at first, dense once the head has joined."""

        def model(self) -> nn.Module:
            bag = nn.EmbeddingBag(10, 2, mode="sum", sparse=True)
            return nn.Sequential(OrderedDict({"bag": bag, "head": nn.Linear(2, 2)}))

    ready, none = prepared(Mixed()), ("none", {})
    late, never = (replace(HEAD, from_epoch=2),), (replace(HEAD, from_epoch=9),)
    (reason,) = probe(ready, candidates(none, optimizer="SparseAdam", groups=late)).refused.values()
    assert reason == f"{SPARSE}head.weight, head.bias; use Adam or AdamW"
    assert probe(ready, candidates(none, optimizer="SGD", groups=late)).refused == {}
    assert probe(ready, candidates(none, optimizer="SparseAdam", groups=never)).refused == {}


def test_a_wrong_spec_stops_the_probe() -> None:
    groups = (ParamGroup(name="x", patterns=("zzz",)),)
    with pytest.raises(UserError, match="group x: 'zzz' names no parameter"):
        probe(prepared(), candidates(("none", {}), groups=groups))


def test_probing_changes_nothing_for_the_trials() -> None:
    ready = prepared(Regression(dropout=0.4))
    before = hear(train(ready, a_trial(groups=())))
    probe(ready, [*candidates(("none", {})), *candidates(("none", {}), optimizer="AdamW")])
    assert hear(train(ready, a_trial(groups=()))).said == before.said
