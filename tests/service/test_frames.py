"""Results as frames: the same numbers as the store's, in one line."""

import math
from pathlib import Path
from typing import Any

import pandas
import pytest

from service import columns, frames
from service.history import history, history_of_reports
from service.store import Store
from tests.service.report.conftest import full_sweep
from tests.service.tracking.conftest import Sweep


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    monkeypatch.setenv("LRSWEEP_HOME", str(tmp_path))
    for name in ("LRSWEEP_STORE", "LRSWEEP_SERVER"):
        monkeypatch.delenv(name, raising=False)
    return full_sweep(Store.open(f"sqlite:///{tmp_path}/lrsweep.db"), metric="val/loss")


def test_trials_are_those_of_the_store(full: Sweep) -> None:
    frame = frames.trials()
    stored = full.store.trials(full.id)
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["number"]) == [trial.proposal.number for trial in stored]
    assert list(frame["initial_lr"]) == [trial.proposal.initial_lr for trial in stored]
    assert frame["value"].isna().sum() == sum(trial.value is None for trial in stored)
    assert list(frame.columns[-3:]) == ["AdamW.weight_decay", "SGD.momentum", "StepLR.step_size"]
    assert frame.groupby("outcome").size().to_dict() == {"COMPLETE": 25, "DIVERGED": 5, "FAILED": 5, "PRUNED": 5}


def test_the_best_trial_is_one_line_away(full: Sweep) -> None:
    frame = frames.trials(full.id[:5])
    best = frame.loc[frame["value"].idxmin()]
    assert best["value"] == min(trial.value for trial in full.store.trials(full.id) if trial.value is not None)


def test_curves_go_by_epoch_or_by_step(full: Sweep) -> None:
    by_epoch, by_step = frames.curves(), frames.curves(by="step")
    assert list(by_epoch.columns) == ["number", "epoch", "step", "seconds", "lr", "train/loss", "val/loss"]
    assert len(by_step) == 10 * len(by_epoch)
    number = by_epoch["number"].iloc[0]
    curve = full.store.curve(full.id, int(number))
    of_trial = by_step[by_step["number"] == number]
    assert tuple(of_trial["train/loss"]) == curve.losses
    assert tuple(of_trial["lr"]) == curve.lrs


def test_picks_and_range_tests(full: Sweep) -> None:
    assert list(frames.picks()["initial_lr"]) == [pick.initial_lr for pick in full.store.picks(full.id)]
    tests = frames.range_tests()
    of_seed = tests[(tests["optimizer"] == "SGD") & (tests["seed"] == 0)]
    stored = next(test for test in full.store.range_tests(full.id) if test.optimizer == "SGD")
    assert tuple(of_seed["train/loss"]) == stored.losses[0]
    assert tuple(of_seed["lr"]) == stored.lrs[: len(stored.losses[0])]
    read = frames.rules()
    assert set(read["optimizer"]) == {"SGD", "AdamW"}
    assert list(read[read["optimizer"] == "AdamW"]["trusted"].unique()) == [False]


@pytest.mark.parametrize("name", ["trials", "curves", "picks", "range_tests", "rules"])
def test_polars_and_columns_say_the_same(full: Sweep, name: str) -> None:
    as_columns: dict[str, list[Any]] = getattr(frames, name)(as_="dict")
    assert len({len(cells) for cells in as_columns.values()}) == 1
    assert list(getattr(frames, name)().columns) == list(as_columns)
    pytest.importorskip("polars")
    polars = getattr(frames, name)(as_="polars")
    assert polars.columns == list(as_columns)
    assert polars.height == len(next(iter(as_columns.values())))


def test_a_sweep_without_anything_is_an_empty_frame(full: Sweep) -> None:
    Sweep(full.store)
    for name in columns.TABLES:
        assert columns.TABLES[name](full.store, full.store.resolve("last")) == {}
    assert frames.trials().empty


def test_the_history_of_reports_is_the_stores(full: Sweep) -> None:
    told, stored = history_of_reports(full.store, full.id), history(full.store, full.id)
    assert len(told) == len(stored) == 40
    for one, other in zip(told, stored, strict=True):
        assert (one.proposal, one.outcome, one.value, one.epochs) == (
            other.proposal,
            other.outcome,
            other.value,
            other.epochs,
        )
        assert [math.isnan(each) for each in one.objectives] == [math.isnan(each) for each in other.objectives]
        assert one.objectives == pytest.approx(other.objectives, nan_ok=True)
