"""Leases, cancellation, endings and retries work alike on both databases."""

import pytest

from service.records import Status
from service.store import LeaseLost, Store, StoreRecorder
from sweeps.errors import UserError
from sweeps.records import Outcome

ME, OTHER = "11@here", "22@there"
MINUTE, EXPIRED = 60.0, -1.0


def test_a_claimed_sweep_runs(store: Store, sweep_id: str) -> None:
    store.claim(sweep_id, ME, MINUTE)
    sweep = store.sweep(sweep_id)
    assert sweep.status is Status.RUNNING
    assert sweep.started is not None
    assert sweep.started >= sweep.created


def test_a_live_lease_keeps_others_out_and_says_who_and_until_when(store: Store, sweep_id: str) -> None:
    store.claim(sweep_id, ME, MINUTE)
    with pytest.raises(UserError, match=rf"{sweep_id} is being run by {ME}, .* until \d\d:\d\d:\d\d UTC"):
        store.claim(sweep_id, OTHER, MINUTE)
    store.claim(sweep_id, ME, MINUTE)


def test_an_expired_lease_is_taken_over_and_its_owner_learns_it(store: Store, sweep_id: str) -> None:
    store.claim(sweep_id, ME, EXPIRED)
    started = store.sweep(sweep_id).started
    store.claim(sweep_id, OTHER, MINUTE)
    assert store.sweep(sweep_id).started == started
    with pytest.raises(LeaseLost, match=f"{ME} no longer runs sweep {sweep_id}: .* by {OTHER}"):
        store.renew(sweep_id, ME, MINUTE)
    assert store.renew(sweep_id, OTHER, MINUTE) is False


def test_an_expired_lease_that_nobody_took_can_be_renewed(store: Store, sweep_id: str) -> None:
    store.claim(sweep_id, ME, EXPIRED)
    assert store.renew(sweep_id, ME, MINUTE) is False
    with pytest.raises(UserError, match="is being run by"):
        store.claim(sweep_id, OTHER, MINUTE)


@pytest.mark.parametrize("status", [Status.INTERRUPTED, Status.DONE, Status.FAILED])
def test_a_finished_sweep_gives_its_lease_back_and_can_go_on(store: Store, sweep_id: str, status: Status) -> None:
    store.claim(sweep_id, ME, MINUTE)
    store.finish(sweep_id, status, "why\x00")
    sweep = store.sweep(sweep_id)
    assert (sweep.status, sweep.error) == (status, "why\\x00")
    assert (sweep.ended is not None) == status.ended
    with pytest.raises(LeaseLost, match="one who has finished"):
        store.renew(sweep_id, ME, MINUTE)
    store.claim(sweep_id, OTHER, MINUTE)
    sweep = store.sweep(sweep_id)
    assert (sweep.status, sweep.ended, sweep.error) == (Status.RUNNING, None, None)


def test_cancelling_a_running_sweep_asks_its_owner(store: Store, sweep_id: str, recorder: StoreRecorder, make) -> None:
    store.claim(sweep_id, ME, MINUTE)
    recorder.proposed(make.proposal(0))
    sweep = store.request_cancel(sweep_id)
    assert (sweep.status, sweep.cancel_requested) == (Status.RUNNING, True)
    assert store.trial(sweep_id, 0).outcome is None
    assert store.renew(sweep_id, ME, MINUTE) is True
    store.finish(sweep_id, Status.CANCELLED)
    assert store.sweep(sweep_id).status is Status.CANCELLED
    assert store.trial(sweep_id, 0).outcome is Outcome.CANCELLED


def test_cancelling_a_sweep_that_nobody_runs_ends_it_and_its_open_trials(
    store: Store, sweep_id: str, recorder: StoreRecorder, make
) -> None:
    store.claim(sweep_id, ME, EXPIRED)
    for number in range(2):
        recorder.proposed(make.proposal(number))
    recorder.ended(0, make.ended(), 0.5)
    sweep = store.request_cancel(sweep_id)
    assert (sweep.status, sweep.trials) == (Status.CANCELLED, 2)
    assert sweep.ended is not None
    assert [trial.outcome for trial in store.trials(sweep_id)] == [Outcome.COMPLETE, Outcome.CANCELLED]
    assert store.trial(sweep_id, 1).ended is not None
    assert store.renew(sweep_id, ME, MINUTE) is True
    with pytest.raises(UserError, match=f"{sweep_id} was cancelled"):
        store.claim(sweep_id, OTHER, MINUTE)


def test_cancelling_a_waiting_sweep_ends_it(store: Store, sweep_id: str) -> None:
    assert store.request_cancel(sweep_id).status is Status.CANCELLED


@pytest.mark.parametrize("status", [Status.DONE, Status.FAILED, Status.CANCELLED])
def test_cancelling_what_has_ended_changes_nothing(store: Store, sweep_id: str, status: Status) -> None:
    store.claim(sweep_id, ME, MINUTE)
    store.finish(sweep_id, status)
    before = store.sweep(sweep_id)
    assert store.request_cancel(sweep_id) == before == store.sweep(sweep_id)


def test_a_claim_forgets_an_old_cancellation_unless_nobody_heeded_it(store: Store, sweep_id: str) -> None:
    store.claim(sweep_id, ME, MINUTE)
    store.request_cancel(sweep_id)
    store.renew(sweep_id, ME, EXPIRED)
    store.claim(sweep_id, OTHER, MINUTE)
    assert store.renew(sweep_id, OTHER, MINUTE) is True
    store.finish(sweep_id, Status.INTERRUPTED)
    store.claim(sweep_id, ME, MINUTE)
    assert store.renew(sweep_id, ME, MINUTE) is False


def test_failed_trials_are_reset_to_run_again(store: Store, sweep_id: str, recorder: StoreRecorder, make) -> None:
    for number, outcome in enumerate([Outcome.COMPLETE, Outcome.DIVERGED, Outcome.FAILED]):
        recorder.proposed(make.proposal(number))
        recorder.reported([(number, make.report(1), 0.5)])
        recorder.ended(number, make.ended(outcome, error="boom"), 0.5)
    store.set_mlflow_run(sweep_id, 2, "run")
    last_id = store.reports(sweep_id)[-1].id
    assert store.reset_failed(sweep_id) == 1
    trial = store.trial(sweep_id, 2)
    assert (trial.outcome, trial.error, trial.value, trial.epochs, trial.ended) == (None, None, None, 0, None)
    assert (trial.proposal, trial.mlflow_run_id) == (make.proposal(2), "run")
    assert [report.number for report in store.reports(sweep_id)] == [0, 1]
    assert store.curve(sweep_id, 2).steps == ()
    assert [trial.outcome for trial in store.trials(sweep_id)] == [Outcome.COMPLETE, Outcome.DIVERGED, None]
    assert store.reset_failed(sweep_id) == 0
    # The id of the deleted report is not given out again, or followers would miss the new one.
    recorder.reported([(2, make.report(1), 0.5)])
    assert [report.number for report in store.reports(sweep_id, after=last_id)] == [2]


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.claim("nowhere", ME, MINUTE),
        lambda store: store.renew("nowhere", ME, MINUTE),
        lambda store: store.finish("nowhere", Status.DONE),
        lambda store: store.request_cancel("nowhere"),
    ],
)
def test_an_unknown_sweep_is_an_error(store: Store, call) -> None:
    with pytest.raises(UserError, match="there is no sweep 'nowhere'"):
        call(store)
