"""What a coordinator records is read back the same, on both databases."""

import math
from datetime import UTC

import pytest

from service.records import Curve, MlflowPlace
from service.store import Store, StoreRecorder
from sweeps.errors import UserError
from sweeps.records import Outcome


def test_a_proposal_comes_back_equal(store: Store, sweep_id: str, recorder: StoreRecorder, make) -> None:
    proposals = [
        make.proposal(1, scheduler="MultiStepLR", scheduler_params={"milestones": (3, 6), "gamma": 0.1}),
        make.proposal(0, initial_lr=0.1 + 0.2, seed=2**63 - 1, origin="range test"),
    ]
    for proposal in proposals:
        recorder.proposed(proposal)
    trials = store.trials(sweep_id)
    assert [trial.proposal for trial in trials] == proposals[::-1]
    assert isinstance(trials[1].proposal.optimizer_params["betas"], tuple)
    assert isinstance(trials[1].proposal.scheduler_params["milestones"][0], int)
    trial = trials[0]
    assert (trial.outcome, trial.value, trial.epochs, trial.error, trial.ended) == (None, None, 0, None, None)
    assert trial.started is not None
    assert trial.started.tzinfo is UTC


def test_proposing_again_changes_nothing(store: Store, sweep_id: str, recorder: StoreRecorder, make) -> None:
    recorder.proposed(make.proposal(0))
    recorder.reported([(0, make.report(1), 0.5)])
    before = store.trials(sweep_id)
    recorder.proposed(make.proposal(0))
    assert store.trials(sweep_id) == before


def test_an_unknown_trial_is_told_with_those_that_there_are(
    store: Store, sweep_id: str, recorder: StoreRecorder, make
) -> None:
    with pytest.raises(UserError, match="has no trial 3; it has no trials yet"):
        store.trial(sweep_id, 3)
    for number in range(2):
        recorder.proposed(make.proposal(number))
    with pytest.raises(UserError, match="has no trial 3; its trials are 0 to 1"):
        store.trial(sweep_id, 3)


def test_recording_about_a_trial_that_was_never_proposed_is_a_bug(
    store: Store, sweep_id: str, recorder: StoreRecorder, make
) -> None:
    with pytest.raises(LookupError, match="no trial 3: it was never proposed"):
        recorder.reported([(3, make.report(1), 0.5)])
    with pytest.raises(LookupError, match="no trial 3: it was never proposed"):
        recorder.ended(3, make.ended(), 0.5)
    with pytest.raises(LookupError, match="trial 3 of sweep"):
        store.set_mlflow_run(sweep_id, 3, "run")
    assert store.reports(sweep_id) == []


def test_reports_come_back_whole_and_in_order(store: Store, sweep_id: str, recorder: StoreRecorder, make) -> None:
    for number in range(2):
        recorder.proposed(make.proposal(number))
    sent = [(0, make.report(1)), (1, make.report(1)), (0, make.report(2))]
    for number, report in sent:
        recorder.reported([(number, report, report.metrics["val/loss"])])
    came = store.reports(sweep_id)
    for (number, report), record in zip(sent, came, strict=True):
        assert (record.number, record.epoch, record.step) == (number, report.epoch, report.step)
        assert (record.metrics, record.lrs, record.seconds) == (report.metrics, report.lrs, report.seconds)
    assert [report.at for report in came] == sorted(report.at for report in came)
    assert came[0].id < came[1].id < came[2].id
    assert store.reports(sweep_id, after=came[0].id) == came[1:]
    assert store.reports(sweep_id, limit=2) == came[:2]
    assert store.reports(sweep_id, after=came[2].id) == []
    trial = store.trial(sweep_id, 0)
    assert (trial.epochs, trial.value) == (2, 1.0)


def test_sweeps_do_not_see_each_other(store: Store, make) -> None:
    ids = [store.create_sweep(name="x", task="y", spec={}, total_trials=1) for _ in range(2)]
    for sweep_id in ids:
        recorder = store.recorder(sweep_id)
        recorder.proposed(make.proposal(0))
        recorder.reported([(0, make.report(1), 0.5)])
        recorder.range_tested(make.range_test())
        recorder.picked([make.pick()])
    store.recorder(ids[0]).picked([])
    store.recorder(ids[0]).ended(0, make.ended(), 0.5)
    other = ids[1]
    assert len(store.trials(other)) == len(store.reports(other)) == len(store.range_tests(other)) == 1
    assert len(store.picks(other)) == 1
    assert store.trial(other, 0).outcome is None
    assert store.curve(other, 0).steps == (1, 2)


def test_metrics_that_are_no_numbers_survive(store: Store, sweep_id: str, recorder: StoreRecorder, make) -> None:
    recorder.proposed(make.proposal(0))
    metrics = {"train/loss": math.nan, "val/loss": math.inf, "gain": -math.inf}
    recorder.reported([(0, make.report(1, metrics=metrics, step_losses=(1.0, math.nan)), math.inf)])
    recorder.reported([(0, make.report(2), math.nan)])
    recorder.reported([(0, make.report(3), None)])
    came = store.reports(sweep_id)[0].metrics
    assert math.isnan(came["train/loss"])
    assert (came["val/loss"], came["gain"]) == (math.inf, -math.inf)
    assert math.isnan(store.curve(sweep_id, 0).losses[1])
    assert store.trial(sweep_id, 0).value is None
    first, *others = store.history(sweep_id)[0].objectives
    assert first == math.inf
    assert [math.isnan(value) for value in others] == [True, True]


def test_a_curve_is_put_together_from_all_epochs(store: Store, sweep_id: str, recorder: StoreRecorder, make) -> None:
    recorder.proposed(make.proposal(0))
    assert store.curve(sweep_id, 0) == Curve(steps=(), losses=(), lrs=())
    for epoch in (1, 2):
        recorder.reported([(0, make.report(epoch), 0.5)])
    recorder.reported([(0, make.report(3, step=5, step_losses=(0.2,), step_lrs=(0.001,)), 0.5)])
    assert store.curve(sweep_id, 0) == Curve(
        steps=(1, 2, 3, 4, 5), losses=(1.5, 1.0, 0.75, 0.5, 0.2), lrs=(0.1, 0.05, 0.1, 0.05, 0.001)
    )


def test_further_series_are_put_together_and_nan_where_an_epoch_has_none(
    store: Store, sweep_id: str, recorder: StoreRecorder, make
) -> None:
    recorder.proposed(make.proposal(0))
    series = [{}, {"momentum": (0.9, 0.8)}, {"momentum": (0.7, 0.6), "lr/head": (0.0, 0.5)}, {}]
    for epoch, more in enumerate(series, start=1):
        recorder.reported([(0, make.report(epoch, step_more=more), 0.5)])
    more = store.curve(sweep_id, 0).more
    assert more == {
        "momentum": pytest.approx((math.nan, math.nan, 0.9, 0.8, 0.7, 0.6, math.nan, math.nan), nan_ok=True),
        "lr/head": pytest.approx((*[math.nan] * 4, 0.0, 0.5, math.nan, math.nan), nan_ok=True),
    }
    recorder.reported([(0, make.report(3), 0.5)])
    assert set(store.curve(sweep_id, 0).more) == {"momentum"}


def test_history_holds_every_trial_with_its_objectives(
    store: Store, sweep_id: str, recorder: StoreRecorder, make
) -> None:
    for number in range(3):
        recorder.proposed(make.proposal(number))
    for epoch, value in enumerate([0.5, 0.25, 0.375], start=1):
        recorder.reported([(0, make.report(epoch), value)])
    recorder.ended(0, make.ended(), 0.25)
    recorder.reported([(1, make.report(2), 0.75)])
    complete, running, waiting = store.history(sweep_id)
    assert (complete.outcome, complete.value, complete.epochs) == (Outcome.COMPLETE, 0.25, 3)
    assert complete.objectives == (0.5, 0.25, 0.375)
    assert complete.proposal == make.proposal(0)
    assert (running.outcome, running.epochs, running.value) == (None, 2, 0.75)
    assert math.isnan(running.objectives[0])
    assert running.objectives[1:] == (0.75,)
    assert (waiting.outcome, waiting.epochs, waiting.objectives) == (None, 0, ())


def test_a_resumed_trial_overwrites_in_place_and_drops_what_it_never_reached(
    store: Store, sweep_id: str, recorder: StoreRecorder, make
) -> None:
    recorder.proposed(make.proposal(0))
    for epoch in (1, 2, 3, 4):
        recorder.reported([(0, make.report(epoch), 1.0)])
    before = store.reports(sweep_id)
    recorder.ended(0, make.ended(interrupted=True), 1.0)
    trial = store.trial(sweep_id, 0)
    assert (trial.outcome, trial.ended, trial.epochs) == (None, None, 4)
    for epoch in (2, 3):
        recorder.reported([(0, make.report(epoch, seconds=9.0), 0.5)])
    after = store.reports(sweep_id)
    assert [(report.id, report.at) for report in after] == [(report.id, report.at) for report in before]
    assert [report.seconds for report in after] == [0.25, 9.0, 9.0, 1.0]
    assert store.history(sweep_id)[0].objectives == (1.0, 0.5, 0.5)
    recorder.ended(0, make.ended(Outcome.PRUNED), 0.5)
    assert [report.epoch for report in store.reports(sweep_id)] == [1, 2, 3]
    assert store.curve(sweep_id, 0).steps == (1, 2, 3, 4, 5, 6)
    assert store.history(sweep_id)[0].epochs == 3


def test_an_end_keeps_outcome_value_and_traceback(store: Store, sweep_id: str, recorder: StoreRecorder, make) -> None:
    for number in range(2):
        recorder.proposed(make.proposal(number))
    recorder.ended(0, make.ended(Outcome.FAILED, error="Traceback: \x00 \udcff ünïcode"), math.nan)
    recorder.ended(1, make.ended(Outcome.DIVERGED), None)
    failed, diverged = store.trials(sweep_id)
    assert (failed.outcome, failed.value) == (Outcome.FAILED, None)
    assert failed.error == "Traceback: \\x00 \\udcff ünïcode"
    assert failed.ended is not None
    assert failed.started is not None
    assert failed.ended >= failed.started
    assert (diverged.outcome, diverged.error) == (Outcome.DIVERGED, None)


def test_range_tests_come_back_equal_and_are_replaced(
    store: Store, sweep_id: str, recorder: StoreRecorder, make
) -> None:
    sgd, adam = make.range_test("SGD"), make.range_test("Adam", trusted=True, reasons=(), losses=((1.0,),))
    recorder.range_tested(sgd)
    store.set_range_test_run(sweep_id, "SGD", "run")
    recorder.range_tested(adam)
    assert store.range_tests(sweep_id) == [adam, sgd]
    again = make.range_test("SGD", initial_lr=0.3, losses=((1.0, 2.0, 3.0),) * 3)
    recorder.range_tested(again)
    assert store.range_tests(sweep_id) == [adam, again]
    assert store.range_test_runs(sweep_id) == {"SGD": "run"}


def test_picks_come_back_equal_in_order_and_are_replaced(
    store: Store, sweep_id: str, recorder: StoreRecorder, make
) -> None:
    picks = [make.pick("SGD"), make.pick("Adam"), make.pick("SGD", scheduler="StepLR", notes=())]
    recorder.picked(picks)
    assert store.picks(sweep_id) == picks
    recorder.picked(picks[1:])
    assert store.picks(sweep_id) == picks[1:]


def test_where_mlflow_shows_it_is_kept(store: Store, sweep_id: str, recorder: StoreRecorder, make) -> None:
    place = MlflowPlace(tracking_uri="http://127.0.0.1:5000", experiment_id="1", run_id="abc")
    store.set_mlflow_place(sweep_id, place)
    assert store.sweep(sweep_id).mlflow == place
    recorder.proposed(make.proposal(0))
    store.set_mlflow_run(sweep_id, 0, "def")
    assert store.trial(sweep_id, 0).mlflow_run_id == "def"
    assert store.range_test_runs(sweep_id) == {}
    with pytest.raises(LookupError, match="the range test of SGD"):
        store.set_range_test_run(sweep_id, "SGD", "run")
