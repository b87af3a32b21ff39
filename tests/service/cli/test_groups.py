"""A sweep over parameter groups from the command line: every group's LR is in the store, in MLflow and in an export."""

import json
from pathlib import Path
from typing import Any

import pytest

from service.tracking.client import open_client
from tests.service.cli.conftest import Cli
from tests.service.mlflow_server import home_in

SPEC = """
task: {use: digits, hidden: [16]}
budget: {epochs: 3}
optimizers:
  - SGD: {momentum: 0.9}
schedulers: [OneCycleLR, {StepLR: {step_size: 1, gamma: 0.5}}]
groups:
  first: {parameters: "0.*", lr_multiplier: 0.001, from_epoch: 1}
  biases: {parameters: "*.bias", lr_multiplier: {low: 1, high: 10}, weight_decay: 0.0}
trials: 4
pruner: none
range_test: {steps: 20, seeds: 1}
"""
STEPS = 23


@pytest.mark.slow
def test_the_lrs_of_groups_go_all_the_way(cli: Cli, here: Path) -> None:
    (here / "spec.yaml").write_text(SPEC)
    said = cli("run", "spec.yaml", "--runner", "inline", "--json")
    assert said.code == 0, said.err
    exported = json.loads(cli("export", "last", "--format", "json").out)
    client = open_client(home_in(here / ".lrsweep"))
    assert {trial["scheduler"] for trial in exported["trials"]} == {"OneCycleLR", "StepLR"}
    for trial in exported["trials"]:
        assert trial["outcome"] == "COMPLETE"
        assert list(trial["group_lrs"]) == ["rest", "first", "biases"]
        rest, first, biases = trial["group_lrs"].values()
        assert first == pytest.approx([0.0, rest[1] / 1000, rest[2] / 1000])
        assert biases == pytest.approx([lr * trial["params"]["SGD.biases.lr_multiplier"] for lr in rest])
        shown = _metrics(
            client, trial["mlflow_run_id"], ["lr/rest", "lr/first", "lr/biases", "momentum", "lr_step/first"]
        )
        assert shown["lr/first"] == dict(enumerate(first, start=1))
        assert shown["lr/rest"] == dict(enumerate(rest, start=1))
        if trial["scheduler"] == "StepLR":
            assert rest == pytest.approx([trial["initial_lr"] * 0.5**epoch for epoch in range(3)])
            assert set(trial["curve"]) == {"step", "train_loss", "lr"}
            assert shown["momentum"] == shown["lr_step/first"] == {}
            continue
        curve = trial["curve"]
        assert curve["lr/first"][:STEPS] == [0.0] * STEPS
        assert curve["lr/first"][STEPS:] == pytest.approx([lr / 1000 for lr in curve["lr"][STEPS:]])
        assert (curve["momentum"][0], min(curve["momentum"])) == pytest.approx((0.95, 0.85), abs=1e-3)
        assert shown["momentum"] == dict(zip(curve["step"], curve["momentum"], strict=True))
        assert set(shown["lr_step/first"]) == set(curve["step"][STEPS:])


def _metrics(client: Any, run_id: str, names: list[str]) -> dict[str, dict[int, float]]:
    return {name: {point.step: point.value for point in client.get_metric_history(run_id, name)} for name in names}
