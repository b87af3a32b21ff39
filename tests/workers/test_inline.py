"""The runner in this process trains one job at a time and heeds every word before the next epoch."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from sweeps.errors import TaskError, UserError
from sweeps.lanerecords import LanePlan
from sweeps.records import Budget, Ended, Event, Job, Lost, Outcome, Report, Started, Stop
from tests.workers.small import Regression, a_job, hear, prepared, train
from tests.workers.test_function_trial import own_loop
from workers.inline import InlineRunner


def runner_for(task: Any = None) -> InlineRunner:
    runner = InlineRunner(lambda: task or Regression())
    runner.open(LanePlan())
    return runner


def listen(runner: InlineRunner, word: Callable[[Event], None] = lambda event: None) -> list[Event]:
    """All events until no job is left; `word` is said after each."""
    heard: list[Event] = []
    while not runner.room():
        for event in runner.events(0.0):
            heard.append(event)
            word(event)
    return heard


def run(runner: InlineRunner, job: Job) -> list[Event]:
    runner.submit([job])
    return listen(runner)


def ending(events: list[Event]) -> Ended:
    assert isinstance(events[-1], Ended)
    return events[-1]


def test_jobs_run_one_after_another_and_say_what_they_would_say_alone() -> None:
    runner = runner_for()
    for seed in (1, 2, 1):
        job = a_job(key=f"trial {seed}", seed=seed)
        assert runner.room()
        runner.submit([job])
        assert not runner.room()
        started, *middle, ended = listen(runner)
        assert started == Started(key=job.key)
        assert ended == Ended(key=job.key, outcome=Outcome.COMPLETE)
        alone = hear(train(prepared(), job)).reports
        assert [event.step_losses for event in middle if isinstance(event, Report)] == [
            report.step_losses for report in alone
        ]
    assert runner.room()


def test_without_a_job_nothing_happens() -> None:
    assert list(runner_for().events(0.0)) == []


@pytest.mark.parametrize(
    ("reason", "ended"),
    [
        (Stop.PRUNED, Ended(key="trial 0", outcome=Outcome.PRUNED)),
        (Stop.CANCELLED, Ended(key="trial 0", outcome=Outcome.CANCELLED)),
        (Stop.INTERRUPTED, Ended(key="trial 0", outcome=Outcome.CANCELLED, interrupted=True)),
    ],
    ids=lambda each: str(each) if isinstance(each, Stop) else "",
)
@pytest.mark.parametrize("epoch", [1, 2])
@pytest.mark.parametrize("task", [Regression(), own_loop], ids=["task", "function"])
def test_a_stop_that_follows_a_report_ends_the_job_there(task: Any, epoch: int, reason: Stop, ended: Ended) -> None:
    runner = runner_for(task)

    def word(event: Event) -> None:
        if isinstance(event, Report) and event.epoch == epoch:
            runner.stop(event.key, reason)

    runner.submit([a_job(rungs=(1, 2))])
    heard = listen(runner, word)
    assert heard[-1] == ended
    assert sum(isinstance(event, Report) for event in heard) == epoch


def test_a_word_to_go_on_at_a_rung_lets_it_train_on() -> None:
    runner = runner_for()
    runner.submit([a_job(rungs=(1, 2))])
    heard = listen(runner, lambda event: runner.go_on(event.key))
    assert heard[-1] == Ended(key="trial 0", outcome=Outcome.COMPLETE)


def test_a_stop_before_the_first_epoch_ends_the_job_after_it() -> None:
    runner = runner_for()
    runner.submit([a_job()])
    runner.stop("trial 0", Stop.CANCELLED)
    runner.stop("trial 0", Stop.PRUNED)
    assert [type(event) for event in listen(runner)] == [Started, Report, Ended]


def test_the_first_reason_to_stop_counts_and_is_forgotten_with_its_job() -> None:
    runner = runner_for()
    runner.submit([a_job()])
    runner.stop("trial 0", Stop.INTERRUPTED)
    runner.stop("trial 0", Stop.PRUNED)
    assert ending(listen(runner)).interrupted
    assert ending(run(runner, a_job())) == Ended(key="trial 0", outcome=Outcome.COMPLETE)


def test_a_job_that_fails_leaves_the_runner_fit_for_the_next() -> None:
    class OnceFails(Regression):
        calls = 0

        def loss(self, model: Any, batch: Any) -> Any:
            # Of all trials: what `self` counts is each trial's own.
            OnceFails.calls += 1
            if OnceFails.calls == 5:
                raise OSError("the camera is gone")
            return super().loss(model, batch)

    runner = runner_for(OnceFails())
    failed = ending(run(runner, a_job()))
    assert failed.outcome is Outcome.FAILED
    assert failed.error is not None
    assert failed.error.endswith("OSError: the camera is gone\n")
    assert ending(run(runner, a_job(key="trial 1"))) == Ended(key="trial 1", outcome=Outcome.COMPLETE)


def test_the_task_is_made_once_and_its_data_loaded_once() -> None:
    calls = {"made": 0, "loaded": 0}

    class Counting(Regression):
        def data(self) -> Any:
            calls["loaded"] += 1
            return super().data()

    def make() -> Counting:
        calls["made"] += 1
        return Counting()

    runner = InlineRunner(make)
    assert calls == {"made": 0, "loaded": 0}
    runner.probe()
    run(runner, a_job())
    run(runner, a_job(key="trial 1"))
    assert calls == {"made": 1, "loaded": 1}


def test_a_task_is_probed_by_one_batch_and_a_function_by_none() -> None:
    info = runner_for().probe()
    assert (info.steps_per_epoch, info.metrics) == (3, ("train/loss", "val/loss", "val/mae"))
    info = runner_for(own_loop).probe()
    assert (info.steps_per_epoch, info.metrics, info.device) == (None, (), "cpu")


class Broken(Regression):
    """Raises in one of its methods."""

    def __init__(self, where: str, error: Exception):
        super().__init__()

        def fail(*args: Any) -> Any:
            raise error

        setattr(self, where, fail)


@pytest.mark.parametrize("where", ["model", "data", "loss", "metrics"])
def test_a_task_that_fails_on_its_first_batch_says_so_with_its_own_error(where: str) -> None:
    with pytest.raises(TaskError) as raised:
        runner_for(Broken(where, OSError("the camera is gone"))).probe()
    assert raised.value.summary == "the task failed on its first batch: OSError('the camera is gone')"
    assert raised.value.traceback.endswith("OSError: the camera is gone\n")


def test_a_mistake_of_the_users_is_passed_on_as_it_is() -> None:
    with pytest.raises(UserError, match="no such folder"):
        runner_for(Broken("data", UserError("no such folder"))).probe()


def test_a_function_trains_like_a_task() -> None:
    events = run(runner_for(own_loop), a_job(budget=Budget(epochs=2)))
    assert [type(event) for event in events] == [Started, Report, Report, Ended]


def test_closing_gives_the_process_its_subnormal_numbers_back() -> None:
    tiny = torch.tensor(1e-40)
    runner = runner_for()
    assert (tiny * 1.0).item() == 0.0
    runner.close()
    assert (tiny * 1.0).item() > 0.0


def test_what_may_have_killed_its_process_trains_alone_and_then_all_lanes_go_on() -> None:
    runner = InlineRunner(Regression)
    runner.open(LanePlan(count=3, most=3, reach=3))
    runner.submit([a_job(key="a", alone=True), a_job(key="b"), a_job(key="c", alone=True)])
    said = []
    while len([event for event in said if isinstance(event, Ended)]) < 3:
        assert runner.room() == 0
        said += runner.events(0.0)
    order = [(type(event), event.key) for event in said if isinstance(event, Started | Ended)]
    assert order == [(kind, key) for key in "bac" for kind in (Started, Ended)]
    assert runner.room() == 3


def test_a_sweep_that_is_left_does_not_begin_what_would_train_alone() -> None:
    runner = InlineRunner(Regression)
    runner.open(LanePlan(count=2, most=2, reach=2))
    runner.submit([a_job(key="a", alone=True), a_job(key="b", alone=True)])
    runner.events(0.0)
    for key in "ab":
        runner.stop(key, Stop.INTERRUPTED)
    said = [event for _ in range(3) for event in runner.events(0.0)]
    assert Lost(key="b", reason="it was stopped") in said
    assert Ended(key="a", outcome=Outcome.CANCELLED, interrupted=True) in said
    assert runner.room() == 2


@pytest.mark.parametrize("method", ["loss", "metrics", "model"])
def test_a_task_that_leaves_python_fails_its_trial_and_not_the_sweep(method: str) -> None:
    class Leaving(Regression):
        calls = 0

    def leave(self: Any, *args: Any) -> Any:
        Leaving.calls += 1
        if Leaving.calls == 3:
            raise SystemExit(0)
        return getattr(Regression, method)(self, *args)

    setattr(Leaving, method, leave)
    runner = runner_for(Leaving())
    outcomes = [ending(run(runner, a_job(key=f"trial {number}"))) for number in range(4)]
    [failed] = [each for each in outcomes if each.outcome is Outcome.FAILED]
    assert failed.error is not None
    assert failed.error.startswith(f"the task's {method}() left with SystemExit(0)")
    assert "in leave" in failed.error


def test_data_that_leave_python_are_an_error_of_the_tasks() -> None:
    class Leaving(Regression):
        def data(self) -> Any:
            raise SystemExit("no data set")

    with pytest.raises(TaskError, match=r"data\(\) left with SystemExit"):
        InlineRunner(Leaving).probe()
