"""Classes and functions by path are loaded where the sweep is launched and found first where it trains."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from service.launch import _runner
from service.place import Place
from sweeps.errors import TaskError, UserError
from sweeps.lanerecords import LanePlan
from sweeps.records import Ended, Outcome, Report
from sweeps.specfile import parse_spec
from tests.workers.small import Regression, a_job
from workers.classes import load_class, provide
from workers.imports import forget_earlier
from workers.inline import InlineRunner
from workers.loading import load_task
from workers.provided import load_provided

MINE = """
import torch
from sizes import LARGE

class Heavy(torch.optim.SGD):
    large = LARGE

class Network(torch.nn.Module): ...

def half(epoch):
    return 0.5 ** epoch

number = 3
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with code of the user's that no other process can import; imports are undone after the test."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "mine.py").write_text(MINE)
    (tmp_path / "code" / "sizes.py").write_text("LARGE = 7\n")
    (tmp_path / "code" / "broken.py").write_text("raise KeyError('lost')\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    forget_earlier()
    yield tmp_path / "code"
    forget_earlier()
    provide({})


def test_files_and_modules_are_loaded_with_what_they_import(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = load_provided({"code/mine.py:Heavy": "optimizer", "code/mine.py:half": "function", "math:sqrt": "function"})
    assert found.objects["code/mine.py:Heavy"].large == 7
    assert found.objects["code/mine.py:half"](2) == 0.25
    assert found.objects["math:sqrt"](4) == 2
    assert found.local_modules == ("mine", "sizes")
    monkeypatch.chdir(folder)
    assert load_provided({"mine:Heavy": "optimizer"}).objects["mine:Heavy"].large == 7


def test_a_file_that_the_task_comes_from_is_not_run_again(folder: Path) -> None:
    (folder / "mine.py").write_text(MINE + "class Task:\n    def model(self): ...\n    data = loss = model\n")
    loaded = load_task("code/mine.py:Task", {})
    found = load_provided({"code/mine.py:Heavy": "optimizer"})
    assert found.objects["code/mine.py:Heavy"].__module__ == type(loaded.task).__module__ == "mine"
    assert loaded.local_modules == found.local_modules


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("code/mien.py:Heavy", "optimizer", "no optimizer file at "),
        ("mien:Heavy", "optimizer", "no module 'mien', looked in "),
        ("code/mine.py:Hevy", "optimizer", "unknown attribute 'Hevy'; did you mean 'Heavy'?"),
        ("code/mine.py:Network", "optimizer", "is the class Network, and must be a subclass of torch.optim.Optimizer"),
        ("code/mine.py:number", "optimizer", "is of type int, and must be a subclass of torch.optim.Optimizer"),
        ("code/mine.py:number", "function", "and must be a function of the epoch"),
        ("workers.py:half", "function", "'workers' is a package of lrsweep's own"),
    ],
)
def test_what_cannot_be_used_is_refused(path: str, kind: str, words: str) -> None:
    with pytest.raises(UserError) as refused:
        load_provided({path: kind})  # type: ignore[dict-item]
    assert words in str(refused.value)


def test_errors_of_their_own_code_have_their_traceback(folder: Path) -> None:
    with pytest.raises(TaskError, match=r"broken\.py failed while it was imported: KeyError: 'lost'") as raised:
        load_provided({"code/broken.py:Heavy": "optimizer"})
    assert f'"{folder / "broken.py"}", line 1' in raised.value.traceback


def test_what_is_provided_is_found_before_what_can_be_imported() -> None:
    provide({"torch.optim:SGD": torch.optim.Adam})
    assert load_class("torch.optim:SGD") is torch.optim.Adam
    provide({})
    assert load_class("torch.optim:SGD") is torch.optim.SGD


def test_runners_in_one_process_keep_their_own_code_apart() -> None:
    path = "code/mine.py:Heavy"
    provided = [{path: type("Heavy", (base,), {})} for base in (torch.optim.SGD, torch.optim.Adam)]
    runners = [InlineRunner(Regression, provided=each) for each in provided]
    losses = []
    for runner in runners:
        runner.open(LanePlan())
        runner.submit([a_job(optimizer=path)])
        losses.append(heard(runner))
    assert losses[0] == heard_alone("SGD")
    assert losses[1] == heard_alone("Adam")


def heard_alone(optimizer: str) -> list[tuple[float, ...]]:
    runner = InlineRunner(Regression)
    runner.open(LanePlan())
    runner.submit([a_job(optimizer=optimizer)])
    return heard(runner)


def heard(runner: InlineRunner) -> list[tuple[float, ...]]:
    """The losses of every step of the job that runs."""
    losses = []
    while not runner.room():
        for event in runner.events(0.0):
            if isinstance(event, Report):
                losses.append(event.step_losses)
            if isinstance(event, Ended):
                assert event.outcome is Outcome.COMPLETE, event.error
    return losses


SPEC = {
    "task": {"use": "quadratic"},
    "budget": {"epochs": 2},
    "optimizers": [{"code/mine.py:Heavy": {"lr": 0.1, "momentum": 0.5}}],
    "schedulers": [
        {"LambdaLR": {"lr_lambda": "code/mine.py:half"}},
        {"ChainedScheduler": {"schedulers": [{"LambdaLR": {"lr_lambda": [["code/mine.py:half"]]}}]}},
    ],
    "trials": 2,
}


@pytest.mark.parametrize("scheduler", [("LambdaLR", ""), ("ChainedScheduler", "0.")], ids=lambda each: each[0])
def test_a_launch_brings_all_that_a_spec_names(scheduler: tuple[str, str]) -> None:
    name, prefix = scheduler
    given = {f"{prefix}lr_lambda": "code/mine.py:half"} | ({"schedulers": ("LambdaLR",)} if prefix else {})
    runner = _runner(parse_spec(SPEC), Place(runner="inline"))
    try:
        runner.open(LanePlan())
        runner.submit([a_job(optimizer="code/mine.py:Heavy", scheduler=name, scheduler_params=given)])
        reports = []
        while not runner.room():
            reports += [event for event in runner.events(0.0) if isinstance(event, Report)]
    finally:
        runner.close()
    assert [report.lrs for report in reports] == [(0.1,), (0.05,), (0.025,)]


def test_a_launch_with_a_missing_class_fails_before_anything_is_made(folder: Path) -> None:
    spec = parse_spec(SPEC)
    (folder / "mine.py").write_text("half = 3\n")
    with pytest.raises(UserError, match=r"unknown attribute 'Heavy'"):
        _runner(spec, Place(runner="inline"))


def test_each_launch_reads_the_files_anew(folder: Path) -> None:
    spec = parse_spec(SPEC | {"schedulers": ["none"]})
    for large in (8, 9):
        (folder / "sizes.py").write_text(f"LARGE = {large * 1000**large}\n")
        runner = _runner(spec, Place(runner="inline"))
        assert runner._worker._provided["code/mine.py:Heavy"].large == large * 1000**large  # type: ignore[attr-defined]
        runner.close()


def test_a_spec_without_code_of_its_own_loads_no_torch() -> None:
    code = (
        "import sys; from service.launch import _users_code; from sweeps.specfile import parse_spec; "
        "_users_code(parse_spec({'task': 'digits', 'budget': {'epochs': 1}, 'optimizers': ['SGD'], 'trials': 1})); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
