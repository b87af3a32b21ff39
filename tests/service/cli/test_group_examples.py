"""The examples of parameter groups run as they stand, and their picks can be pasted."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.service.cli.conftest import Cli
from workers.loading import load_task

EXAMPLES = Path(__file__).parents[3] / "examples"


def ran(cli: Cli, name: str) -> dict[str, Any]:
    said = cli("run", EXAMPLES / name, "--runner", "inline", "--json")
    assert said.code == 0, said.err
    document: dict[str, Any] = json.loads(cli("export", "last", "--format", "json").out)
    assert {trial["outcome"] for trial in document["trials"]} <= {"COMPLETE", "DIVERGED"}
    return document


def pasted(cli: Cli, task: str) -> dict[str, Any]:
    model = load_task(task, {}).task.model()
    scope: dict[str, Any] = {"torch": torch, "model": model, "epochs": 5, "steps_per_epoch": 23, "total_steps": 115}
    exec(cli("pick", "last", "--format", "torch").out, scope)
    return scope


@pytest.mark.slow
def test_fine_tuning_keeps_features_a_thousandth_below_the_classifier(cli: Cli) -> None:
    document = ran(cli, "fine_tuning.yaml")
    assert len(document["trials"]) == 4
    for trial in document["trials"]:
        classifier, features = trial["group_lrs"]["rest"], trial["group_lrs"]["features"]
        assert classifier[0] == 0.01
        assert features == pytest.approx([0.0, 0.0, *(lr / 1000 for lr in classifier[2:])])
    scope = pasted(cli, "digits-cnn")
    assert [group["lr"] for group in scope["optimizer"].param_groups] == pytest.approx([0.01, 1e-5])
    assert [name for name, each in scope["model"].named_parameters() if each.requires_grad] == ["8.weight", "8.bias"]


@pytest.mark.slow
def test_special_layers_train_at_a_multiple_that_is_searched(cli: Cli) -> None:
    document = ran(cli, "special_layers.yaml")
    multipliers = []
    for trial in document["trials"]:
        multipliers.append(trial["params"]["SGD.special.lr_multiplier"])
        rest, special = trial["group_lrs"]["rest"], trial["group_lrs"]["special"]
        assert special == pytest.approx([multipliers[-1] * lr for lr in rest])
        assert trial["params"]["SGD.special.weight_decay"] == 0
        assert trial["params"]["CosineAnnealingLR.T_max"] == 4
    assert (multipliers[0], set(multipliers)) == (10, {1, 10})
    scope = pasted(cli, "digits")
    picked = document["picks"][0]
    lrs = [group["initial_lr"] for group in scope["optimizer"].param_groups]
    ratio = picked["params"]["SGD.special.lr_multiplier"]
    assert lrs == pytest.approx([picked["initial_lr"], ratio * picked["initial_lr"]])
