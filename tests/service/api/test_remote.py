"""The command line against a real server: the same words and documents as against the store itself."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from service.cli.following import Shown, follow_server
from service.cli.main import invoke
from service.cli.progress import LineWatcher
from service.records import Scope, Status
from service.remote.archive import RemoteArchive
from service.remote.http import Connection
from service.store import Conflict, NotFound, Store
from sweeps.errors import EnvironmentFailure, SpecError, UserError
from sweeps.records import Outcome
from sweeps.rules import apply_rules
from sweeps.specfile import parse_spec
from tests.service.api.conftest import SPEC, fill, serving
from tests.service.cli.conftest import clean_environment, command
from tests.service.store.conftest import Make

make = Make()


@dataclass(frozen=True)
class Place:
    """A store, a server over it that asks for tokens, and one of scope submit."""

    store: Store
    url: str
    token: str


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """What a user's environment names: a server and a token, and no store of their own."""
    monkeypatch.chdir(tmp_path)
    for name in ("LRSWEEP_STORE", "LRSWEEP_HOME", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    with Store.open(f"sqlite:///{tmp_path}/server.db") as store, serving(store, anonymous=False) as url:
        token = store.create_token("ann", Scope.SUBMIT)
        monkeypatch.setenv("LRSWEEP_TOKEN", token)
        monkeypatch.setenv("LRSWEEP_SERVER", url)
        yield Place(store=store, url=url, token=token)


Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command line in this process: exit code, standard output, standard error."""

    def run(*args: str) -> tuple[int, str, str]:
        code = invoke(list(args))
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.mark.parametrize(
    "args",
    [
        ("list",),
        ("list", "--json"),
        ("list", "-n", "1", "--json"),
        ("show",),
        ("show", "--json"),
        ("show", "last", "--json"),
        ("pick",),
        ("pick", "--json"),
        ("pick", "--optimizer", "SGD", "--json"),
        ("pick", "--format", "torch"),
        ("pick", "--rule", "all"),
        ("pick", "--rule", "all", "--json"),
        ("export",),
        ("export", "--format", "json"),
        ("cancel", "last", "--json"),
    ],
)
def test_a_server_says_what_its_store_says(place: Place, call: Call, args: tuple[str, ...]) -> None:
    fill(place.store)
    fill(place.store)
    here = call(*args, "--store", place.store.url)
    assert here[0] == 0, here
    assert call(*args) == here
    assert call(*args, "--server", place.url) == here


def test_archives_give_the_same_records(place: Place) -> None:
    sweep_id = fill(place.store)
    with Connection.open(place.url) as connection:
        remote = RemoteArchive(connection)
        assert remote.sweep(sweep_id) == place.store.sweep(sweep_id)
        assert remote.trials(sweep_id) == place.store.trials(sweep_id)
        assert remote.picks(sweep_id) == place.store.picks(sweep_id)
        assert remote.range_test_runs(sweep_id) == place.store.range_test_runs(sweep_id)
        assert remote.curve(sweep_id, 0) == place.store.curve(sweep_id, 0)
        there, here = remote.range_tests(sweep_id), place.store.range_tests(sweep_id)
        assert [apply_rules(test) for test in there] == [apply_rules(test) for test in here]
        assert [test.probe for test in there] == [test.probe for test in here]
        epochs = [
            (report.id, report.number, report.epoch, report.lrs, report.at) for report in remote.reports(sweep_id)
        ]
        assert epochs == [
            (each.id, each.number, each.epoch, each.lrs, each.at) for each in place.store.reports(sweep_id)
        ]
        with pytest.raises(NotFound):
            remote.sweep("nothere")
        with pytest.raises(Conflict):
            remote.requeue(sweep_id)
        with pytest.raises(SpecError) as caught:
            remote.submit({"task": "digit"})
        assert "task" in [problem.path for problem in caught.value.problems]


def test_long_lists_come_whole(place: Place) -> None:
    sweep_id = fill(place.store)
    for number in range(3, 1205):
        place.store.recorder(sweep_id).proposed(make.proposal(number, initial_lr=0.1))
    with Connection.open(place.url) as connection:
        remote = RemoteArchive(connection)
        assert [trial.proposal.number for trial in remote.trials(sweep_id)] == list(range(1205))
        for _ in range(2):
            place.store.create_sweep(name="a", task="digits", spec=SPEC, total_trials=1)
        assert [each.id for each in remote.sweeps(limit=2)] == [each.id for each in place.store.sweeps(limit=2)]


class Coordinator(threading.Thread):
    """Runs what is queued, as a coordinator that is restarted once would, without training anything."""

    def __init__(self, store: Store):
        super().__init__(daemon=True)
        self.store, self.status = store, Status.DONE

    def run(self) -> None:
        while not (queued := self.store.sweeps(status=Status.QUEUED)):
            time.sleep(0.02)
        sweep_id = queued[0].id
        self.store.claim(sweep_id, "1@there", 60)
        recorder = self.store.recorder(sweep_id)
        recorder.range_tested(make.range_test())
        self.store.finish(sweep_id, Status.INTERRUPTED)
        time.sleep(0.1)
        self.store.claim(sweep_id, "2@there", 60)
        for number in range(3):
            recorder.proposed(make.proposal(number, initial_lr=0.1))
            for epoch in (1, 2):
                recorder.reported([(number, make.report(epoch), 1.0)])
            recorder.ended(number, make.ended(Outcome.COMPLETE), 0.5)
        recorder.picked([make.pick()])
        self.store.finish(sweep_id, self.status)


def test_run_submits_follows_and_says_what_came_out(place: Place, call: Call, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(SPEC))
    Coordinator(place.store).start()
    code, out, err = call("run", "spec.yaml", "--trials", "3", "--json")
    assert code == 0, err
    document = json.loads(out)
    assert (document["status"], document["submitted_by"], len(document["trials"])) == ("DONE", "ann", 3)
    lines = err.splitlines()
    assert lines[0].startswith(f"sweep {document['sweep']} is on {place.url}")
    assert [line[:14] for line in lines if line.startswith("trial ")] == [
        "trial 0 (1/3) ",
        "trial 1 (2/3) ",
        "trial 2 (3/3) ",
    ]
    assert any(line.startswith("range test SGD:") for line in lines)
    assert lines[-1] == f"sweep {document['sweep']} is DONE: 3 of 3 trials ended"
    assert list(tmp_path.glob(".lrsweep*")) == []


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
def test_the_exit_code_says_how_it_ended(place: Place, call: Call, tmp_path: Path, status: Status) -> None:
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(SPEC))
    coordinator = Coordinator(place.store)
    coordinator.status = status
    coordinator.start()
    said = call("run", "spec.yaml")
    assert said[0] == 1
    assert f"is {status}" in said[2]


def test_resume_and_retry_queue_again_and_follow(place: Place, call: Call) -> None:
    sweep_id = fill(place.store, status=Status.INTERRUPTED)
    Coordinator(place.store).start()
    assert call("run", "--resume", sweep_id)[0] == 0
    assert call("retry", sweep_id)[0] == 2
    place.store.recorder(sweep_id).ended(1, make.ended(Outcome.FAILED, error="boom"), None)
    Coordinator(place.store).start()
    code, _, err = call("retry", "last")
    assert code == 0, err
    assert place.store.sweep(sweep_id).status is Status.DONE


def test_range_tests_alone_go_there_too(place: Place, call: Call) -> None:
    Coordinator(place.store).start()
    code, out, err = call("range-test", "--task", "quadratic", "--optimizer", "SGD")
    assert code == 0, err
    assert "SGD" in out
    assert place.store.sweeps()[0].total_trials == 0


def test_ctrl_c_leaves_the_sweep_there(place: Place, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(SPEC))
    environment = {**clean_environment(), "LRSWEEP_SERVER": place.url, "LRSWEEP_TOKEN": place.token}
    with subprocess.Popen(
        command("run", "spec.yaml"),
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "is on" in process.stderr.readline()
        time.sleep(0.3)
        os.kill(process.pid, signal.SIGINT)
        err = process.stderr.read()
    assert process.returncode == 130, err
    assert "goes on without you" in err
    assert "Traceback" not in err
    assert place.store.sweeps()[0].status is Status.QUEUED


def test_following_outlives_a_restart_of_the_server(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    sweep_id = fill(place.store)
    seen: list[tuple[str, int | None]] = []

    class Cut(Connection):
        """Is cut off within the first stream, refused the second, and left alone then."""

        streams = 0

        @contextmanager
        def stream(self, *path: Any, last: int) -> Iterator[Any]:
            self.streams += 1
            if self.streams == 2:
                raise httpx2.ConnectError("refused")
            with super().stream(*path, last=last) as events:
                yield self._some(events)

        def _some(self, events: Any) -> Iterator[Any]:
            for count, event in enumerate(events):
                if (self.streams, count) == (1, 3):
                    raise httpx2.ReadError("cut")
                seen.append(event[:2])
                yield event

    with Cut(place.url, place.token) as connection:
        archive = RemoteArchive(connection)
        watcher = LineWatcher(parse_spec(SPEC))
        follow_server(archive, sweep_id, Shown(archive, sweep_id, watcher, "val/loss"), patience=20)
    reports = [id for kind, id in seen if kind == "report"]
    assert reports == [report.id for report in place.store.reports(sweep_id)]
    assert watcher.outcomes == {Outcome.COMPLETE: 1, Outcome.DIVERGED: 1}
    said = capsys.readouterr().err
    for trial in place.store.trials(sweep_id):
        if trial.outcome is not None:
            assert f"{trial.outcome.value} after {trial.epochs} epoch" in said


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["list", "--server", "ftp://x"], "a server's URL is such as"),
        (["list", "--server", "http://ann:secret@host"], "a server's URL is such as"),
        (["list", "--store", "sqlite:///a.db", "--server", "http://127.0.0.1:1"], "leave one of them out"),
        (["show", "nothere"], "there is no sweep 'nothere'"),
        (["run", "--task", "digits", "--address", "x:1"], "leave --address out"),
        (
            ["run", "--task", "digits", "--runner", "inline", "--tracking-uri", "x"],
            "leave --runner, --tracking-uri out",
        ),
        (["run", "--task", "digit", "--optimizer", "SGD", "--epochs", "1", "--trials", "1"], "did you mean 'digits'?"),
        (
            ["run", "--task", "my.py:Task", "--optimizer", "SGD", "--epochs", "1", "--trials", "1"],
            "LRSWEEP_ALLOWED_TASKS",
        ),
        (["db", "sync"], "works on the store itself"),
        (["token", "list"], "works on the store itself"),
    ],
)
def test_mistakes(place: Place, call: Call, args: list[str], words: str) -> None:
    code, _, err = call(*args)
    assert code == 2
    assert words in err.replace("\n", " ")
    assert "secret" not in err


def test_what_the_server_thinks_of_the_token(place: Place, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep_id = fill(place.store, status=None)
    monkeypatch.setenv("LRSWEEP_TOKEN", place.store.create_token("eve", Scope.READ))
    code, _, err = call("cancel", sweep_id)
    assert (code, "the scope read" in err) == (2, True)
    monkeypatch.setenv("LRSWEEP_TOKEN", "wrong")
    code, _, err = call("list")
    assert (code, "LRSWEEP_TOKEN" in err) == (2, True)


def test_a_server_that_is_away_or_is_no_such_server(place: Place, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = call("list", "--server", "http://127.0.0.1:1")
    assert (code, "cannot be reached" in err) == (1, True)
    with Connection("http://127.0.0.1:1", None) as connection:
        gone = RemoteArchive(connection)
        show = Shown(gone, "x", LineWatcher(parse_spec(SPEC)), "val/loss")
        with pytest.raises(EnvironmentFailure, match="away for 0 seconds"):
            follow_server(gone, "x", show, patience=0.0)
    with Connection(f"{place.url}/elsewhere", None) as other, pytest.raises(UserError, match="nothing at /elsewhere"):
        RemoteArchive(other).sweeps()
