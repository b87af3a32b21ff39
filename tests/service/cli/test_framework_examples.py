"""The examples of other people's training loops run as they stand, where those libraries are installed."""

from pathlib import Path

import pytest

from tests.service.cli.conftest import Cli

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "file"), [("lightning", "lightning_loop.py"), ("transformers", "huggingface_loop.py")]
)
def test_the_loop_is_swept(cli: Cli, process_cli: Cli, library: str, file: str) -> None:
    pytest.importorskip(library)
    flags = ["--epochs", 3, "--trials", 3, "--optimizer", "AdamW", "--scheduler", "StepLR", "--runner", "inline"]
    settings = ["--set", "objective=val/loss", "--set", "range_test=off", "--set", "pruner=none"]
    settings += ["--set", "optimizers=[{AdamW: {lr: [1e-3, 1e-9]}}]", "--set", "stability=off"]
    task = ["--task", f"{EXAMPLES / file}:train"]
    said = process_cli("run", *task, *flags[:4], *flags[6:], *settings, "--json", timeout=300)
    assert said.code == 0, said.err
    by_lr = {trial["initial_lr"]: trial for trial in said.document["trials"]}
    assert {trial["outcome"] for trial in by_lr.values()} == {"COMPLETE"}
    # It is the trial's optimizer that trains: at an LR of next to nothing nothing is learned.
    assert by_lr[1e-3]["value"] < by_lr[1e-9]["value"]
    curves = cli("export", "last", "--table", "epochs").out.splitlines()
    assert len(curves) == 1 + 3 * len(said.document["trials"])
