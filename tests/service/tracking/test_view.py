"""A sweep's view of the runs table is a tag of the experiment; what the UI makes of it, `test_browser.py` sees."""

import base64
import json
import zlib
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED, TEMPORARILY_UNAVAILABLE

from service.home import Home
from service.store import Store
from service.tracking.projection import Projector

from .conftest import SPEC, Look, Sweep


def note(look: Look) -> str:
    return look.runs()["sweep"].tags["mlflow.note.content"]


def view_of(sweep: Sweep, look: Look) -> tuple[dict[str, Any], dict[str, Any]]:
    """The one view that is published, and the state of the UI that it holds."""
    place = sweep.store.sweep(sweep.id).mlflow
    assert place is not None
    tags = look.client.get_experiment(place.experiment_id).tags
    (value,) = (value for key, value in tags.items() if key.startswith("mlflow.sharedViewState."))
    assert len(value) <= 5000, "MLflow takes no more"
    view = json.loads(value)
    packing, _, packed = view["state"].partition(";")
    assert packing == "deflate"
    return view, json.loads(zlib.decompress(base64.b64decode(packed)))


def lines(state: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The charts of lines, by their first metric."""
    return {chart["metricKey"]: chart for chart in state["compareRunCharts"] if chart["type"] == "LINE"}


def came_to(state: dict[str, Any]) -> list[str]:
    """The metric that stands for the objective, where the initial LR is drawn against it."""
    (scatter,) = (chart for chart in state["compareRunCharts"] if chart["type"] == "SCATTER")
    (parallel,) = (chart for chart in state["compareRunCharts"] if chart["type"] == "PARALLEL")
    return [scatter["yaxis"]["key"], parallel["selectedMetrics"][-1]]


def test_a_view_is_published_and_the_note_links_to_it(sweep: Sweep, home: Home, look: Look) -> None:
    sweep.range_test()
    sweep.train(0)
    sweep.train(1)
    for _ in range(2):
        Projector(sweep.store, sweep.id, home).finish()
    place = sweep.store.sweep(sweep.id).mlflow
    assert place is not None
    assert f"?workflowType=machine_learning&viewStateShareKey=lrsweep-{sweep.id})" in note(look)
    assert f"&compareRunsMode=CHART&viewStateShareKey=lrsweep-{sweep.id})" in note(look)
    view, state = view_of(sweep, look)
    assert view["name"] == f"demo {sweep.id}"
    found = look.client.search_runs([place.experiment_id], state["searchFilter"], order_by=[state["orderByKey"]])
    runs = look.runs()
    best_first = [runs[name].id for name in ("trial 1", "trial 0", "range test SGD")]
    assert [run.info.run_id for run in found] == best_first
    assert state["orderByAsc"] is True


def test_charts_show_metrics_that_are_logged_in_sections_that_there_are(sweep: Sweep, home: Home, look: Look) -> None:
    sweep.range_test()
    sweep.train(0)
    Projector(sweep.store, sweep.id, home).finish()
    _, state = view_of(sweep, look)
    runs = look.runs()
    logged = {*runs["trial 0"].metrics, *runs["range test SGD"].metrics}
    drawn = lines(state)
    assert {"range_test/loss_smoothed", "val/loss", "lr", "train/loss"} <= drawn.keys() <= {*logged, "probe/val_loss"}
    assert drawn["range_test/loss_smoothed"]["selectedXAxisMetricKey"] in logged
    assert {drawn[name]["scaleType"] for name in ("val/loss", "train/loss", "lr")} == {"log"}
    (scatter,) = (chart for chart in state["compareRunCharts"] if chart["type"] == "SCATTER")
    assert {scatter["xaxis"]["key"], scatter["yaxis"]["key"]} <= logged
    (parallel,) = (chart for chart in state["compareRunCharts"] if chart["type"] == "PARALLEL")
    assert {*parallel["selectedMetrics"]} <= logged
    assert {*parallel["selectedParams"]} <= runs["trial 0"].params.keys()
    sections = {section["uuid"] for section in state["compareRunSections"]}
    assert {chart["metricSectionId"] for chart in state["compareRunCharts"]} == sections
    uuids = [chart["uuid"] for chart in state["compareRunCharts"]]
    assert len(set(uuids)) == len(uuids)


def test_an_objective_below_zero_has_no_logarithmic_axis(sweep: Sweep, home: Home, look: Look) -> None:
    sweep.propose(0)
    sweep.report(0, 1, -0.5)
    sweep.end(0, value=-0.5)
    Projector(sweep.store, sweep.id, home).finish()
    _, state = view_of(sweep, look)
    assert {name: lines(state)[name]["scaleType"] for name in ("val/loss", "train/loss", "lr")} == {
        "val/loss": "linear",
        "train/loss": "linear",
        "lr": "log",
    }
    assert came_to(state) == ["objective", "objective"]
    assert "log10_objective" not in look.runs()["trial 0"].metrics


def test_what_is_maximized_has_no_logarithm(store: Store, home: Home) -> None:
    sweep = Sweep(store, SPEC | {"objective": {"metric": "val/accuracy", "direction": "maximize"}})
    sweep.train(0)
    Projector(store, sweep.id, home).finish()
    look = Look(home, sweep)
    _, state = view_of(sweep, look)
    assert came_to(state) == ["objective", "objective"]
    assert "log10_objective" not in look.runs()["trial 0"].metrics


def test_parameter_groups_share_the_chart_of_their_lrs(store: Store, home: Home) -> None:
    groups = {"head": {"parameters": "fc.*"}, "stem": {"parameters": "conv.*", "lr_multiplier": 0.1}}
    sweep = Sweep(store, SPEC | {"groups": groups})
    Projector(store, sweep.id, home).sync()
    _, state = view_of(sweep, Look(home, sweep))
    assert lines(state)["lr/rest"]["selectedMetricKeys"] == ["lr/rest", "lr/head", "lr/stem"]


def refuse(monkeypatch: pytest.MonkeyPatch, error_code: int) -> None:
    def set_experiment_tag(*_: object) -> None:
        raise MlflowException("no", error_code=error_code)

    monkeypatch.setattr(MlflowClient, "set_experiment_tag", set_experiment_tag)


def test_without_a_view_the_note_links_to_the_plain_table(
    sweep: Sweep, home: Home, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, PERMISSION_DENIED)
    sweep.train(0)
    Projector(sweep.store, sweep.id, home).finish()
    assert "&searchFilter=" in note(look)
    assert "viewStateShareKey" not in note(look)


def test_an_mlflow_that_is_away_is_no_refusal(sweep: Sweep, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, TEMPORARILY_UNAVAILABLE)
    with pytest.raises(MlflowException):
        Projector(sweep.store, sweep.id, home).sync()
