"""The main job, from the command line to MLflow, with every real part in its place."""

import json
import shutil
import subprocess
import sys
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from service.store import Store
from service.tracking.client import open_client
from tests.service.cli.conftest import Cli, Said, alone, clean_environment, inside
from tests.service.mlflow_server import MlflowServer, home_in

EXAMPLES = Path(__file__).parents[3] / "examples"


def histories(client: Any, run_id: str) -> dict[str, list[tuple[int, float]]]:
    run = client.get_run(run_id)
    return {
        name: sorted((point.step, point.value) for point in client.get_metric_history(run_id, name))
        for name in run.data.metrics
    }


@pytest.mark.ray
@pytest.mark.slow
def test_the_demo_leaves_every_trial_with_full_curves(cli: Cli, process_cli: Cli, here: Path) -> None:
    said = process_cli("run", EXAMPLES / "digits.yaml", "--json", timeout=300)
    assert said.code == 0, said.err
    document = said.document
    assert document["status"] == "DONE"
    assert len(document["trials"]) >= 24
    assert {test["optimizer"] for test in document["range_tests"]} == {"SGD", "AdamW", "RMSprop"}
    pairs = {(pick["optimizer"], pick["scheduler"]) for pick in document["picks"]}
    assert len(pairs) == len(document["picks"]) == 12
    assert all(trial["outcome"] in ("COMPLETE", "PRUNED", "DIVERGED") for trial in document["trials"])
    client = open_client(home_in(here / ".lrsweep"))
    with Store.open(f"sqlite:///{here}/.lrsweep/lrsweep.db") as store:
        for trial in document["trials"]:
            curve = store.curve(document["sweep"], trial["number"])
            assert curve.steps == tuple(range(1, 23 * trial["epochs"] + 1))
            shown = histories(client, trial["mlflow_run_id"])
            epochs = [step for step, _ in shown["train/loss"]]
            assert epochs == list(range(1, trial["epochs"] + 1))
            assert [step for step, _ in shown["lr"]] == epochs
            if trial["outcome"] != "DIVERGED":
                assert min(value for _, value in shown["val/loss"]) == trial["value"]
                assert len(shown["val/loss"]) == len(shown["val/accuracy"]) == trial["epochs"]
    best = document["picks"][0]
    lines = cli("pick", "last", "--format", "torch").out
    assert f"lr={best['initial_lr']!r}" in lines
    assert cli("pick", "last", "--json").document == document["picks"]
    assert cli("list", "--json").document[0]["sweep"] == document["sweep"]


SPEC = """
task: {use: digits, hidden: [16]}
budget: {epochs: 2}
optimizers: [SGD, AdamW]
schedulers: [none, CosineAnnealingLR]
seeds: 2
trials: 4
range_test: {steps: 20, seeds: 1}
"""


@pytest.mark.postgres
@pytest.mark.slow
def test_a_sweep_on_postgresql_with_an_mlflow_server(
    cli: Cli, here: Path, postgres_url: str, mlflow_server: MlflowServer
) -> None:
    (here / "spec.yaml").write_text(SPEC)
    environment = {"LRSWEEP_STORE": postgres_url, "MLFLOW_TRACKING_URI": mlflow_server.uri}
    behind = cli("run", "spec.yaml", "--runner", "inline", **environment)
    assert behind.code == 2
    assert "lrsweep db upgrade" in behind.err
    assert cli("db", "upgrade", **environment).code == 0
    said = cli("run", "spec.yaml", "--runner", "inline", "--json", **environment)
    assert said.code == 0, said.err
    document = said.document
    assert [trial["seed"] for trial in document["trials"]] == [0, 1] * 4
    assert document["mlflow"]["tracking_uri"] == mlflow_server.uri
    assert document["mlflow"]["url"].startswith(f"{mlflow_server.uri}/#/experiments/")
    query = json.dumps(
        {
            "experiment_ids": [document["mlflow"]["experiment_id"]],
            "filter": f"tags.mlflow.parentRunId = '{document['mlflow']['run_id']}'",
        }
    ).encode()
    request = urllib.request.Request(
        f"{mlflow_server.uri}/api/2.0/mlflow/runs/search", query, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        children = json.load(answer)["runs"]
    assert len(children) == 8 + 2
    assert {child["info"]["run_id"] for child in children} > {trial["mlflow_run_id"] for trial in document["trials"]}
    assert not (here / ".lrsweep" / "lrsweep.db").read_bytes().count(document["sweep"].encode())


OWN_LOOP = EXAMPLES / "own_loop.py"


@pytest.mark.parametrize(
    ("task", "metric"),
    [(f"{OWN_LOOP}:train", "val/loss"), (f"{EXAMPLES / 'my_task.py'}:Tumours", "val/accuracy")],
    ids=["own-loop", "my-task"],
)
def test_the_examples_run(cli: Cli, task: str, metric: str) -> None:
    flags = ["--task", task, "--epochs", 2, "--trials", 3, "--optimizer", "AdamW", "--scheduler", "StepLR"]
    settings = ["--set", f"objective={metric}", "--set", "range_test={steps: 20, seeds: 1}"]
    said = cli("run", *flags, *settings, "--runner", "inline", "--json")
    assert said.code == 0, said.err
    assert [trial["outcome"] for trial in said.document["trials"]] == ["COMPLETE"] * 3
    assert all(trial["params"] for trial in said.document["trials"])


def test_the_folk_grid_is_tried_point_by_point(cli: Cli) -> None:
    said = cli("run", EXAMPLES / "folk_grid.yaml", "--epochs", 1, "--runner", "inline", "--json")
    assert said.code == 0, said.err
    lrs = sorted({trial["initial_lr"] for trial in said.document["trials"]})
    assert lrs == [0.0001, 0.001, 0.01]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, fresh_home: Path) -> tuple[Path, Said]:
    """A working directory in which a small sweep was run, and what that said."""
    folder = tmp_path_factory.mktemp("small")
    shutil.copytree(fresh_home, folder / ".lrsweep")
    (folder / "spec.yaml").write_text(SPEC.replace("seeds: 2\n", ""))
    return folder, alone(folder, "run", "spec.yaml", "--runner", "inline")


def test_results_go_to_standard_output_and_the_rest_does_not(small: tuple[Path, Said]) -> None:
    _, said = small
    assert said.code == 0, said.err
    assert "Best initial LR per optimizer and scheduler" in said.out
    assert "trial 0" in said.err
    assert "trial 0 " not in said.out
    assert "lrsweep ui" in said.err
    assert "LRSWEEP_HOME" not in said.err


def test_export_gives_csv_json_and_a_study(small: tuple[Path, Said]) -> None:
    cli = partial(inside, small[0])
    trials = cli("show", "last", "--json").document["trials"]
    rows = cli("export", "last").out.splitlines()
    assert len(rows) == 1 + len(trials)
    assert rows[0].startswith("number,optimizer,scheduler,initial_lr")
    exported = json.loads(cli("export", "last", "--format", "json").out)
    assert all(len(trial["curve"]["train_loss"]) == 23 * trial["epochs"] for trial in exported["trials"])
    assert cli("export", "last", "--format", "optuna", "-o", "study.db").code == 0
    import optuna

    storage = f"sqlite:///{small[0]}/study.db"
    (name,) = optuna.get_all_study_names(storage)
    study = optuna.load_study(study_name=name, storage=storage)
    assert [trial.value for trial in study.trials] == [trial["value"] for trial in trials]
    assert cli("export", "last", "--format", "optuna", "-o", "study.db").code == 2


TALKATIVE = """
import os
import subprocess

from examples_task import Tumours

print("imported")

class Talkative(Tumours):
    def loss(self, model, batch):
        print("a batch")
        os.write(1, b"past Python\\n")
        return super().loss(model, batch)

    def data(self):
        subprocess.run(["echo", "from a child"], check=True)
        return super().data()
"""


def test_what_a_task_prints_does_not_mix_with_the_document(process_cli: Cli, here: Path) -> None:
    shutil.copy(EXAMPLES / "my_task.py", here / "examples_task.py")
    (here / "talkative.py").write_text(TALKATIVE)
    flags = ["--task", "talkative.py:Talkative", "--epochs", 1, "--trials", 1, "--runner", "inline", "--json"]
    settings = [
        "--set",
        "optimizers=[{SGD: {lr: 0.01}}]",
        "--set",
        "range_test=off",
        "--set",
        "pruner=none",
        "--set",
        "stability=off",
        "--set",
        "lanes=off",
    ]
    said = process_cli("run", *flags, *settings)
    assert said.code == 0, said.err
    assert said.document["status"] == "DONE"
    lines = said.err.splitlines()
    assert {"imported", "a batch", "past Python", "from a child"} <= set(lines)


def test_lists_and_help_load_neither_torch_nor_mlflow(small: tuple[Path, Said]) -> None:
    code = (
        "import sys\n"
        "from service.cli.main import invoke\n"
        "for args in (['--help'], ['run', '--help'], ['list'], ['show', 'last'], ['pick', 'last', '--json']):\n"
        "    assert invoke(args) == 0, args\n"
        "print(sorted({'torch', 'mlflow', 'ray', 'optuna', 'numpy', 'alembic'} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=small[0], env=clean_environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "[]"
