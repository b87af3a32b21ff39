"""Sweeps are made, found and listed alike on both databases."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from service.records import Status
from service.store import Store, StoreRecorder
from sweeps.errors import UserError
from sweeps.records import Outcome, TaskInfo


def add(store: Store, name: str = "digits") -> str:
    return store.create_sweep(name=name, task="digits-mlp", spec={}, total_trials=4)


def test_a_new_sweep_waits_with_all_that_it_was_given(store: Store) -> None:
    spec = {"name": "ünïcode", "lr": [1e-4, 0.1], "timeout": math.inf, "seeds": [0, 1], "none": None}
    sweep_id = store.create_sweep(name="ünïcode", task="digits-mlp", spec=spec, total_trials=8)
    sweep = store.sweep(sweep_id)
    assert (sweep.id, sweep.name, sweep.task) == (sweep_id, "ünïcode", "digits-mlp")
    assert sweep.spec == spec
    assert list(sweep.spec) == list(spec)
    assert (sweep.status, sweep.trials, sweep.total_trials) == (Status.QUEUED, 0, 8)
    assert sweep.started is sweep.ended is sweep.error is sweep.mlflow is sweep.steps_per_epoch is None
    assert not sweep.cancel_requested
    assert sweep.created.tzinfo is UTC
    assert abs(datetime.now(UTC) - sweep.created) < timedelta(minutes=1)


def test_ids_are_short_and_easy_to_type(store: Store) -> None:
    assert all(len(sweep_id) == 8 and sweep_id.islower() for sweep_id in [add(store) for _ in range(20)])


def test_a_spec_that_json_would_change_is_refused(store: Store) -> None:
    with pytest.raises(UserError, match=r"task\.args: the key 0"):
        store.create_sweep(name="x", task="y", spec={"task": {"args": {0: "cat"}}}, total_trials=1)
    assert store.sweeps() == []


def test_sweeps_are_found_by_id_by_its_beginning_and_as_last(store: Store) -> None:
    first, second = add(store), add(store)
    assert store.resolve(first) == first
    assert store.resolve("last") == second
    # Two random ids may begin alike.
    beginning = next(first[:size] for size in range(1, 9) if not second.startswith(first[:size]))
    assert store.resolve(beginning) == first
    assert store.resolve(beginning.upper()) == first


def test_an_ambiguous_beginning_names_what_it_may_mean(store: Store) -> None:
    # More sweeps than letters: some two share their first.
    ids = [add(store) for _ in range(40)]
    letter = next(i[0] for i in ids if sum(other.startswith(i[0]) for other in ids) > 1)
    with pytest.raises(UserError, match=f"'{letter}' is the beginning of more than one sweep: {letter}"):
        store.resolve(letter)


def test_an_unknown_sweep_is_told_with_the_nearest_and_how_to_see_all(store: Store) -> None:
    with pytest.raises(UserError, match="no sweep in this store yet"):
        store.resolve("last")
    sweep_id = add(store)
    near = sweep_id[:-1] + ("a" if sweep_id[-1] != "a" else "b")
    with pytest.raises(UserError, match=f"no sweep '{near}'; did you mean '{sweep_id}'.*lrsweep list"):
        store.resolve(near)
    for ref in ("", "%", "_" * 8):
        with pytest.raises(UserError, match="there is no sweep"):
            store.resolve(ref)
    with pytest.raises(UserError, match="there is no sweep 'nowhere'"):
        store.sweep("nowhere")


def test_the_list_is_newest_first_and_pages(store: Store) -> None:
    ids = [add(store) for _ in range(5)]
    assert [sweep.id for sweep in store.sweeps()] == ids[::-1]
    assert [sweep.id for sweep in store.sweeps(limit=2, before=ids[4])] == [ids[3], ids[2]]


def test_the_list_counts_ended_trials_in_one_query(store: Store, make) -> None:
    for count in range(3):
        recorder = store.recorder(add(store))
        for number in range(3):
            recorder.proposed(make.proposal(number))
        for number in range(count):
            recorder.ended(number, make.ended(Outcome.PRUNED), 0.5)
    queries = []
    event.listen(store._engine, "before_cursor_execute", lambda *args: queries.append(args[2]))
    assert [sweep.trials for sweep in store.sweeps()] == [2, 1, 0]
    assert len([query for query in queries if query.startswith("SELECT")]) == 1


def test_the_probe_tells_the_steps_per_epoch(store: Store, sweep_id: str, recorder: StoreRecorder) -> None:
    recorder.probed(TaskInfo(steps_per_epoch=23))
    assert store.sweep(sweep_id).steps_per_epoch == 23
    recorder.probed(TaskInfo(steps_per_epoch=None))
    assert store.sweep(sweep_id).steps_per_epoch is None
