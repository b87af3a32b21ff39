"""What the store keeps for the HTTP API: submissions, tokens, pages. On both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from service.records import Scope, Status
from service.store import Conflict, NotFound, Store
from sweeps.finding import warning
from sweeps.records import Ended, Outcome, Proposal

SPEC = {"task": "digits", "trials": 4}


def submit(store: Store, **given: Any) -> tuple[str, bool]:
    record, new = store.submit(**{"name": "digits", "task": "digits", "spec": SPEC, "total_trials": 4, **given})
    return record.id, new


def test_a_submission_waits_with_its_findings_and_its_submitter(store: Store) -> None:
    findings = (warning("trials", "are few", "give more"),)
    sweep_id, new = submit(store, findings=findings, submitted_by="ann")
    record = store.sweep(sweep_id)
    assert new
    assert (record.status, record.findings, record.submitted_by) == (Status.QUEUED, findings, "ann")


def test_a_key_stands_for_one_sweep_of_one_submitter(store: Store) -> None:
    first, _ = submit(store, key="monday", submitted_by="ann")
    assert submit(store, key="monday", submitted_by="ann") == (first, False)
    others = {submit(store, key="monday", submitted_by="bob")[0], submit(store, key="monday")[0], submit(store)[0]}
    assert len(others | {first}) == 4
    with pytest.raises(Conflict, match=f"'monday' stood for another spec, of sweep {first}"):
        submit(store, key="monday", submitted_by="ann", spec={**SPEC, "trials": 5})
    assert len(store.sweeps()) == 4


def test_racing_submissions_of_one_key_make_one_sweep(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: submit(store, key="race"), range(16)))
    assert len({sweep_id for sweep_id, _ in made}) == 1
    assert sum(new for _, new in made) == 1
    assert len(store.sweeps()) == 1


@pytest.mark.parametrize("status", [Status.INTERRUPTED, Status.FAILED])
def test_what_stopped_is_queued_again(store: Store, status: Status) -> None:
    sweep_id, _ = submit(store)
    store.claim(sweep_id, "1@there", 60)
    with pytest.raises(Conflict, match="is RUNNING already"):
        store.requeue(sweep_id)
    store.finish(sweep_id, status, "the node went away")
    record = store.requeue(sweep_id)
    assert (record.status, record.error, record.ended) == (Status.QUEUED, None, None)
    with pytest.raises(Conflict, match="is QUEUED already"):
        store.requeue(sweep_id)


def test_only_failed_trials_of_a_finished_sweep_run_anew(store: Store) -> None:
    sweep_id, _ = submit(store)
    recorder = store.recorder(sweep_id)
    store.claim(sweep_id, "1@there", 60)
    for number, outcome in enumerate((Outcome.COMPLETE, Outcome.FAILED)):
        recorder.proposed(Proposal(number=number, optimizer="SGD", scheduler="none", initial_lr=0.1, seed=0))
        recorder.ended(number, Ended(key=f"trial {number}", outcome=outcome), None)
    store.finish(sweep_id, Status.DONE)
    with pytest.raises(Conflict, match="retry its FAILED trials"):
        store.requeue(sweep_id)
    store.requeue(sweep_id, retry_failed=True)
    assert [trial.outcome for trial in store.trials(sweep_id)] == [Outcome.COMPLETE, None]
    store.claim(sweep_id, "1@there", 60)
    recorder.ended(1, Ended(key="trial 1", outcome=Outcome.COMPLETE), 1.0)
    store.finish(sweep_id, Status.DONE)
    with pytest.raises(Conflict, match="no FAILED trial"):
        store.requeue(sweep_id, retry_failed=True)


def test_a_cancelled_sweep_stays_so(store: Store) -> None:
    sweep_id, _ = submit(store)
    store.request_cancel(sweep_id)
    with pytest.raises(Conflict, match="was cancelled"):
        store.requeue(sweep_id)
    with pytest.raises(NotFound):
        store.requeue("nothere")


def test_pages_of_sweeps_follow_one_another(store: Store) -> None:
    made = [submit(store)[0] for _ in range(5)]
    store.request_cancel(made[2])
    newest = made[::-1]
    assert [each.id for each in store.sweeps(limit=2)] == newest[:2]
    assert [each.id for each in store.sweeps(limit=2, before=newest[1])] == newest[2:4]
    assert [each.id for each in store.sweeps(status=Status.CANCELLED)] == [made[2]]
    assert [each.id for each in store.sweeps(status=Status.QUEUED, before=made[3])] == [made[1], made[0]]
    with pytest.raises(NotFound, match="no sweep 'nothere'"):
        store.sweeps(before="nothere")


def test_pages_of_trials_follow_one_another_and_ended_ones_come_by_time(store: Store) -> None:
    sweep_id, _ = submit(store)
    recorder = store.recorder(sweep_id)
    for number in range(5):
        recorder.proposed(Proposal(number=number, optimizer="SGD", scheduler="none", initial_lr=0.1, seed=0))
    for number in (3, 0):
        recorder.ended(number, Ended(key=f"trial {number}", outcome=Outcome.PRUNED), 1.0)
    assert [each.proposal.number for each in store.trials(sweep_id, after=1, limit=2)] == [2, 3]
    ended = store.ended_trials(sweep_id)
    assert [each.proposal.number for each in ended] == [3, 0]
    assert [each.proposal.number for each in store.ended_trials(sweep_id, since=ended[1].ended)] == [0]


def test_a_token_opens_until_it_expires_or_is_revoked(store: Store) -> None:
    assert not store.has_tokens()
    secrets = {name: store.create_token(name, Scope.READ) for name in ("ann", "bob")}
    assert len({*secrets.values()}) == 2
    assert all(len(secret) > 43 for secret in secrets.values())
    token = store.token_of(secrets["ann"])
    assert token is not None
    assert (token.name, token.scope, token.expires) == ("ann", Scope.READ, None)
    assert store.token_of(secrets["ann"] + "x") is None
    store.revoke_token("ann")
    assert store.token_of(secrets["ann"]) is None
    gone = store.create_token("gone", Scope.ADMIN, lifetime=timedelta(seconds=-1))
    assert store.token_of(gone) is None
    assert store.has_tokens()
    store.revoke_token("bob")
    assert not store.has_tokens()
    assert [each.name for each in store.tokens()] == ["ann", "bob", "gone"]
    with pytest.raises(Conflict, match="'ann' already"):
        store.create_token("ann", Scope.READ)
    with pytest.raises(NotFound, match="no token 'eve'"):
        store.revoke_token("eve")


def test_no_token_lies_in_the_store(tmp_path: Any) -> None:
    with Store.open(f"sqlite:///{tmp_path}/lrsweep.db") as store:
        secret = store.create_token("ann", Scope.ADMIN)
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"ann" in files
    assert secret.encode() not in files
