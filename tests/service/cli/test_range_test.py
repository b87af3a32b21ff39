"""`lrsweep range-test`: the answer first, curves kept for any rule, the same as JSON, in the store and in MLflow."""

import io
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service.cli.main import invoke
from service.store import Store
from service.tracking.client import open_client
from sweeps.rules import RULES, apply_rules
from tests.service.mlflow_server import home_in

STEPS, SEEDS = 25, 2


@dataclass(frozen=True)
class Said:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


def say(*args: object) -> Said:
    """Runs `lrsweep ARGS` in this process, where the working directory is."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = invoke([str(arg) for arg in args])
    return Said(code=code, out=out.getvalue(), err=err.getvalue())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, fresh_home: Path) -> Iterator[Path]:
    """A working directory for all tests here, with an empty `.lrsweep`."""
    folder = tmp_path_factory.mktemp("place")
    shutil.copytree(fresh_home, folder / ".lrsweep")
    with chdir(folder), pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(("LRSWEEP_", "MLFLOW_TRACKING")):
                patch.delenv(name)
        yield folder


@pytest.fixture(scope="module")
def tested(place: Path) -> Said:
    """A range test of two optimizers, with its answer as text."""
    (place / "spec.yaml").write_text(
        "task: {use: digits, hidden: [8], batch_size: 32}\n"
        "optimizers: [{SGD: {momentum: 0.9}}, Adam]\n"
        "schedulers: [CosineAnnealingLR, StepLR]\n"
        "sampler: grid\nstarts: [{optimizer: SGD, lr: 0.1}]\nrange_test: off\ntrials: 9\n"
    )
    return say("range-test", "spec.yaml", "--steps", STEPS, "--seeds", SEEDS, "--trainings", "0")


@pytest.fixture(scope="module")
def shown(tested: Said) -> Any:
    return say("show", "last", "--json").document


def test_it_answers_first_then_shows_all_rules_then_the_curves(tested: Said) -> None:
    assert tested.code == 0, tested.err
    lines = tested.out.splitlines()
    assert lines[0].startswith("Adam: ")
    answers = [place for place, line in enumerate(lines) if line.startswith(("Adam: ", "SGD: "))]
    table = next(place for place, line in enumerate(lines) if "What each rule reads" in line)
    assert answers[0] < answers[1] < table < answers[2] < answers[3]
    for rule in RULES:
        assert any(f" {rule} " in line for line in lines[table:]), rule
    assert "e-0" in next(line for line in lines[::-1] if "|" in line), "LRs stand under the plot"
    assert "is DONE\n" in tested.err
    assert "trials ended" not in tested.err


def test_it_is_a_sweep_like_any_other(shown: Any) -> None:
    assert (shown["status"], shown["trials"], shown["picks"]) == ("DONE", [], [])
    (listed,) = say("list", "--json").document
    assert (listed["sweep"], listed["total_trials"]) == (shown["sweep"], 0)
    text = say("show", "last")
    assert "LR range tests" in text.out
    assert "Trials" not in text.out
    assert say("pick", "last").out.startswith("Adam: ")
    assert say("pick", "last", "--optimizer", "SGD", "--json").document == shown["range_tests"][1:]
    assert say("pick", "last", "--scheduler", "none").code == 2
    assert say("run", "--resume", "last").code == 2


def test_the_document_holds_curves_rules_and_passport(shown: Any, place: Path) -> None:
    with Store.open(f"sqlite:///{place}/.lrsweep/lrsweep.db") as store:
        tests = store.range_tests(shown["sweep"])
    assert [document["optimizer"] for document in shown["range_tests"]] == ["Adam", "SGD"]
    for document, test in zip(shown["range_tests"], tests, strict=True):
        assert document["initial_lr"] == test.initial_lr
        assert document["low"] < document["high"]
        assert document["trusted"] == (not document["reasons"])
        assert document["interval"] == (test.interval and list(test.interval))
        assert document["rules"] == {name: reading.lr for name, reading in apply_rules(test).items()}
        assert document["curve"]["lr"] == list(test.lrs)
        assert len(test.lrs) >= STEPS
        assert document["curve"]["train_loss"] == [list(losses) for losses in test.losses]
        assert len(document["curve"]["train_loss"]) == SEEDS
        passport = document["passport"]
        assert (passport["batch_size"], passport["budget"]["epochs"], passport["seeds"]) == (32, 10, [0, 1])
        assert passport["code"]["task"] == "digits"
    assert shown["range_tests"][1]["passport"]["optimizer_params"] == {"momentum": 0.9}


def test_mlflow_has_a_run_per_optimizer(shown: Any, place: Path) -> None:
    client = open_client(home_in(place / ".lrsweep"))
    for document in shown["range_tests"]:
        run = client.get_run(document["mlflow_run_id"])
        assert run.info.run_name == f"range test {document['optimizer']}"
        assert run.data.params["initial_lr"] == repr(document["initial_lr"])
        assert run.data.params["rule.valley"] == repr(document["rules"]["valley"])
        history = {
            name: {point.step for point in client.get_metric_history(run.info.run_id, f"range_test/{name}")}
            for name in ("loss", "log10_lr")
        }
        assert history["loss"] <= history["log10_lr"]
        assert 1 in history["loss"]


def test_any_rule_is_read_off_the_curves_later(shown: Any) -> None:
    rules = {document["optimizer"]: document["rules"] for document in shown["range_tests"]}
    for row in say("pick", "last", "--rule", "steep", "--json").document:
        assert row["initial_lr"] == rules[row["optimizer"]]["steep"] == row["passport"]["initial_lr"]
        assert row["passport"]["evidence"].startswith("rule steep, a range test of ")
    (*rows,) = say("pick", "last", "--rule", "all", "--optimizer", "SGD", "--json").document
    assert {row["rule"]: row["initial_lr"] for row in rows} == rules["SGD"]
    assert {row["optimizer"] for row in rows} == {"SGD"}
    table = say("pick", "last", "--rule", "max/3").out
    assert "max/3" in table
    assert "valley" not in table


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--rule", "valy"), "--rule: unknown rule 'valy'; did you mean 'valley'? choose one of: valley,"),
        (("--rule", "valley", "--optimizer", "Adm"), "--optimizer: unknown range test 'Adm'; did you mean 'Adam'?"),
        (("--rule", "valley", "--scheduler", "none"), "which --scheduler none does not go with: leave one of the two"),
        (("--rule", "valley", "--format", "torch"), "which --format torch does not go with: leave one of the two"),
    ],
)
def test_a_rule_that_cannot_be_read_says_what_can(shown: Any, args: tuple[str, ...], words: str) -> None:
    said = say("pick", "last", *args)
    assert (said.code, said.out) == (2, "")
    assert words in said.err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--optimizer", "SGD"), "task: missing"),
        (("--task", "digits"), "optimizers: missing"),
        (("--task", "digits", "--optimizer", "Sgd"), "unknown optimizer 'Sgd'; did you mean 'SGD'?"),
        (("--task", "digits", "--set", "optimizers=[{SGD: {lr: [0.1, 0.2]}}]"), "all LRs are listed: leave lr out"),
        (("--task", "digits", "--optimizer", "SGD", "--steps", 1), "range_test.steps: must be"),
        (("--task", "digits", "--optimizer", "SGD", "--seeds", 0), "range_test.seeds: must be"),
        (("--task", "digits", "--optimizer", "SGD", "--group", "head"), "head"),
    ],
)
def test_a_mistake_leaves_no_sweep_behind(shown: Any, args: tuple[object, ...], words: str) -> None:
    said = say("range-test", *args)
    assert (said.code, said.out) == (2, "")
    assert words in said.err
    assert len(say("list", "--json").document) == 1


def test_a_sweep_without_range_tests_has_nothing_for_a_rule(place: Path) -> None:
    with Store.open(f"sqlite:///{place}/.lrsweep/lrsweep.db") as store:
        other = store.create_sweep(name="x", task="digits", spec={}, total_trials=1)
        said = say("pick", other, "--rule", "valley")
        assert said.code == 2
        assert "has no range tests for a rule to read: start some with `lrsweep range-test" in said.err
        store.request_cancel(other)
