"""A coordinator runs only what its own list allows by the time, whatever was allowed when a sweep was submitted."""

import sys
from pathlib import Path

import pytest

from service.coordinator import child
from service.coordinator.order import Order
from service.lease import TTL, this_process
from service.records import Status, SweepRecord
from service.store import Store
from tests.service.mlflow_server import home_in

MODULE = "lrsweep_shop_of_a_test"
SPEC = {"name": "s", "budget": {"epochs": 1}, "optimizers": ["SGD"], "trials": 1}


def trained(folder: Path, task: str) -> SweepRecord:
    """What became of a sweep of this task; training itself is left out."""
    home = home_in(folder)
    with Store.open(home.store_url) as store:
        sweep_id = store.submit(name="s", task=task, spec={**SPEC, "task": task}, total_trials=1)[0].id
        assert store.take(sweep_id, this_process(), TTL)
        child._train(Order(sweep_id=sweep_id, work="train", home=home))
        return store.sweep(sweep_id)


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that could be imported, and fails the sweep with its own words if it is."""
    (tmp_path / f"{MODULE}.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("allowed", ["", "other.tasks:*", f"{MODULE}:Other"])
def test_what_is_allowed_no_longer_is_not_even_imported(
    allowed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LRSWEEP_ALLOWED_TASKS", allowed)
    record = trained(tmp_path, f"{MODULE}:Prices")
    assert record.status is Status.FAILED
    assert "is not among what this server allows" in str(record.error)
    assert MODULE not in sys.modules


@pytest.mark.parametrize("allowed", [f"{MODULE}:*", None])
def test_what_is_allowed_or_under_no_list_is_loaded(
    allowed: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if allowed is not None:
        monkeypatch.setenv("LRSWEEP_ALLOWED_TASKS", allowed)
    record = trained(tmp_path, f"{MODULE}:Prices")
    assert record.status is Status.FAILED
    assert "imported" in str(record.error)


def test_folders_are_judged_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRSWEEP_ALLOWED_FOLDERS", "/data/images")
    home = home_in(tmp_path)
    spec = {**SPEC, "task": {"use": "images", "folder": "/etc"}}
    with Store.open(home.store_url) as store:
        sweep_id = store.submit(name="s", task="images", spec=spec, total_trials=1)[0].id
        assert store.take(sweep_id, this_process(), TTL)
        child._train(Order(sweep_id=sweep_id, work="train", home=home))
        assert "'/etc' is not below a folder" in str(store.sweep(sweep_id).error)
