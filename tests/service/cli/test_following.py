"""Following a sweep says the same of it whether its store or a server is asked, and asks for little."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.cli.following import Shown
from service.cli.main import invoke
from service.cli.progress import LineWatcher, Watcher
from service.records import Status
from service.store import Store
from sweeps.records import Outcome, Proposal
from sweeps.specfile import parse_spec
from tests.service.api.conftest import SPEC, fill, serving
from tests.service.store.conftest import Make

make = Make()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.chdir(tmp_path)
    for name in ("LRSWEEP_STORE", "LRSWEEP_HOME", "LRSWEEP_SERVER", "LRSWEEP_TOKEN", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    with Store.open(f"sqlite:///{tmp_path}/shared.db") as store:
        yield store


class Spied(LineWatcher):
    """Says when it is told of a trial."""

    def __init__(self) -> None:
        super().__init__(parse_spec(SPEC))
        self.told: list[tuple[str, int]] = []

    def proposed(self, proposal: Proposal) -> None:
        self.told.append(("proposed", proposal.number))
        super().proposed(proposal)

    def ended(self, number_: int, *args: Any) -> None:
        self.told.append(("ended", number_))
        super().ended(number_, *args)


def train(store: Store, sweep_id: str, number: int) -> None:
    recorder = store.recorder(sweep_id)
    recorder.proposed(make.proposal(number, initial_lr=0.1))
    for epoch in (1, 2):
        recorder.reported([(number, make.report(epoch), 1.0 / epoch)])
    recorder.ended(number, make.ended(Outcome.COMPLETE), 0.5)


def begin(store: Store) -> str:
    record, _ = store.submit(name="small", task="quadratic", spec=SPEC, total_trials=3)
    store.claim(record.id, "1@there", 60)
    store.recorder(record.id).range_tested(make.range_test())
    return record.id


@pytest.mark.parametrize("place", ["--store", "--server"])
def test_watch_follows_a_running_sweep_to_its_end(
    store: Store, place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep_id = begin(store)
    train(store, sweep_id, 0)
    first_is_said = threading.Event()
    said = LineWatcher.say

    def heard(self: Watcher, message: str) -> None:
        said(self, message)
        if message.startswith("trial 0 "):
            first_is_said.set()

    monkeypatch.setattr(LineWatcher, "say", heard)

    def rest() -> None:
        assert first_is_said.wait(timeout=60)
        for number in (1, 2):
            train(store, sweep_id, number)
        store.recorder(sweep_id).picked([make.pick()])
        store.finish(sweep_id, Status.DONE)

    trainer = threading.Thread(target=rest)
    trainer.start()
    with serving(store) as url:
        code = invoke(["watch", "last", place, store.url if place == "--store" else url])
    trainer.join()
    said_here = capsys.readouterr()
    assert code == 0, said_here.err
    lines = said_here.err.splitlines()
    assert lines[0] == f"watching sweep {sweep_id}; Ctrl-C leaves it running"
    trials = [line[:14] for line in lines if line.startswith("trial ")]
    assert trials == ["trial 0 (1/3) ", "trial 1 (2/3) ", "trial 2 (3/3) "]
    assert sum(line.startswith("range test SGD:") for line in lines) == 1
    assert lines[1].startswith("range test SGD:"), "before the trials, whose LRs it bounds"
    assert lines[-1] == f"sweep {sweep_id} is DONE: 3 of 3 trials ended"
    assert "Best initial LR per optimizer and scheduler" in said_here.out


@pytest.mark.parametrize("status", [Status.DONE, Status.FAILED, Status.CANCELLED])
def test_a_server_tells_of_a_sweep_that_is_over_what_its_store_tells(
    store: Store, status: Status, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep_id = fill(store, status=status)
    here = (invoke(["watch", sweep_id, "--store", store.url]), capsys.readouterr())
    with serving(store) as url:
        there = (invoke(["watch", sweep_id, "--server", url]), capsys.readouterr())
    assert here == there
    assert here[0] == (0 if status is Status.DONE else 1)
    assert "trial 0 (1/3)" in here[1].err


def test_of_trials_that_are_over_none_is_asked_for_singly(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep_id, watcher = fill(store), Spied()
    monkeypatch.setattr(Store, "trial", None)
    show = Shown(store, sweep_id, watcher, "val/loss")
    show.begin()
    over = list(watcher.told)
    numbers = {number for _, number in over}
    assert numbers == {0, 1}
    for report in store.reports(sweep_id):
        if report.number in numbers:
            show.report(report)
    for trial in store.ended_trials(sweep_id):
        show.end(trial)
    assert watcher.told == over


def test_a_trial_that_is_retried_is_shown_again(store: Store) -> None:
    sweep_id, watcher = begin(store), Spied()
    show = Shown(store, sweep_id, watcher, "val/loss")
    recorder = store.recorder(sweep_id)
    recorder.proposed(make.proposal(0, initial_lr=0.1))
    recorder.reported([(0, make.report(1), 1.0)])
    recorder.ended(0, make.ended(Outcome.FAILED, error="boom"), None)
    show.begin()
    assert watcher.told == [("proposed", 0), ("ended", 0)]
    store.reset_failed(sweep_id)
    recorder.reported([(0, make.report(1), 1.0)])
    for report in store.reports(sweep_id):
        show.report(report)
    assert 0 in watcher.running
    recorder.ended(0, make.ended(Outcome.COMPLETE), 0.5)
    for trial in store.ended_trials(sweep_id):
        show.end(trial)
    assert watcher.told == [("proposed", 0), ("ended", 0)] * 2
