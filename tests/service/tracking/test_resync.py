"""Whatever happens between store and MLflow, a later sync makes it right, and nothing is there twice."""

from typing import Any

import pytest
from mlflow import MlflowClient

from service import plots
from service.home import Home
from service.records import Status
from service.store import Store
from service.tracking.projection import Projector
from service.tracking.runs import SHOWN_TAG
from sweeps.records import Outcome

from .conftest import Look, Sweep


@pytest.fixture(autouse=True)
def plain_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes most of the time of a sync, and is tested elsewhere."""
    for name in ("range_tests", "sensitivity", "best_curves"):
        monkeypatch.setattr(plots, name, lambda *_: b"png")


def half_a_sweep(sweep: Sweep) -> None:
    sweep.range_test()
    sweep.train(0)
    sweep.propose(1)
    sweep.report(1, 1)


def the_rest(sweep: Sweep) -> None:
    sweep.report(1, 2)
    sweep.end(1, Outcome.PRUNED, 0.4)
    sweep.propose(2)
    sweep.end(2, Outcome.FAILED, error="ValueError: bad labels")
    sweep.pick(0)
    sweep.finish()


def test_a_second_projector_adds_nothing_twice(sweep: Sweep, home: Home, look: Look) -> None:
    half_a_sweep(sweep)
    the_rest(sweep)
    Projector(sweep.store, sweep.id, home).finish()
    once = look.runs()
    Projector(sweep.store, sweep.id, home).finish()
    assert look.runs() == once


def test_a_projector_goes_on_where_another_was_cut_off(sweep: Sweep, home: Home, look: Look) -> None:
    half_a_sweep(sweep)
    Projector(sweep.store, sweep.id, home).sync()
    the_rest(sweep)
    Projector(sweep.store, sweep.id, home).finish()
    runs = look.runs()
    assert set(runs) == {"sweep", "trial 0", "trial 1", "trial 2", "range test SGD"}
    assert set(runs["trial 1"].values("val/loss")) == {1, 2}
    assert len(runs["trial 1"].values("train/loss_step")) == 20
    assert [runs[f"trial {number}"].status for number in range(3)] == ["FINISHED", "FINISHED", "FAILED"]


@pytest.mark.parametrize("arrives", [False, True])
@pytest.mark.parametrize(
    ("method", "call"),
    [
        ("create_run", 1),
        ("create_run", 4),
        ("set_experiment_tag", 1),
        ("set_terminated", 1),
        ("set_terminated", 3),
        ("log_batch", 1),
        ("log_batch", 3),
        ("log_batch", 5),
        ("log_batch", 7),
        ("log_artifact", 1),
    ],
)
def test_a_crash_at_any_call_leaves_nothing_missing_and_nothing_double(
    method: str, call: int, arrives: bool, sweep: Sweep, home: Home, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_a_sweep(sweep)
    the_rest(sweep)
    original, calls = getattr(MlflowClient, method), 0

    def failing(self: MlflowClient, *args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls != call:
            return original(self, *args, **more)
        if arrives:
            original(self, *args, **more)
        raise ConnectionError("the server is gone")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, method, failing)
        projector = Projector(sweep.store, sweep.id, home)
        with pytest.raises(ConnectionError):
            projector.finish()
        # The same projector starts over, as the tracking thread lets it.
        projector.finish()
    Projector(sweep.store, sweep.id, home).finish()
    cut_off = look.runs()

    whole = Sweep(sweep.store)
    half_a_sweep(whole)
    the_rest(whole)
    Projector(whole.store, whole.id, home).finish()
    expected = Look(home, whole).runs()
    assert set(cut_off) == set(expected)
    for key, run in expected.items():
        assert (cut_off[key].status, cut_off[key].params) == (run.status, run.params)
        assert {name: list(points) for name, points in map(steps_of(cut_off[key]), run.metrics)} == {
            name: list(points) for name, points in map(steps_of(run), run.metrics)
        }
        assert look.files(cut_off[key].id) == look.files(run.id)


def steps_of(run: Any) -> Any:
    return lambda name: (name, run.values(name))


def test_what_says_that_a_run_is_complete_arrives_last(
    sweep: Sweep, home: Home, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_a_sweep(sweep)
    the_rest(sweep)
    complete: dict[str, str] = {}
    for method in ("log_batch", "set_terminated", "update_run", "log_artifact"):
        original = getattr(MlflowClient, method)

        def noted(self: MlflowClient, run: str, *args: Any, original: Any = original, **more: Any) -> Any:
            assert run not in complete, f"{original.__name__} after the run was marked"
            if any(tag.key == SHOWN_TAG for tag in more.get("tags", ())):
                complete[run] = more["tags"][-1].key
            return original(self, run, *args, **more)

        monkeypatch.setattr(MlflowClient, method, noted)
    Projector(sweep.store, sweep.id, home).finish()
    runs = look.runs()
    assert complete == {runs[key].id: SHOWN_TAG for key in runs if key != "sweep"}


def test_a_run_that_was_made_but_not_noted_is_found_again(
    sweep: Sweep, home: Home, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep.propose(0)

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Store, "set_mlflow_run", crash)
        with pytest.raises(KeyboardInterrupt):
            Projector(sweep.store, sweep.id, home).sync()
    Projector(sweep.store, sweep.id, home).sync()
    assert look.runs()["trial 0"].id == sweep.store.trials(sweep.id)[0].mlflow_run_id


def test_a_run_that_was_made_is_progress(sweep: Sweep, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep.propose(0)
    sweep.propose(1)
    projector, original = Projector(sweep.store, sweep.id, home), MlflowClient.create_run
    progress = []

    def noted(self: MlflowClient, *args: Any, **more: Any) -> Any:
        progress.append(projector.written)
        return original(self, *args, **more)

    monkeypatch.setattr(MlflowClient, "create_run", noted)
    projector.sync()
    parent, first, second = progress
    assert parent < first < second < projector.written


def test_a_resumed_sweep_runs_again_in_the_same_runs(sweep: Sweep, home: Home, look: Look) -> None:
    half_a_sweep(sweep)
    sweep.finish(Status.INTERRUPTED)
    Projector(sweep.store, sweep.id, home).finish()
    interrupted = look.runs()
    assert interrupted["trial 1"].status == "SCHEDULED"
    sweep.run()
    Projector(sweep.store, sweep.id, home).sync()
    resumed = look.runs()
    assert {key: run.id for key, run in resumed.items()} == {key: run.id for key, run in interrupted.items()}
    assert (resumed["sweep"].status, resumed["trial 1"].status) == ("RUNNING", "RUNNING")


def test_a_retried_trial_gets_a_fresh_run(sweep: Sweep, home: Home, look: Look) -> None:
    sweep.propose(0)
    sweep.report(0, 1, loss=9.0)
    sweep.end(0, Outcome.FAILED, error="boom")
    sweep.train(1)
    sweep.pick(1)
    sweep.finish(Status.DONE)
    Projector(sweep.store, sweep.id, home).finish()
    before = look.runs()
    sweep.run()
    sweep.store.reset_failed(sweep.id)
    for epoch in (1, 2):
        sweep.report(0, epoch)
    sweep.end(0, Outcome.COMPLETE, 0.5)
    sweep.pick(0)
    sweep.finish()
    Projector(sweep.store, sweep.id, home).finish()
    runs = look.runs()
    assert runs["trial 0"].id != before["trial 0"].id
    assert runs["trial 0"].id == sweep.store.trials(sweep.id)[0].mlflow_run_id
    assert runs["trial 0"].values("val/loss") == {1: 1.0, 2: 0.5}
    assert runs["trial 0"].status == "FINISHED"
    assert runs["trial 1"] == before["trial 1"]
    parent = runs["sweep"]
    assert parent.status == "FINISHED"
    assert parent.params["best.initial_lr"] == "0.05"
    assert parent.metrics["best_initial_lr"][-1][2] == 0.1
    assert "metrics" in parent.tags["params.outdated"]


def test_a_mlflow_that_was_emptied_is_filled_again(sweep: Sweep, home: Home, look: Look) -> None:
    half_a_sweep(sweep)
    projector = Projector(sweep.store, sweep.id, home)
    projector.sync()
    before = look.runs()
    place = sweep.store.sweep(sweep.id).mlflow
    assert place is not None
    for run in before.values():
        look.client.delete_run(run.id)
    the_rest(sweep)
    with pytest.raises(Exception, match="must be in the 'active' state"):
        projector.sync()
    projector.finish()
    runs = look.runs()
    assert len(runs) == 5
    assert {run.id for run in runs.values()}.isdisjoint(run.id for run in before.values())
    assert set(runs["trial 0"].values("val/loss")) == {1, 2, 3, 4}


def test_an_experiment_that_was_deleted_is_restored(sweep: Sweep, home: Home, look: Look) -> None:
    sweep.propose(0)
    Projector(sweep.store, sweep.id, home).sync()
    place = sweep.store.sweep(sweep.id).mlflow
    assert place is not None
    look.client.delete_experiment(place.experiment_id)
    Projector(sweep.store, sweep.id, home).sync()
    assert look.client.get_experiment(place.experiment_id).lifecycle_stage == "active"
    assert set(look.runs()) == {"sweep", "trial 0"}


def test_two_sweeps_of_a_task_share_its_experiment(store: Store, home: Home) -> None:
    sweeps = [Sweep(store), Sweep(store)]
    for sweep in sweeps:
        sweep.train(0)
        Projector(store, sweep.id, home).sync()
    places = [store.sweep(sweep.id).mlflow for sweep in sweeps]
    assert places[0] is not None
    assert places[1] is not None
    assert places[0].experiment_id == places[1].experiment_id
    assert places[0].run_id != places[1].run_id
    for sweep in sweeps:
        assert set(Look(home, sweep).runs()) == {"sweep", "trial 0"}
