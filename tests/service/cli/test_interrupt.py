"""Leaving a sweep and coming back to it, through the real command line."""

import fcntl
import os
import shutil
import signal
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from service.store import Store
from tests.service.cli.conftest import Cli, alone, clean_environment, command

TASK = """
import time
import torch
from torch import nn

class Task:
    batch_size = 8
    def model(self):
        return nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.2), nn.Linear(4, 1))
    def data(self):
        x = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
        return (x, x.sum(1, keepdim=True)), (x, x.sum(1, keepdim=True))
    def loss(self, model, batch):
        time.sleep(0.002)
        x, y = batch
        return ((model(x) - y) ** 2).mean()
"""

SPEC = """
task: task.py:Task
budget: {epochs: 8}
optimizers: [SGD, AdamW]
schedulers: [none, ReduceLROnPlateau]
sampler: {name: tpe, startup_trials: 4}
pruner: {name: asha, first_rung: 2}
trials: 14
range_test: {steps: 30, seeds: 2}
"""


def prepare(folder: Path) -> Path:
    (folder / "task.py").write_text(TASK)
    (folder / "spec.yaml").write_text(SPEC)
    return folder


@pytest.fixture
def sweep_here(here: Path) -> Path:
    return prepare(here)


def heed_hangups() -> None:
    """In a new process: the tests themselves may run under nohup, which it would inherit."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def take_terminal() -> None:
    """In a new process: its standard input is the terminal that controls it."""
    heed_hangups()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextmanager
def running(here: Path, *args: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command(*args),
        cwd=here,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_hangups,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(here: Path, condition: Callable[[Store, str], bool]) -> None:
    """Waits until the newest sweep of the store is as wanted."""
    with Store.open(f"sqlite:///{here}/.lrsweep/lrsweep.db") as store:
        for _ in range(2400):
            if (sweeps := store.sweeps(limit=1)) and condition(store, sweeps[0].id):
                return
            time.sleep(0.05)
    pytest.fail("the sweep did not come that far within two minutes")


def curves(here: Path) -> dict[int, str]:
    """Everything that training left, by trial; as text, in which a NaN equals itself."""
    with Store.open(f"sqlite:///{here}/.lrsweep/lrsweep.db") as store:
        sweep_id = store.resolve("last")
        return {
            trial.proposal.number: repr(
                (trial.proposal, trial.outcome, trial.value, store.curve(sweep_id, trial.proposal.number))
            )
            for trial in store.trials(sweep_id)
        }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, fresh_home: Path) -> dict[int, str]:
    """What the sweep comes to when it is left alone."""
    folder = tmp_path_factory.mktemp("undisturbed")
    shutil.copytree(fresh_home, folder / ".lrsweep")
    said = alone(prepare(folder), "run", "spec.yaml", "--runner", "inline")
    assert said.code == 0, said.err
    return curves(folder)


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_sweep_that_is_left_goes_on_as_if_nothing_had_happened(
    process_cli: Cli, sweep_here: Path, undisturbed: dict[int, str], sign: signal.Signals
) -> None:
    with running(sweep_here, "run", "spec.yaml", "--runner", "inline", "--name", "left") as process:
        wait_for(sweep_here, lambda store, sweep: store.sweep(sweep).name == "left" and store.sweep(sweep).trials >= 4)
        process.send_signal(sign)
        _, said = process.communicate(timeout=60)
    if sign != signal.SIGKILL:
        assert process.returncode == 130
        assert "lrsweep run --resume" in said
        assert process_cli("list", "--json").document[0]["status"] == "INTERRUPTED"
    assert len(process_cli("show", "last", "--json").document["trials"]) < 14
    again = process_cli("run", "--resume", "last", "--runner", "inline")
    assert again.code == 0, again.err
    assert "(14/14)" in again.err
    assert curves(sweep_here) == undisturbed


@contextmanager
def in_a_terminal(*args: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A command in a terminal of its own, and that terminal, which is read without waiting."""
    ours, terminal = os.openpty()
    os.set_blocking(ours, False)
    process = subprocess.Popen(
        args,
        cwd=folder,
        env=clean_environment(),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=take_terminal,
    )
    os.close(terminal)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize(("prefix", "status"), [((), "INTERRUPTED"), (("nohup",), "DONE")])
def test_a_terminal_that_closes_stops_a_sweep_that_was_not_told_to_outlive_it(
    prefix: tuple[str, ...], status: str, process_cli: Cli, sweep_here: Path
) -> None:
    args = (*prefix, *command("run", "spec.yaml", "--runner", "inline"))
    with in_a_terminal(*args, folder=sweep_here) as (process, terminal):

        def has_come_far(store: Store, sweep: str) -> bool:
            # There is nothing new, or nohup has turned everything away from the terminal.
            with suppress(OSError):
                os.read(terminal, 1 << 20)
            return store.sweep(sweep).trials >= 2

        wait_for(sweep_here, has_come_far)
        os.close(terminal)
        process.wait(timeout=60)
    assert process_cli("list", "--json").document[0]["status"] == status


@pytest.mark.slow
def test_cancel_stops_a_running_sweep_and_keeps_what_was_done(process_cli: Cli, sweep_here: Path) -> None:
    with running(sweep_here, "run", "spec.yaml", "--runner", "inline", "--trials", "500") as process:
        wait_for(sweep_here, lambda store, sweep: store.sweep(sweep).trials >= 2)
        assert process_cli("cancel", "last").code == 0
        process.communicate(timeout=60)
    shown = process_cli("show", "last", "--json").document
    assert shown["status"] == "CANCELLED"
    assert all(trial["outcome"] for trial in shown["trials"])
    assert sum(trial["outcome"] == "COMPLETE" for trial in shown["trials"]) >= 2
    assert process_cli("run", "--resume", "last").code == 2


@pytest.mark.slow
def test_two_coordinators_do_not_run_one_sweep(process_cli: Cli, sweep_here: Path) -> None:
    with running(sweep_here, "run", "spec.yaml", "--runner", "inline", "--trials", "500"):
        wait_for(sweep_here, lambda store, sweep: store.sweep(sweep).trials >= 1)
        second = process_cli("run", "--resume", "last", "--runner", "inline")
    assert second.code == 2
    assert "is being run by" in second.err


def test_the_same_spec_and_seed_give_the_same_sweep(
    process_cli: Cli, sweep_here: Path, undisturbed: dict[int, str]
) -> None:
    assert process_cli("run", "spec.yaml", "--runner", "inline").code == 0
    assert curves(sweep_here) == undisturbed
    assert len(undisturbed) == 14


def listening() -> set[str]:
    """TCP addresses of this machine on which somebody listens beyond loopback, in the kernel's hexadecimal."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if state == "0A" and not local.split(":")[0].endswith(("0100007F", "01000000")):
                found.add(local)
    return found


@pytest.mark.ray
@pytest.mark.slow
def test_ctrl_c_in_a_terminal_stops_ray_workers_within_an_epoch(process_cli: Cli, sweep_here: Path) -> None:
    before = listening()
    # A terminal sends Ctrl-C to the whole process group, Ray's processes among it.
    process = subprocess.Popen(
        command("run", "spec.yaml", "--workers", "2"),
        cwd=sweep_here,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait_for(sweep_here, lambda store, sweep: store.sweep(sweep).trials >= 3)
        assert listening() <= before, "a local Ray listens beyond loopback"
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert process.returncode == 130, said
    assert "lrsweep run --resume" in said
    shown = process_cli("show", "last", "--json").document
    assert shown["status"] == "INTERRUPTED"
    assert not [trial for trial in shown["trials"] if trial["outcome"] == "FAILED"]
    again = process_cli("run", "--resume", "last")
    assert again.code == 0, again.err
    interrupted = curves(sweep_here)
    assert process_cli("run", "spec.yaml", "--runner", "inline").code == 0
    assert curves(sweep_here) == interrupted
