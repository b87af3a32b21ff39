"""What MLflow shows of a sweep, read back from a real MLflow."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from service.home import Home
from service.records import Status
from service.store import Store
from service.tracking.projection import Projector
from sweeps.lanerecords import LanePlan, LaneProbe
from sweeps.records import Outcome, Probed, TaskInfo
from sweeps.rules import apply_rules

from .conftest import SPEC, STEPS, Look, Sweep


def finished(sweep: Sweep, home: Home) -> Projector:
    projector = Projector(sweep.store, sweep.id, home)
    projector.finish()
    return projector


def test_a_trial_is_shown_with_params_curves_and_outcome(sweep: Sweep, home: Home, look: Look) -> None:
    sweep.train(0)
    sweep.finish()
    finished(sweep, home)

    run = look.runs()["trial 0"]
    trial = sweep.store.trials(sweep.id)[0]
    assert run.id == trial.mlflow_run_id
    assert (run.name, run.status) == ("SGD step 0.1", "FINISHED")
    assert trial.started is not None
    assert trial.ended is not None
    assert (run.start, run.end) == (round(trial.started.timestamp() * 1000), round(trial.ended.timestamp() * 1000))
    assert run.params == {
        "optimizer": "SGD",
        "scheduler": "StepLR",
        "pair": "SGD step",
        "initial_lr": "0.1",
        "seed": "0",
        "budget": "4 epochs",
        "SGD.momentum": "0.9",
        "StepLR.step_size": "2",
        "StepLR.gamma": "0.1",
    }
    assert run.values("val/loss") == {1: 1.0, 2: 0.5, 3: pytest.approx(1 / 3), 4: 0.25}
    assert set(run.values("train/loss")) == set(run.values("lr")) == {1, 2, 3, 4}
    assert list(run.values("train/loss_step")) == list(range(1, 4 * STEPS + 1))
    assert "lr_step" not in run.metrics
    assert run.values("objective") == {0: 0.25}
    assert run.values("log10_objective") == {0: pytest.approx(math.log10(0.25))}
    assert run.values("log10_initial_lr") == {0: -1.0}
    assert run.tags["outcome"] == "COMPLETE"
    assert run.tags["epochs"] == "4"
    assert run.tags["outcome.meaning"] == Outcome.COMPLETE.sentence
    assert run.tags["mlflow.runColor"] == "#E69F00"
    assert "val/loss 0.25 after 4 epochs" in run.tags["mlflow.note.content"]


def test_points_carry_the_time_of_their_report(sweep: Sweep, home: Home, look: Look) -> None:
    sweep.train(0)
    finished(sweep, home)
    at = [round(report.at.timestamp() * 1000) for report in sweep.store.reports(sweep.id)]
    assert [time for _, time, _ in look.runs()["trial 0"].metrics["val/loss"]] == at


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.COMPLETE, "FINISHED"),
        (Outcome.PRUNED, "FINISHED"),
        (Outcome.DIVERGED, "FINISHED"),
        (Outcome.FAILED, "FAILED"),
        (Outcome.CANCELLED, "KILLED"),
    ],
)
def test_only_what_went_wrong_gets_a_red_cross(
    outcome: Outcome, status: str, sweep: Sweep, home: Home, look: Look
) -> None:
    sweep.train(0, epochs=2, outcome=outcome)
    Projector(sweep.store, sweep.id, home).sync()
    run = look.runs()["trial 0"]
    assert (run.status, run.tags["outcome"]) == (status, outcome.value)


def test_values_that_are_no_numbers_are_left_out_and_said(sweep: Sweep, home: Home, look: Look) -> None:
    sweep.propose(0)
    sweep.report(0, 1)
    sweep.report(0, 2, loss=math.inf, step_losses=(1.0, 2.0, math.nan, *[math.inf] * 7))
    sweep.end(0, Outcome.DIVERGED, 1.0)
    finished(sweep, home)
    run = look.runs()["trial 0"]
    assert run.values("val/loss") == {1: 1.0}
    assert list(run.values("train/loss_step")) == list(range(1, STEPS + 3))
    assert "val/loss was inf" in run.tags["diverged"]
    assert "after epoch 2" in run.tags["diverged"]


def test_a_trial_that_diverges_before_its_first_report_is_tagged(sweep: Sweep, home: Home, look: Look) -> None:
    sweep.propose(0)
    sweep.end(0, Outcome.DIVERGED)
    finished(sweep, home)
    run = look.runs()["trial 0"]
    assert "diverged" in run.tags
    assert "objective" not in run.metrics


def test_a_long_traceback_is_an_artifact_and_its_last_line_a_tag(
    sweep: Sweep, home: Home, look: Look, tmp_path: Path
) -> None:
    traceback = (
        "Traceback (most recent call last):\n" + "  File 'task.py', ünïcode\n" * 2000 + "ValueError: " + "x" * 900
    )
    sweep.propose(0)
    sweep.end(0, Outcome.FAILED, error=traceback)
    finished(sweep, home)
    run = look.runs()["trial 0"]
    assert look.text(run.id, "error.txt", tmp_path) == traceback
    assert run.tags["error"].startswith("ValueError: xxx")
    assert len(run.tags["error"]) == 500
    assert "Traceback" not in run.tags["error"]


def test_more_params_and_longer_ones_than_a_request_takes(sweep: Sweep, home: Home, look: Look) -> None:
    params: dict[str, Any] = {f"p{index}": index for index in range(230)}
    sweep.propose(0, optimizer_params=params | {"long": "x" * 7000, "wide": "ü" * 6000})
    Projector(sweep.store, sweep.id, home).sync()
    shown = look.runs()["trial 0"].params
    assert sum(name.startswith("SGD.p") for name in shown) == 230
    assert len(shown["SGD.long"]) == 6000


def test_metric_names_of_a_task_that_mlflow_refuses(sweep: Sweep, home: Home, look: Look) -> None:
    sweep.propose(0)
    sweep.report(0, 1, metrics={"val/acc@5": 0.5, "/a//../b": 1.0, "": 2.0, "x" * 300: 3.0, "val/loss": 1.0})
    Projector(sweep.store, sweep.id, home).sync()
    assert {"val/acc_5", "a/_/b", "_", "x" * 250, "val/loss"} <= set(look.runs()["trial 0"].metrics)


def test_groups_and_steps_have_lrs_of_their_own_where_they_differ(sweep: Sweep, home: Home, look: Look) -> None:
    sweep.propose(0)
    sweep.report(0, 1, lrs=(0.1, 0.01), step_lrs=tuple(0.1 / (step + 1) for step in range(STEPS)))
    Projector(sweep.store, sweep.id, home).sync()
    run = look.runs()["trial 0"]
    assert run.values("lr/group_0") == {1: 0.1}
    assert run.values("lr/group_1") == {1: 0.01}
    assert "lr" not in run.metrics
    assert run.values("lr_step/group_0")[STEPS] == pytest.approx(0.1 / STEPS)


def test_named_groups_have_lines_of_their_names_and_a_cycled_momentum_has_one(store: Store, home: Home) -> None:
    groups = {"head": {"parameters": "fc.*"}, "norm-layers": {"parameters": "bn.*"}}
    sweep = Sweep(store, SPEC | {"groups": groups})
    falls = tuple(0.1 / (step + 1) for step in range(STEPS))
    sweep.propose(0, optimizer_params={"head.lr_multiplier": 10.0, "head.weight_decay": 0.0})
    more = {"lr/head": tuple(10 * lr for lr in falls), "lr/norm-layers": (0.0,) * STEPS, "momentum": falls}
    sweep.report(0, 1, lrs=(0.1, 1.0, 0.0), step_lrs=falls, step_more=more)
    sweep.report(0, 2, lrs=(0.1, 1.0, 0.5), step_more={"momentum": (0.9,) * STEPS})
    Projector(sweep.store, sweep.id, home).sync()
    run = Look(home, sweep).runs()["trial 0"]
    assert (run.params["SGD.head.lr_multiplier"], run.params["SGD.head.weight_decay"]) == ("10.0", "0.0")
    assert run.values("lr/rest") == {1: 0.1, 2: 0.1}
    assert run.values("lr/head") == {1: 1.0, 2: 1.0}
    assert run.values("lr/norm-layers") == {1: 0.0, 2: 0.5}
    assert run.values("lr_step/rest") == pytest.approx(dict(enumerate(falls, start=1)))
    assert run.values("lr_step/head") == pytest.approx({step: 10 * lr for step, lr in enumerate(falls, start=1)})
    assert run.values("momentum") == pytest.approx(dict(enumerate(falls + (0.9,) * STEPS, start=1)))
    assert not {"lr", "lr_step", "lr_step/norm-layers"} & set(run.metrics)


def test_a_momentum_is_thinned_like_the_losses(store: Store, home: Home) -> None:
    sweep = Sweep(store, SPEC | {"budget": {"epochs": 100}})
    sweep.propose(0)
    for epoch in range(1, 101):
        sweep.report(0, epoch, step_more={"momentum": tuple(0.8 + step / 100 for step in range(STEPS))})
    Projector(store, sweep.id, home).sync()
    run = Look(home, sweep).runs()["trial 0"]
    assert list(run.values("momentum")) == list(run.values("train/loss_step")) == [1, *range(5, 1001, 5)]


def test_step_losses_are_thinned_alike_in_every_portion(store: Store, home: Home) -> None:
    sweep = Sweep(store, SPEC | {"budget": {"epochs": 100}})
    sweep.propose(0)
    projector = Projector(store, sweep.id, home)
    for epoch in range(1, 101):
        sweep.report(0, epoch)
        if epoch in (1, 2, 50):
            projector.sync()
    projector.sync()
    steps = list(Look(home, sweep).runs()["trial 0"].values("train/loss_step"))
    assert steps == [1, *range(5, 1001, 5)]


def test_a_range_test_is_shown_with_curve_plot_and_pick(sweep: Sweep, home: Home, look: Look, tmp_path: Path) -> None:
    sweep.range_test("SGD")
    sweep.range_test("AdamW", trusted=False, reasons=("no seed learned",))
    Projector(sweep.store, sweep.id, home).sync()
    runs = look.runs()
    run = runs["range test SGD"]
    assert sweep.store.range_test_runs(sweep.id) == {name: runs[f"range test {name}"].id for name in ("SGD", "AdamW")}
    assert (run.name, run.status) == ("range test SGD", "FINISHED")
    assert run.tags["mlflow.parentRunId"] == runs["sweep"].id
    assert (run.params["initial_lr"], run.params["low"], run.params["high"]) == ("0.01", "0.001", "0.3")
    assert run.values("range_test/log10_lr")[1] == pytest.approx(-4)
    loss = run.values("range_test/loss")
    assert (loss[1], loss[45]) == (2.0, pytest.approx(0.68))
    assert max(loss.values()) <= 4.0, "what explodes would flatten the rest"
    assert set(loss) <= set(run.values("range_test/loss_smoothed"))
    assert look.files(run.id) == {"range_test.png", "range_test.csv", "passport.json"}
    table = look.text(run.id, "range_test.csv", tmp_path).splitlines()
    assert table[0] == "step,lr,loss_seed_0,loss_seed_1"
    assert len(table) == 51
    assert "no seed learned" in runs["range test AdamW"].tags["mlflow.note.content"]


def test_a_range_test_shows_rules_validation_probe_and_passport(
    sweep: Sweep, home: Home, look: Look, tmp_path: Path
) -> None:
    sweep.record.probed(TaskInfo(steps_per_epoch=STEPS, batch_size=32))
    sweep.range_test(
        "SGD",
        interval=(0.005, 0.02),
        metric_steps=(1, 25, 49),
        metrics={
            "val/loss": ((2.0, 1.5, 99.0), (2.2, 1.7)),
            "val/accuracy": ((0.1, 0.5, 0.2), (0.2, math.nan)),
        },
        probe=tuple(Probed(lr=lr, seed=seed, values=(1.0, lr + seed)) for lr in (0.1, 0.01) for seed in (0, 1, 2)),
    )
    Projector(sweep.store, sweep.id, home).sync()
    run = look.runs()["range test SGD"]
    test = sweep.store.range_tests(sweep.id)[0]
    assert run.params["interval"] == "[0.005, 0.02]"
    assert {name: run.params[f"rule.{name}"] for name, reading in apply_rules(test).items() if reading.lr} == {
        name: repr(reading.lr) for name, reading in apply_rules(test).items() if reading.lr
    }
    assert run.values("range_test/val_loss") == {1: pytest.approx(2.1), 25: 1.6}
    assert set(run.values("range_test/val_accuracy")) == {1, 49}
    assert set(run.values("range_test/log10_lr")) >= {1, 25, 49}
    assert run.values("probe/log10_lr") == {1: -2.0, 2: -1.0}
    assert run.values("probe/val_loss") == {1: 1.01, 2: 1.1}
    note = run.tags["mlflow.note.content"]
    assert note.startswith("## Start SGD at 0.01\n\nIt may lie anywhere from 0.005 to 0.02.")
    assert "batch size 32, 4 epochs" in note
    passport = json.loads(look.text(run.id, "passport.json", tmp_path))
    assert (passport["batch_size"], passport["initial_lr"], passport["seeds"]) == (32, 0.01, [0, 1, 2])


def test_a_sweep_of_range_tests_alone_answers_with_them(store: Store, home: Home, tmp_path: Path) -> None:
    sweep = Sweep(store, SPEC | {"trials": 0})
    look = Look(home, sweep)
    projector = Projector(store, sweep.id, home)
    projector.sync()
    assert look.runs()["sweep"].tags["mlflow.note.content"].startswith("## No initial LR to recommend yet\n")
    sweep.range_test("SGD")
    sweep.range_test("AdamW", trusted=False, reasons=("no seed learned",))
    sweep.finish()
    projector.finish()
    parent = look.runs()["sweep"]
    note = parent.tags["mlflow.note.content"]
    assert note.startswith("## Start SGD at 0.01\n\nRange tests alone, done.")
    assert "not trusted: no seed learned" in note
    assert parent.status == "FINISHED"
    passports = json.loads(look.text(parent.id, "passport.json", tmp_path))
    assert [(each["optimizer"], each["batch_size"]) for each in passports] == [("AdamW", None), ("SGD", None)]


def test_the_parent_answers(sweep: Sweep, home: Home, look: Look, tmp_path: Path) -> None:
    sweep.range_test()
    sweep.train(0)
    sweep.train(1, scheduler="none", scheduler_params={})
    sweep.train(2, epochs=2, outcome=Outcome.PRUNED)
    sweep.pick(0, 1)
    sweep.finish()
    finished(sweep, home)

    runs = look.runs()
    parent = runs["sweep"]
    place = sweep.store.sweep(sweep.id).mlflow
    assert place is not None
    assert (parent.id, look.client.get_experiment(place.experiment_id).name) == (place.run_id, "digits")
    assert (parent.name, parent.status) == (f"demo {sweep.id}", "FINISHED")
    assert all(run.tags["mlflow.parentRunId"] == parent.id for key, run in runs.items() if key != "sweep")
    assert parent.params["best.initial_lr"] == parent.params["best.SGD.StepLR.initial_lr"] == "0.1"
    assert parent.params["best.SGD.none.initial_lr"] == "0.05"
    assert parent.values("best_objective") == {0: 0.25}
    assert parent.values("best_initial_lr/SGD.none") == {0: 0.05}
    assert parent.tags["trials"] == "2 complete, 1 pruned"
    assert parent.tags["spec"] == "demo"
    plots = {f"plots/{name}.png" for name in ("range_tests", "lr_sensitivity", "best_curves")}
    assert look.files(parent.id) == plots | {"picks.json", "picks.csv", "spec.yaml", "passport.json"}
    note = parent.tags["mlflow.note.content"]
    assert note.startswith("## Best initial LR: 0.1\n")
    assert f"[1](#/experiments/{place.experiment_id}/runs/{runs['trial 1'].id}/model-metrics?" in note
    assert all(f"![{caption}](get-artifact?path=plots/" in note for caption in ("LR sensitivity", "Best curves"))
    table = json.loads(look.text(parent.id, "picks.json", tmp_path))
    assert table["columns"][:3] == ["optimizer", "scheduler", "initial_lr"]
    assert [row[2] for row in table["data"]] == [0.1, 0.05]
    assert json.loads(parent.tags["mlflow.loggedArtifacts"]) == [{"path": "picks.json", "type": "table"}]
    assert "epochs: 4" in look.text(parent.id, "spec.yaml", tmp_path)
    passports = json.loads(look.text(parent.id, "passport.json", tmp_path))
    assert [(each["scheduler"], each["initial_lr"]) for each in passports] == [("StepLR", 0.1), ("none", 0.05)]
    assert parent.tags["passport"].startswith("0.1 holds for digits, ")
    assert parent.tags["passport"] in note


def test_the_parent_says_how_lanes_trained_and_what_was_timed(sweep: Sweep, home: Home, look: Look) -> None:
    probe = LaneProbe(most=64, alone=3e-4, stacked={8: 2e-4}, compiled=1e-4, compile_seconds=20, uncompiled="no g++")
    sweep.record.planned(LanePlan(count=8, fused=True, reason="it pays"), probe)
    sweep.finish()
    finished(sweep, home)

    tags = look.runs()["sweep"].tags
    assert tags["lanes"] == "8 stacked: it pays"
    assert tags["lanes.timing"] == (
        "a step of a lane: alone 0.30 ms, of 8 stacked 0.20 ms, compiled 0.10 ms, after 20.0 s of compiling"
    )
    assert tags["lanes.uncompiled"] == "no g++"


@pytest.mark.parametrize(
    ("status", "parent", "child"),
    [
        (Status.RUNNING, "RUNNING", "RUNNING"),
        (Status.INTERRUPTED, "SCHEDULED", "SCHEDULED"),
        (Status.FAILED, "FAILED", "KILLED"),
        (Status.CANCELLED, "KILLED", "KILLED"),
    ],
)
def test_unfinished_trials_say_what_becomes_of_them(
    status: Status, parent: str, child: str, sweep: Sweep, home: Home, look: Look
) -> None:
    sweep.propose(0)
    sweep.report(0, 1)
    if status is not Status.RUNNING:
        sweep.finish(status, "the task failed\nValueError: bad labels" if status is Status.FAILED else None)
    finished(sweep, home)
    runs = look.runs()
    assert (runs["sweep"].status, runs["trial 0"].status) == (parent, child)
    if status is Status.FAILED:
        assert runs["sweep"].tags["error"] == "ValueError: bad labels"


def test_the_note_follows_the_running_sweep(sweep: Sweep, home: Home, look: Look) -> None:
    projector = Projector(sweep.store, sweep.id, home)
    projector.sync()
    assert "Running: 0 of 8 trials" in look.runs()["sweep"].tags["mlflow.note.content"]
    sweep.train(0)
    projector.sync()
    note = look.runs()["sweep"].tags["mlflow.note.content"]
    assert note.startswith("## Best so far: 0.1")
    assert "Running: 1 of 8 trials have ended: 1 complete" in note


def test_sync_says_whether_there_was_anything_new(sweep: Sweep, home: Home) -> None:
    sweep.propose(0)
    projector = Projector(sweep.store, sweep.id, home)
    assert projector.sync()
    assert not projector.sync()
    sweep.report(0, 1)
    assert projector.sync()
    assert not projector.sync()
