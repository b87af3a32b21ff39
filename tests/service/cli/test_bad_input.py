"""Every bad input that a user may give, through the real command line: one clear message, the right exit code."""

import os
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.service.cli.conftest import Cli

SPEC = """
task: {task}
budget: {{epochs: 2}}
optimizers: [SGD: {{lr: [0.1, 0.01]}}]
trials: 2
pruner: none
range_test: off
"""

GOOD = """
name: good
task: digits
budget: {epochs: 4}
optimizers:
  - SGD: {lr: {low: 1e-3, high: 1}}
  - AdamW: {lr: 0.01}
schedulers: [none, {MultiStepLR: {milestones: [1, 3]}}]
trials: 2
"""

MISTAKES = [
    ("optimizers:\n  - SGD:", "optimizers:\n  - SDG:", "optimizers[0]", "did you mean 'SGD'?"),
    ("MultiStepLR", "MultistepLRs", "schedulers[1]", "did you mean 'MultiStepLR'?"),
    ("task: digits", "task: digit", "task", "did you mean 'digits'?"),
    ("trials: 2", "trails: 2", "trails", "did you mean 'trials'?"),
    ("lr: 0.01", "lr: 0", "optimizers[1].AdamW.lr", "0 <"),
    ("lr: 0.01", "lr: -0.01", "optimizers[1].AdamW.lr", "-0.01"),
    ("lr: 0.01", "lr: .nan", "optimizers[1].AdamW.lr", "nan"),
    ("low: 1e-3, high: 1", "low: 1, high: 1e-3", "optimizers[0].SGD.lr", "low"),
    ("[1, 3]", "[3, 1]", "schedulers[1].MultiStepLR.milestones", "each greater than the one before"),
]


@pytest.mark.parametrize(("old", "new", "path", "words"), MISTAKES, ids=[new for _, new, _, _ in MISTAKES])
@pytest.mark.parametrize("verb", ["validate", "run"])
def test_a_mistake_in_the_spec_is_named_with_its_place(
    cli: Cli, here: Path, verb: str, old: str, new: str, path: str, words: str
) -> None:
    assert old in GOOD
    (here / "spec.yaml").write_text(GOOD.replace(old, new))
    said = cli(verb, "spec.yaml")
    assert said.code == 2, said.err
    line = next(line for line in said.err.splitlines() if line.strip().startswith(path))
    assert words in line
    assert "Traceback" not in said.err
    assert cli("list", "--json").document == []


def test_all_mistakes_come_together(cli: Cli, here: Path) -> None:
    broken = GOOD
    for old, new, _, _ in MISTAKES[:4]:
        broken = broken.replace(old, new)
    (here / "spec.yaml").write_text(broken)
    said = cli("validate", "spec.yaml", "--json")
    assert said.code == 2
    assert {problem["path"].split(".")[0] for problem in said.document["problems"]} >= {
        "optimizers[0]",
        "schedulers[1]",
        "task",
        "trails",
    }


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["frobnicate"], "No such command"),
        (["run", "nowhere.yaml"], "nowhere.yaml"),
        (["run", "--trials", "many"], "--trials"),
        (["run"], "task"),
        (["show", "abc123"], "abc123"),
        (["pick", "last"], "no sweep"),
        (["list", "--store", "nonsense://x"], "nonsense"),
        (["run", "--resume", "last"], "no sweep"),
        (["run", "--task", "digits", "--epochs", "2", "--steps", "30"], "--epochs 2 and --steps 30"),
    ],
)
def test_a_wrong_command_line_exits_2(cli: Cli, args: list[str], words: str) -> None:
    said = cli(*args)
    assert said.code == 2
    assert words in said.err
    assert "Traceback" not in said.err


TASK = """
import torch
from torch import nn

class Task:
    def model(self):
        {model}
        return nn.Linear(2, 1)
    def data(self):
        x = torch.ones(8, 2)
        return (x, x.sum(1, keepdim=True)), (x, x.sum(1, keepdim=True))
    def loss(self, model, batch):
        {loss}
        x, y = batch
        return ((model(x) - y) ** 2).mean() {factor}
"""


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import nothing_of_this_name\n\nclass Task: ...\n", "No module named 'nothing_of_this_name'"),
        ("def broken(:\n", "not valid Python: invalid syntax"),
        (TASK.format(model="raise KeyError('my model')", loss="pass", factor=""), "KeyError: 'my model'"),
        (TASK.format(model="pass", loss="raise IndexError('my batch')", factor=""), "IndexError: my batch"),
        (TASK.format(model="pass", loss="pass", factor="* float('nan')"), "the loss is nan at the first step"),
        ("class Task:\n    pass\n", "model()"),
        ("x = 1\n", "Task"),
    ],
    ids=["import", "syntax", "model", "batch", "nan", "no-task", "no-attribute"],
)
def test_a_task_that_cannot_train_shows_its_own_traceback(cli: Cli, here: Path, source: str, words: str) -> None:
    (here / "task.py").write_text(source)
    (here / "spec.yaml").write_text(SPEC.format(task="task.py:Task"))
    said = cli("run", "spec.yaml", "--runner", "inline")
    assert said.code == 2, said.err
    assert words in said.err
    assert "workers/" not in said.err.replace(str(here), ""), "a frame of lrsweep's own"
    assert all(sweep["status"] == "FAILED" for sweep in cli("list", "--json").document)


def test_an_unknown_metric_names_those_of_the_task(cli: Cli, here: Path) -> None:
    (here / "spec.yaml").write_text(SPEC.format(task="digits") + "objective: val/acuracy\n")
    said = cli("run", "spec.yaml", "--runner", "inline")
    assert said.code == 2
    assert "unknown metric 'val/acuracy'; did you mean 'val/accuracy'?" in said.err


def test_a_folder_without_images_is_refused(cli: Cli, here: Path) -> None:
    (here / "notes" / "real").mkdir(parents=True)
    (here / "notes" / "forged").mkdir()
    (here / "spec.yaml").write_text(SPEC.format(task="{use: images, folder: notes, model: lenet5}"))
    said = cli("run", "spec.yaml", "--runner", "inline")
    assert said.code == 2
    assert "notes" in said.err
    assert "image" in said.err
    assert "Traceback" not in said.err


def test_a_store_of_a_newer_version_is_refused_and_left_alone(cli: Cli, here: Path) -> None:
    url = f"sqlite:///{here}/.lrsweep/lrsweep.db"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE lrsweep_version SET version_num = '9999'"))
    engine.dispose()
    before = (here / ".lrsweep" / "lrsweep.db").read_bytes()
    for command in (["list"], ["run", "--task", "digits"], ["db", "upgrade"]):
        said = cli(*command, *(["--epochs", "1", "--trials", "1", "--optimizer", "SGD"] if command[0] == "run" else []))
        assert said.code == 2
        assert "newer" in said.err
    assert (here / ".lrsweep" / "lrsweep.db").read_bytes() == before


def test_an_unreachable_mlflow_stops_before_anything_starts(cli: Cli, here: Path) -> None:
    (here / "spec.yaml").write_text(SPEC.format(task="digits"))
    said = cli("run", "spec.yaml", "--runner", "inline", "--tracking-uri", "http://127.0.0.1:1")
    assert said.code == 1
    assert "http://127.0.0.1:1" in said.err
    assert cli("list", "--json").document == []


def test_an_unreachable_store_says_so(cli: Cli) -> None:
    said = cli("list", "--store", "postgresql://nobody@127.0.0.1:1/none")
    assert said.code == 1
    assert "127.0.0.1" in said.err
    assert "Traceback" not in said.err


@pytest.mark.ray
@pytest.mark.slow
def test_an_unreachable_ray_stops_before_anything_starts(cli: Cli, process_cli: Cli, here: Path) -> None:
    (here / "spec.yaml").write_text(SPEC.format(task="digits"))
    said = process_cli("run", "spec.yaml", "--address", "127.0.0.1:1")
    assert said.code == 1, said.err
    assert "127.0.0.1:1" in said.err
    assert "Traceback" not in said.err
    assert cli("list", "--json").document == []


def test_a_full_disk_keeps_what_was_recorded(process_cli: Cli, here: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("a disk of a few hundred kilobytes can only be mounted by root")
    small = here / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", small], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip(f"tmpfs cannot be mounted here: {mounted.stderr.decode()}")
    try:
        (here / "spec.yaml").write_text(SPEC.format(task="digits").replace("epochs: 2", "epochs: 400"))
        said = process_cli("run", "spec.yaml", "--runner", "inline", "--store", f"sqlite:///{small}/lrsweep.db")
        assert said.code == 1, said.err
        assert "full" in said.err
        assert "Traceback" not in said.err
        shown = process_cli("show", "last", "--json", "--store", f"sqlite:///{small}/lrsweep.db")
        assert shown.code == 0, shown.err
        assert shown.document["trials"][0]["epochs"] > 0
    finally:
        subprocess.run(["umount", small], check=True)


FLAKY = """
import torch
from torch import nn

class Task:
    calls = 0
    def model(self):
        return nn.Linear(2, 1)
    def data(self):
        x = torch.ones(8, 2)
        return (x, x.sum(1, keepdim=True)), (x, x.sum(1, keepdim=True))
    def loss(self, model, batch):
        Task.calls += 1
        if {when}:
            raise OSError("the camera is gone")
        x, y = batch
        return ((model(x) - y) ** 2).mean()
"""


def test_a_trial_that_fails_is_recorded_and_the_sweep_goes_on(cli: Cli, here: Path) -> None:
    (here / "task.py").write_text(FLAKY.format(when="Task.calls == 12"))
    # Without lanes none is measured beforehand, and the twelfth call is a trial's.
    (here / "spec.yaml").write_text(SPEC.format(task="task.py:Task").replace("trials: 2", "trials: 6\nlanes: off"))
    said = cli("run", "spec.yaml", "--runner", "inline", "--json")
    assert said.code == 0, said.err
    failed = [trial for trial in said.document["trials"] if trial["outcome"] == "FAILED"]
    assert len(failed) == 1
    assert "camera" in failed[0]["error"]
    assert "Traceback" in failed[0]["error"]
    assert len(said.document["trials"]) == 6
    again = cli("retry", "last", "--runner", "inline", "--json")
    assert again.code == 0, again.err
    assert [trial["outcome"] for trial in again.document["trials"]] == ["COMPLETE"] * 6
    # Five had ended before: the one that is trained again is the sixth.
    [line] = [line for line in again.err.splitlines() if line.startswith("trial ")]
    assert line.startswith(f"trial {failed[0]['number']} (6/6) ")


def test_a_sweep_that_finds_nothing_says_so_and_exits_1(cli: Cli, here: Path) -> None:
    (here / "task.py").write_text(TASK.format(model="pass", loss="pass", factor=""))
    (here / "spec.yaml").write_text(SPEC.format(task="task.py:Task").replace("[0.1, 0.01]", "[1.0e+30, 1.0e+31]"))
    said = cli("run", "spec.yaml", "--runner", "inline")
    assert said.code == 1
    assert "no initial LR to recommend: 2 DIVERGED; see `lrsweep show " in said.err
    picked = cli("pick", "last")
    assert picked.code == 2
    assert "has no such pick" in picked.err
    assert "--resume" not in picked.err
    resumed = cli("run", "--resume", "last")
    assert resumed.code == 2
    assert "is DONE" in resumed.err
    assert "lrsweep db sync" in resumed.err


def test_a_sweep_in_which_everything_fails_alike_stops_early(cli: Cli, here: Path) -> None:
    (here / "task.py").write_text(FLAKY.format(when="Task.calls > 3"))
    (here / "spec.yaml").write_text(SPEC.format(task="task.py:Task").replace("trials: 2", "trials: 50"))
    said = cli("run", "spec.yaml", "--runner", "inline")
    assert said.code == 1
    assert "all failed the same way" in said.err
    assert "the camera is gone" in said.err
    shown = cli("show", "last", "--json").document
    assert shown["status"] == "FAILED"
    assert len(shown["trials"]) == 3
