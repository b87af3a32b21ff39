"""A sweep's view of the runs table is a tag of the experiment; what the UI makes of it, `test_browser.py` sees."""

import base64
import json
import zlib

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED, TEMPORARILY_UNAVAILABLE

from service.home import Home
from service.tracking.projection import Projector

from .conftest import Look, Sweep


def note(look: Look) -> str:
    return look.runs()["sweep"].tags["mlflow.note.content"]


def test_a_view_is_published_and_the_note_links_to_it(sweep: Sweep, home: Home, look: Look) -> None:
    sweep.train(0)
    for _ in range(2):
        Projector(sweep.store, sweep.id, home).finish()
    place = sweep.store.sweep(sweep.id).mlflow
    assert place is not None
    assert f"&viewStateShareKey=lrsweep-{sweep.id})" in note(look)
    tags = look.client.get_experiment(place.experiment_id).tags
    (view,) = (json.loads(value) for key, value in tags.items() if key.startswith("mlflow.sharedViewState."))
    assert view["name"] == f"demo {sweep.id}"
    packing, _, packed = view["state"].partition(";")
    assert packing == "deflate"
    state = json.loads(zlib.decompress(base64.b64decode(packed)))
    found = look.client.search_runs([place.experiment_id], state["searchFilter"], order_by=[state["orderByKey"]])
    assert [run.info.run_id for run in found] == [look.runs()["trial 0"].id]
    assert state["orderByAsc"] is True


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
