"""Real coordinators and real sweeps: stopped, taken over, and harmed by what they train."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from service.records import Status
from service.store import Store
from service.store.tables import SweepRow
from sweeps.records import Outcome
from tests.service.cli.conftest import clean_environment, command
from tests.service.coordinator.live import TASK, coordinator, submit, wait_for


@pytest.fixture
def store(here: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{here}/.lrsweep/lrsweep.db") as store:
        yield store


@pytest.mark.slow
def test_a_rolling_upgrade_hands_the_sweep_over(store: Store, here: Path) -> None:
    sweep_id = submit(store, here, task={"pause": 0.05}, budget={"epochs": 20})
    with coordinator(here) as old:
        wait_for(lambda: len(store.reports(sweep_id)) >= 3)
        with coordinator(here, "--once") as new:
            # It looks before the sweep is given back, and waits for it.
            assert new.stderr is not None
            assert "event=started" in new.stderr.readline()
            old.send_signal(signal.SIGTERM)
            _, said = old.communicate(timeout=60)
            assert old.returncode == 0
            assert "event=stopped" in said
            before = store.trial(sweep_id, 0)
            assert before.epochs >= 3
            new.communicate(timeout=180)
    sweep = store.sweep(sweep_id)
    assert (sweep.status, sweep.trials) == (Status.DONE, 2)
    assert sweep.mlflow is not None
    # It went on from its checkpoint: no epoch was reported twice, or its row would be younger than the next one's.
    reports = [report for report in store.reports(sweep_id) if report.number == 0]
    assert [report.epoch for report in reports] == list(range(1, 21))
    assert [report.id for report in reports] == sorted(report.id for report in reports)


@pytest.mark.slow
def test_a_coordinator_that_is_killed_takes_its_sweeps_with_it_and_another_goes_on(store: Store, here: Path) -> None:
    sweep_id = submit(store, here, task={"pause": 0.02})
    with coordinator(here) as old:
        wait_for(lambda: len(store.reports(sweep_id)) >= 2)
        old.kill()
        with coordinator(here, "--once") as new:
            wait_for(lambda: f"{new.pid}" in parents_of_owner(store, sweep_id), seconds=30)
            new.communicate(timeout=180)
    sweep = store.sweep(sweep_id)
    assert (sweep.status, sweep.trials) == (Status.DONE, 2)


@pytest.mark.slow
def test_a_sweep_deep_in_an_epoch_is_anothers_within_half_a_minute(store: Store, here: Path) -> None:
    (here / "task.py").write_text(
        TASK.replace("time.sleep(self.pause)", "open('asleep', 'w').close(); time.sleep(600)")
    )
    sweep_id = submit(store, here)
    with coordinator(here) as old:
        wait_for((here / "asleep").exists)
        old.kill()
        with coordinator(here, "--grace", "1") as new:
            wait_for(lambda: f"{new.pid}" in parents_of_owner(store, sweep_id), seconds=30)
            new.terminate()
            new.communicate(timeout=30)
    with store.read() as session:
        sweep = session.scalars(select(SweepRow).where(SweepRow.id == sweep_id)).one()
        # Neither end of its process was the sweep's fault.
        assert (sweep.status, sweep.owner, sweep.deaths) == (Status.INTERRUPTED, None, 0)


def parents_of_owner(store: Store, sweep_id: str) -> list[str]:
    """The process whose child runs a sweep, as long as one does."""
    with store.read() as session:
        owner = session.scalar(select(SweepRow.owner).where(SweepRow.id == sweep_id))
    if owner is None:
        return []
    try:
        return [Path(f"/proc/{owner.partition('@')[0]}/stat").read_text().rpartition(")")[2].split()[1]]
    except OSError:
        return []


@pytest.mark.slow
def test_a_trial_that_always_kills_its_process_fails_and_the_others_do_not(store: Store, here: Path) -> None:
    # At 50 the loss explodes within an epoch, and takes the process with it.
    sweep_id = submit(store, here, task={"kills": 1e6}, optimizers=[{"SGD": {"lr": [0.01, 50.0], "momentum": 0}}])
    with coordinator(here, "--once") as process:
        _, said = process.communicate(timeout=240)
    outcomes = {trial.proposal.initial_lr: trial for trial in store.trials(sweep_id)}
    assert outcomes[0.01].outcome is Outcome.COMPLETE
    assert outcomes[50.0].outcome is Outcome.FAILED
    assert "tried 3 times; each time the process that trained it died" in str(outcomes[50.0].error)
    assert store.sweep(sweep_id).status is Status.DONE
    assert len(re.findall("event=took", said)) == 4

    (here / "task.py").write_text(TASK.replace("os._exit(7)", "pass"))
    again = subprocess.run(command("retry", sweep_id, "--failed"), cwd=here, env=clean_environment(), check=False)
    assert again.returncode == 0
    assert store.trial(sweep_id, outcomes[50.0].proposal.number).epochs > 0
    assert not [trial for trial in store.trials(sweep_id) if trial.outcome is Outcome.FAILED]


@pytest.mark.slow
def test_a_spec_that_cannot_run_is_failed_with_the_reason(store: Store, here: Path) -> None:
    sweep_id = submit(store, here)
    (here / "task.py").unlink()
    with coordinator(here, "--once") as process:
        process.communicate(timeout=60)
    sweep = store.sweep(sweep_id)
    assert sweep.status is Status.FAILED
    assert "task.py" in str(sweep.error)


def test_the_supervisor_loads_neither_torch_nor_ray_nor_optuna() -> None:
    code = (
        "import sys, json, service.cli.coordinator, service.coordinator.supervisor, service.coordinator.serve, "
        "service.coordinator.capacity, service.store; "
        "print(json.dumps([name for name in ('torch', 'ray', 'optuna', 'mlflow') if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
