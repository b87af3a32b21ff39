"""Real coordinators whose sweeps train on Ray: on a cluster that runs already, or on one of each sweep's own."""

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from benchmarks.chaos.verdict import curves
from service.records import Status
from service.store import Store
from sweeps.records import Outcome
from tests.service.coordinator.live import coordinator, submit, wait_for

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture
def store(here: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{here}/.lrsweep/lrsweep.db") as store:
        yield store


@pytest.fixture
def token(ray_address: str) -> Mapping[str, str]:
    """What a coordinator must know to be let into the session's cluster: its token, and that it is on loopback only."""
    return {name: value for name, value in os.environ.items() if name.startswith("RAY_")}


@pytest.mark.parametrize("joins", [True, False], ids=["--address", "--runner ray"])
def test_told_to_stop_it_stops_within_an_epoch_and_another_goes_on_as_if_nothing_had_been(
    store: Store, here: Path, joins: bool, ray_address: str, token: Mapping[str, str]
) -> None:
    where = ["--address", ray_address] if joins else ["--runner", "ray"]
    # An epoch lasts a second.
    given = {"task": {"pause": 0.2}, "budget": {"epochs": 8}, "optimizers": [{"SGD": {"lr": [0.01], "momentum": 0.9}}]}
    sweep_id = submit(store, here, **given, trials=1)
    with coordinator(here, *where, **token) as old:
        wait_for(lambda: len(store.reports(sweep_id)) >= 2, seconds=240)
        before = len(store.reports(sweep_id))
        old.send_signal(signal.SIGTERM)
        _, said = old.communicate(timeout=60)
    assert old.returncode == 0
    assert "event=killed" not in said
    assert store.sweep(sweep_id).status is Status.INTERRUPTED
    # One that was under way, and one that had begun by the time the worker heard of it.
    assert before <= len(store.reports(sweep_id)) <= min(before + 2, 7)
    assert len(list((here / ".lrsweep" / "checkpoints" / sweep_id).iterdir())) == 1

    undisturbed = submit(store, here, **given, trials=1)
    with coordinator(here, *where, "--once", **token) as new:
        _, said = new.communicate(timeout=240)
    assert [store.sweep(each).status for each in (sweep_id, undisturbed)] == [Status.DONE] * 2, said
    assert curves(store, sweep_id) == curves(store, undisturbed)
    # No epoch was trained twice, or its row would be younger than the next one's.
    reports = store.reports(sweep_id)
    assert [report.epoch for report in sorted(reports, key=lambda report: report.id)] == list(range(1, 9))


def test_a_trial_that_always_kills_its_worker_fails_and_the_others_do_not(
    store: Store, here: Path, ray_address: str, token: Mapping[str, str]
) -> None:
    # At 50 the loss explodes within an epoch, and takes the worker with it.
    sweep_id = submit(store, here, task={"kills": 1e6}, optimizers=[{"SGD": {"lr": [0.01, 50.0], "momentum": 0}}])
    with coordinator(here, "--address", ray_address, "--once", **token) as process:
        _, said = process.communicate(timeout=240)
    outcomes = {trial.proposal.initial_lr: trial for trial in store.trials(sweep_id)}
    assert outcomes[0.01].outcome is Outcome.COMPLETE
    assert outcomes[50.0].outcome is Outcome.FAILED
    assert str(outcomes[50.0].error).startswith("tried 3 times; its worker died: ")
    assert store.sweep(sweep_id).status is Status.DONE
    # The sweep's own process was not concerned.
    assert said.count("event=took") == 1


def test_a_task_that_always_kills_its_worker_fails_the_sweep(
    store: Store, here: Path, ray_address: str, token: Mapping[str, str]
) -> None:
    sweep_id = submit(store, here, task={"kills": 0.0})
    with coordinator(here, "--address", ray_address, "--once", **token) as process:
        _, said = process.communicate(timeout=240)
    sweep = store.sweep(sweep_id)
    assert sweep.status is Status.FAILED
    assert str(sweep.error).startswith("3 workers died one after another while they tried its first batch")
    assert said.count("event=took") == 1
