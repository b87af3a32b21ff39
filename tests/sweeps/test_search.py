"""The search records before it learns, tries again what was lost, and can be left and taken up at any event."""

import functools
import itertools
import math
from collections.abc import Callable, Generator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.failures import SweepFailed
from sweeps.objective import Objective
from sweeps.ports import Proposer
from sweeps.records import Ended, Event, Job, Lost, Outcome, Proposal, Report, Started, Stop, TrialResult
from sweeps.retrying import Retrying
from sweeps.search import Search
from sweeps.spec import PrunerSpec, SweepSpec, WorkersSpec
from tests.doubles import Life, MemoryRecorder, ScriptedRunner, a_result, a_spec
from tests.sweeps.simulation import EPOCHS, a_proposer, objective, simulated_spec

Log = list[tuple[Any, ...]]
STOPPED = {Stop.PRUNED: Outcome.PRUNED, Stop.CANCELLED: Outcome.CANCELLED, Stop.INTERRUPTED: Outcome.CANCELLED}


class ScriptedProposer:
    """Proposes so many trials, the first as starting points, prunes as it is told to, and notes what it hears."""

    def __init__(
        self, total: int, prunes: Callable[[int, int], bool] = lambda number, epoch: False, *, starts: int = 0
    ):
        self._total, self._prunes, self._starts = total, prunes, starts
        self._asked = 0
        self.log: Log = []
        self.judged: dict[tuple[int, int], float] = {}
        self.told: dict[int, TrialResult] = {}
        self.replayed: list[TrialResult] = []

    def ask(self) -> Proposal | None:
        if self.exhausted:
            return None
        self._asked += 1
        self.log.append(("asked", self._asked - 1))
        return a_result(self._asked - 1, None).proposal

    @property
    def exhausted(self) -> bool:
        return self._asked >= self._total

    @property
    def starting(self) -> bool:
        return self._asked < self._starts

    def report(self, number: int, epoch: int, value: float) -> bool:
        self.log.append(("judged", number, epoch))
        self.judged[number, epoch] = value
        return self._prunes(number, epoch)

    def tell(self, result: TrialResult) -> None:
        assert result.proposal.number not in self.told
        self.log.append(("told", result.proposal.number))
        self.told[result.proposal.number] = result

    def replay(self, history: Sequence[TrialResult]) -> None:
        self.replayed = list(history)
        self._asked = len(history)


def number_of(job: Job) -> int:
    return int(job.key.removeprefix("trial "))


def a_report(job: Job, epoch: int, metrics: dict[str, float]) -> Report:
    return Report(key=job.key, epoch=epoch, step=10 * epoch, metrics=metrics, lrs=(0.1,))


def trains(
    value: Callable[[int, int], float] = lambda number, epoch: 1 / epoch, *, epochs: int = EPOCHS, start: int = 0
) -> Life:
    """Every trial reports this objective for so many epochs, and stops where it is told to or where it is NaN."""

    def life(job: Job) -> Generator[Event, Stop | None, Ended]:
        yield Started(key=job.key, epoch=start)
        for epoch in range(start + 1, epochs + 1):
            now = value(number_of(job), epoch)
            metrics = {"train/loss": now} if math.isnan(now) else {"train/loss": now, "val/loss": now}
            stop = yield a_report(job, epoch, metrics)
            if math.isnan(now):
                return Ended(key=job.key, outcome=Outcome.DIVERGED)
            if stop is not None:
                return Ended(key=job.key, outcome=STOPPED[stop], interrupted=stop is Stop.INTERRUPTED)
        return Ended(key=job.key, outcome=Outcome.COMPLETE)

    return life


def fails(error: Callable[[int], str | None], otherwise: Life | None = None) -> Life:
    """Trials fail with this error after an epoch; those for which it is None train."""

    def life(job: Job) -> Generator[Event, Stop | None, Ended]:
        raised = error(number_of(job))
        if raised is None:
            return (yield from (otherwise or trains())(job))
        yield Started(key=job.key)
        yield a_report(job, 1, {"val/loss": 1.0})
        return Ended(key=job.key, outcome=Outcome.FAILED, error=f"Traceback ...\n  line\n{raised}\n")

    return life


class LanesInStep(ScriptedRunner):
    """One worker: its lanes all live one event further; what they say of it arrives in an order that is drawn."""

    def events(self, timeout: float) -> list[Event]:
        assert not any(map(self._waits, self._jobs))
        return [self._next(key) for key in self._pace.sample(list(self._jobs), len(self._jobs))]


class Sweep:
    """A search with everything around it."""

    def __init__(
        self,
        life: Life,
        proposer: Any,
        *,
        spec: SweepSpec | None = None,
        workers: int = 1,
        pace: int = 0,
        recorder: MemoryRecorder | None = None,
        runs_on: type[ScriptedRunner] = ScriptedRunner,
        lanes: int | None = None,
    ):
        self.log: Log = getattr(proposer, "log", [])
        self.runner = runs_on(life, workers=workers, pace=pace, log=self.log)
        self.recorder = recorder or MemoryRecorder()
        self.recorder.log = self.log
        self.spec = spec or a_spec(pruner=PrunerSpec(name="none"))
        self.search = Search(
            self.spec,
            Retrying(self.runner),
            self.recorder,
            proposer,
            epochs=EPOCHS,
            lanes=lanes or workers,
            checkpoints=None,
        )

    def run(self, wanted: Callable[[], Stop | None] = lambda: None) -> Stop | None:
        return self.search.run(wanted, 0.0)

    def outcomes(self) -> dict[int, Outcome | None]:
        return {result.proposal.number: result.outcome for result in self.search.results}


def asha(first_rung: int = 2, reduction_factor: int = 2) -> SweepSpec:
    return a_spec(pruner=PrunerSpec(name="asha", first_rung=first_rung, reduction_factor=reduction_factor))


def told_after(calls: int, stop: Stop) -> Callable[[], Stop | None]:
    """Somebody wants the search to stop once it has asked so many times, and stays with it."""
    asked = itertools.count(1)
    return lambda: stop if next(asked) > calls else None


# --- what is recorded, and when


@given(pace=st.integers(0, 10_000), workers=st.integers(1, 5))
@settings(max_examples=25)
def test_everything_is_recorded_before_it_is_learned_from(pace: int, workers: int) -> None:
    proposer = ScriptedProposer(7, prunes=lambda number, epoch: number == 3 and epoch == 4)

    def value(number: int, epoch: int) -> float:
        return math.nan if (number, epoch) == (5, 3) else number + 1 / epoch

    sweep = Sweep(trains(value), proposer, spec=asha(), workers=workers, pace=pace)
    assert sweep.run() is None
    log = sweep.log
    at = {entry: place for place, entry in enumerate(log)}
    assert len(at) == len(log)  # nothing is said twice
    for number in range(7):
        assert at["asked", number] < at["proposed", number] < at["submitted", f"trial {number}"]
        assert at["ended", number] < at["told", number]
    for entry in log:
        if entry[0] == "judged":
            assert at["reported", *entry[1:]] < at[entry]
    assert sweep.outcomes() == dict.fromkeys(range(7), Outcome.COMPLETE) | {3: Outcome.PRUNED, 5: Outcome.DIVERGED}
    assert repr(sweep.search.results) == repr(sweep.recorder.history())
    assert repr([proposer.told[number] for number in range(7)]) == repr(sweep.search.results)


def test_no_more_is_submitted_than_there_is_room_for() -> None:
    sweep = Sweep(trains(), ScriptedProposer(10), workers=3)
    sweep.run()
    running = 0
    for entry in sweep.log:
        running += {"submitted": 1, "ended": -1}.get(entry[0], 0)
        assert running <= 3
    assert len(sweep.runner.submitted) == 10


@pytest.mark.parametrize(("value", "expected"), [("best", 0.2), ("last", 0.4)])
def test_a_result_has_the_value_that_the_spec_asks_for(value: Any, expected: float) -> None:
    curve = [0.9, 0.5, 0.2, 0.3, 0.5, 0.4]
    spec = a_spec(pruner=PrunerSpec(name="none"), objective=Objective(value=value))
    proposer = ScriptedProposer(1)
    sweep = Sweep(trains(lambda number, epoch: curve[epoch - 1]), proposer, spec=spec)
    sweep.run()
    (result,) = sweep.search.results
    assert (result.value, result.epochs, result.objectives) == (expected, 6, tuple(curve))
    assert sweep.recorder.endings[0][1] == expected
    so_far = [0.9, 0.5, 0.2, 0.2, 0.2, 0.2] if value == "best" else curve
    assert [proposer.judged[0, epoch] for epoch in range(1, 7)] == so_far


@pytest.mark.parametrize(("starts", "most"), [(0, 3), (2, 3), (5, 5), (10, 8)])
def test_it_trains_no_more_at_once_than_the_search_bears_but_for_starting_points(starts: int, most: int) -> None:
    sweep = Sweep(trains(), ScriptedProposer(12, starts=starts), workers=8, lanes=3)
    assert sweep.run() is None
    at_once, seen = 0, []
    for what, *of in sweep.log:
        at_once += {"submitted": 1, "ended": -1}.get(what, 0)
        if what == "submitted":
            seen.append((of[0], at_once))
    assert max(count for _, count in seen) == most
    assert max(count for key, count in seen if int(key.removeprefix("trial ")) >= starts) <= 3


def test_what_was_in_training_is_taken_up_at_once_by_a_search_that_bears_fewer() -> None:
    proposer = ScriptedProposer(8, starts=6)
    left = Sweep(trains(), proposer, workers=8, lanes=2)
    left.run(told_after(1, Stop.INTERRUPTED))
    sweep = Sweep(trains(), ScriptedProposer(8, starts=6), workers=8, lanes=2)
    sweep.search.resume(left.recorder.history())
    assert sweep.run() is None
    assert [what for what, *_ in sweep.log if what in ("submitted", "ended")][:6] == ["submitted"] * 6
    assert sweep.outcomes() == dict.fromkeys(range(8), Outcome.COMPLETE)


# --- rungs


def test_a_trial_is_pruned_at_rungs_only() -> None:
    sweep = Sweep(trains(), ScriptedProposer(2, prunes=lambda number, epoch: number == 0), spec=asha(first_rung=4))
    sweep.run()
    assert sweep.outcomes() == {0: Outcome.PRUNED, 1: Outcome.COMPLETE}
    assert sweep.search.results[0].epochs == 4


def test_an_epoch_without_a_finite_objective_is_recorded_but_not_judged() -> None:
    proposer = ScriptedProposer(1, prunes=lambda number, epoch: True)
    sweep = Sweep(trains(lambda number, epoch: math.nan if epoch == 2 else 0.5), proposer, spec=asha(first_rung=2))
    sweep.run()
    assert set(proposer.judged) == {(0, 1)}
    (result,) = sweep.search.results
    assert (result.outcome, result.epochs, result.value) == (Outcome.DIVERGED, 2, 0.5)
    assert sweep.recorder.objectives == {(0, 1): 0.5, (0, 2): None}


# --- workers that die


def dies(times: int, at: int, *, checkpoint: int) -> Life:
    """A worker dies under a trial so many times, each time after this epoch; it goes on from a checkpoint."""
    attempts = itertools.count()

    def life(job: Job) -> Generator[Event, Stop | None, Ended]:
        attempt = next(attempts)
        if attempt >= times:
            return (yield from trains(start=checkpoint if attempt else 0)(job))
        yield Started(key=job.key, epoch=checkpoint if attempt else 0)
        for epoch in range(checkpoint + 1 if attempt else 1, at + 1):
            yield a_report(job, epoch, {"val/loss": 1 / epoch})
        yield Lost(key=job.key, reason="its worker died: out of memory")
        raise AssertionError("the dead say no more")

    return life


@pytest.mark.parametrize("checkpoint", [0, 1, 3])
@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_lost_trial_goes_on_from_its_checkpoint_and_ends_as_if_nothing_had_been(times: int, checkpoint: int) -> None:
    undisturbed, disturbed = (
        Sweep(life, ScriptedProposer(1)) for life in (trains(), dies(times, 3, checkpoint=checkpoint))
    )
    undisturbed.run()
    disturbed.run()
    assert disturbed.search.results == undisturbed.search.results == disturbed.recorder.history()
    assert len(disturbed.runner.submitted) == times + 1


@pytest.mark.parametrize("saved", range(EPOCHS))
@pytest.mark.parametrize("heard", range(EPOCHS))
def test_reports_that_were_lost_with_their_worker_leave_no_hole(heard: int, saved: int) -> None:
    attempts = itertools.count()

    def life(job: Job) -> Generator[Event, Stop | None, Ended]:
        assert job.known is not None
        if next(attempts):
            # The worker's checkpoint may be younger than the last report that arrived.
            return (yield from trains(start=saved if saved <= job.known else 0)(job))
        yield Started(key=job.key)
        for epoch in range(1, heard + 1):
            yield a_report(job, epoch, {"val/loss": 1 / epoch})
        yield Lost(key=job.key, reason="its worker died")
        raise AssertionError("the dead say no more")

    undisturbed, disturbed = Sweep(trains(), ScriptedProposer(1)), Sweep(life, ScriptedProposer(1))
    undisturbed.run()
    disturbed.run()
    assert disturbed.search.results == undisturbed.search.results == disturbed.recorder.history()
    assert [job.known for job in disturbed.runner.submitted] == [0, heard]


def test_a_trial_that_is_taken_up_says_how_much_of_it_is_known() -> None:
    sweep = Sweep(trains(start=2), ScriptedProposer(1))
    sweep.search.resume([a_result(0, None, outcome=None, objectives=(1.0, 0.5))])
    sweep.run()
    assert [job.known for job in sweep.runner.submitted] == [2]


def test_a_trial_that_is_lost_three_times_has_failed_and_the_others_go_on() -> None:
    def life(job: Job) -> Generator[Event, Stop | None, Ended]:
        if number_of(job) != 1:
            return (yield from trains()(job))
        yield Started(key=job.key)
        yield a_report(job, 1, {"val/loss": 0.25})
        yield Lost(key=job.key, reason="its worker died: out of memory")
        raise AssertionError("the dead say no more")

    sweep = Sweep(life, ScriptedProposer(3), workers=2)
    sweep.run()
    assert sweep.outcomes() == {0: Outcome.COMPLETE, 1: Outcome.FAILED, 2: Outcome.COMPLETE}
    assert sweep.search.results[1].error == "tried 3 times; its worker died: out of memory"
    assert [job.key for job in sweep.runner.submitted].count("trial 1") == 3


def test_a_trial_that_was_to_be_pruned_as_its_worker_died_is_pruned_on_the_next() -> None:
    first = itertools.count()

    def life(job: Job) -> Generator[Event, Stop | None, Ended]:
        if next(first):
            return (yield from trains()(job))
        yield Started(key=job.key)
        yield a_report(job, 1, {"val/loss": 1.0})
        yield a_report(job, 2, {"val/loss": 0.5})
        yield Lost(key=job.key, reason="its worker died")
        raise AssertionError("the dead say no more")

    sweep = Sweep(life, ScriptedProposer(1, prunes=lambda number, epoch: True), spec=asha(first_rung=2))
    sweep.run()
    assert sweep.outcomes() == {0: Outcome.PRUNED}
    assert sweep.search.results[0].epochs == 2


# --- when everything fails


@pytest.mark.parametrize("workers", [1, 3])
def test_three_first_trials_that_fail_alike_end_the_sweep(workers: int) -> None:
    sweep = Sweep(fails(lambda number: "OSError: the camera is gone"), ScriptedProposer(50), workers=workers)
    with pytest.raises(SweepFailed, match=r"the first 3 trials all failed the same way:\n(.|\n)*the camera is gone"):
        sweep.run()
    assert len(sweep.recorder.endings) == 3


@pytest.mark.parametrize(
    "error",
    [
        lambda number: f"OSError: file {number}",
        lambda number: None if number == 0 else "OSError: gone",
        lambda number: None if number == 2 else "OSError: gone",
        lambda number: "ValueError: other" if number == 1 else "OSError: gone",
    ],
    ids=["each its own way", "but the first", "but the third", "one in another way"],
)
def test_the_sweep_goes_on_unless_all_fail_alike(error: Callable[[int], str | None]) -> None:
    sweep = Sweep(fails(error), ScriptedProposer(8))
    sweep.run()
    assert sweep.outcomes() == {
        number: Outcome.COMPLETE if error(number) is None else Outcome.FAILED for number in range(8)
    }


def test_a_trial_that_diverges_or_is_pruned_has_not_failed() -> None:
    life = fails(lambda number: None if number == 0 else "OSError: gone", trains(lambda number, epoch: math.nan))
    sweep = Sweep(life, ScriptedProposer(6))
    sweep.run()
    assert list(sweep.outcomes().values()) == [Outcome.DIVERGED] + [Outcome.FAILED] * 5


# --- told to stop


@pytest.mark.parametrize("stop", [Stop.CANCELLED, Stop.INTERRUPTED])
@pytest.mark.parametrize("calls", [0, 1, 5, 9])
def test_told_to_stop_it_stops_all_that_run_and_starts_nothing_more(stop: Stop, calls: int) -> None:
    proposer = ScriptedProposer(50)
    sweep = Sweep(trains(), proposer, workers=3)
    assert sweep.run(told_after(calls, stop)) is stop
    at = [entry[0] for entry in sweep.log]
    if calls == 0:
        assert at == []
        return
    assert [entry[2] for entry in sweep.log if entry[0] == "stopped"] == [stop] * 3
    assert {"asked", "proposed", "submitted"}.isdisjoint(at[at.index("stopped") :])
    assert at.count("submitted") == at.count("ended")
    open_ = {result.proposal.number for result in sweep.recorder.history() if result.outcome is None}
    if stop is Stop.CANCELLED:
        assert open_ == set()
        assert set(proposer.told) == set(sweep.recorder.proposals)
    else:
        assert len(open_) == 3
        assert set(proposer.told) == set(sweep.outcomes()) == set(sweep.recorder.proposals) - open_


@pytest.mark.parametrize(
    ("stop", "outcomes"), [(Stop.CANCELLED, {0: Outcome.CANCELLED}), (Stop.INTERRUPTED, {})], ids=lambda each: str(each)
)
def test_a_trial_that_is_lost_while_it_stops_is_not_tried_again(stop: Stop, outcomes: dict[int, Outcome]) -> None:
    sweep = Sweep(dies(9, 3, checkpoint=0), ScriptedProposer(5))
    assert sweep.run(told_after(3, stop)) is stop
    assert len(sweep.runner.submitted) == 1
    assert sweep.outcomes() == outcomes
    assert [result.outcome for result in sweep.recorder.history()] == [outcomes.get(0)]


def test_a_stop_that_comes_as_the_last_trial_completes_loses_nothing() -> None:
    sweep = Sweep(trains(epochs=1), ScriptedProposer(1))
    sweep.run(told_after(2, Stop.INTERRUPTED))
    assert sweep.outcomes() in ({0: Outcome.COMPLETE}, {})
    assert sweep.recorder.history()[0].epochs == 1


# --- taken up again


def test_unfinished_trials_go_first_and_ended_ones_count() -> None:
    past = [
        a_result(0, 0.1, objectives=[0.3, 0.1]),
        a_result(1, None, outcome=None, objectives=[0.5]),
        a_result(2, 0.2, outcome=Outcome.PRUNED, objectives=[0.2]),
        a_result(3, None, outcome=None),
    ]
    proposer = ScriptedProposer(6)
    sweep = Sweep(trains(), proposer)
    sweep.search.resume(past)
    assert sweep.run() is None
    assert proposer.replayed == past
    assert [job.key for job in sweep.runner.submitted] == ["trial 1", "trial 3", "trial 4", "trial 5"]
    assert sweep.outcomes() == dict.fromkeys(range(6), Outcome.COMPLETE) | {2: Outcome.PRUNED}
    assert set(proposer.told) == {1, 3, 4, 5}
    assert sweep.search.results[1].objectives == tuple(1 / epoch for epoch in range(1, EPOCHS + 1))


@pytest.mark.parametrize("objectives", [[0.9, 0.8], [0.9, 0.8, 0.7]])
def test_a_trial_left_at_a_rung_as_it_was_to_be_pruned_ends_there(objectives: list[float]) -> None:
    proposer = ScriptedProposer(2, prunes=lambda number, epoch: epoch == 2)
    sweep = Sweep(trains(start=len(objectives)), proposer, spec=asha(first_rung=2))
    sweep.search.resume([a_result(0, None, outcome=None, objectives=objectives)])
    sweep.recorder.proposals[0] = a_result(0, None).proposal
    sweep.run()
    at_rung = len(objectives) == 2
    assert [job.key for job in sweep.runner.submitted] == ["trial 1"] if at_rung else ["trial 0", "trial 1"]
    assert sweep.outcomes()[0] is (Outcome.PRUNED if at_rung else Outcome.COMPLETE)
    assert set(proposer.told) == {0, 1}
    if at_rung:
        ended, value = sweep.recorder.endings[0]
        assert (ended.outcome, value, sweep.search.results[0].epochs) == (Outcome.PRUNED, 0.8, 2)


def test_a_success_of_an_earlier_run_counts_against_giving_up_and_its_failures_do_not() -> None:
    failing = fails(lambda number: "OSError: gone")
    for past, gives_up in [
        ([a_result(0, 0.1)], False),
        ([a_result(0, None, outcome=Outcome.DIVERGED)], False),
        ([a_result(0, None, outcome=Outcome.FAILED, error="OSError: gone")], True),
        ([a_result(0, None, outcome=Outcome.FAILED, error="ValueError: other")], True),
        ([], True),
    ]:
        sweep = Sweep(failing, ScriptedProposer(5))
        sweep.search.resume(past)
        if gives_up:
            with pytest.raises(SweepFailed):
                sweep.run()
        else:
            sweep.run()
            assert len(sweep.outcomes()) == 5


class Crash(Exception):
    """The coordinator's process is gone."""


def lives_on(recorder: MemoryRecorder, checkpoint_every: int) -> Life:
    """Trials of the simulated sweep; one that is unfinished goes on from its last checkpoint."""
    past = {trial.proposal.number: trial for trial in recorder.history()}

    def life(job: Job) -> Generator[Event, Stop | None, Ended]:
        number = number_of(job)
        # Nobody keeps a checkpoint of a trial that has diverged.
        done = sum(map(math.isfinite, past[number].objectives)) if number in past else 0
        start = done // checkpoint_every * checkpoint_every
        trial = trains(lambda number, epoch: objective(recorder.proposals[number], epoch), start=start)
        return (yield from trial(job))

    return life


def simulated(
    spec: SweepSpec, recorder: MemoryRecorder, *, workers: int = 1, pace: int = 0, checkpoint_every: int = 1
) -> Sweep:
    proposer: Proposer = a_proposer(spec)
    life = lives_on(recorder, checkpoint_every)
    sweep = Sweep(life, proposer, spec=spec, workers=workers, pace=pace, recorder=recorder)
    sweep.search.resume(recorder.history())
    return sweep


LANES = 6


def in_lanes(
    spec: SweepSpec, recorder: MemoryRecorder, *, lanes: int = 1, pace: int = 0, checkpoint_every: int = 1
) -> Sweep:
    """One worker with so many of LANES lanes."""
    life, proposer = lives_on(recorder, checkpoint_every), a_proposer(spec, lanes=LANES)
    sweep = Sweep(life, proposer, spec=spec, workers=lanes, pace=pace, recorder=recorder, runs_on=LanesInStep)
    sweep.search.resume(recorder.history())
    return sweep


@functools.cache
def one_after_another(sampler: str, pruner: str) -> Sweep:
    """The whole sweep on one worker with one lane."""
    spec = simulated_spec(sampler, pruner, workers=WorkersSpec(count=1), trials=20)
    sweep = in_lanes(spec, MemoryRecorder())
    assert sweep.run() is None
    return sweep


def leave(sweep: Sweep, calls: int, how: Any) -> None:
    """Runs until somebody wants it to stop, or until its process is gone."""
    told_after_calls = told_after(calls, Stop.INTERRUPTED)

    def wanted() -> Stop | None:
        told = told_after_calls()
        if told is not None and how is Crash:
            raise Crash
        return told

    try:
        sweep.run(wanted)
    except Crash:
        assert how is Crash


@pytest.mark.parametrize(("sampler", "pruner"), [("tpe", "asha"), ("tpe", "median"), ("random", "hyperband")])
@given(
    paces=st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)),
    workers=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    calls=st.integers(1, 90),
    how=st.sampled_from([Stop.INTERRUPTED, Crash]),
    checkpoint_every=st.sampled_from([1, 2, 100]),
)
@settings(max_examples=15)
def test_a_sweep_that_is_left_at_any_event_ends_as_if_it_had_not_been(
    sampler: str,
    pruner: str,
    paces: tuple[int, int],
    workers: tuple[int, int],
    calls: int,
    how: Any,
    checkpoint_every: int,
) -> None:
    spec = simulated_spec(sampler, pruner)
    whole = simulated(spec, MemoryRecorder())
    assert whole.run() is None
    recorder = MemoryRecorder()
    leave(simulated(spec, recorder, workers=workers[0], pace=paces[0]), calls, how)
    taken_up = simulated(spec, recorder, workers=workers[1], pace=paces[1], checkpoint_every=checkpoint_every)
    assert taken_up.run() is None
    assert repr(taken_up.search.results) == repr(whole.search.results)
    assert repr(recorder.history()) == repr(whole.recorder.history())


@pytest.mark.parametrize(("sampler", "pruner"), [("tpe", "asha"), ("tpe", "median"), ("random", "hyperband")])
@given(
    lanes=st.integers(1, LANES),
    pace=st.integers(0, 10_000),
    left=st.lists(st.tuples(st.integers(1, 40), st.sampled_from([Stop.INTERRUPTED, Crash])), max_size=3),
    checkpoint_every=st.sampled_from([1, 2, 100]),
)
@settings(max_examples=20)
def test_on_one_worker_neither_lanes_nor_being_left_change_a_trial(
    sampler: str, pruner: str, lanes: int, pace: int, left: list[tuple[int, Any]], checkpoint_every: int
) -> None:
    whole, recorder = one_after_another(sampler, pruner), MemoryRecorder()
    how_it_trains = {"lanes": lanes, "pace": pace, "checkpoint_every": checkpoint_every}
    for calls, how in left:
        leave(in_lanes(whole.spec, recorder, **how_it_trains), calls, how)
    taken_up = in_lanes(whole.spec, recorder, **how_it_trains)
    assert taken_up.run() is None
    assert repr(taken_up.search.results) == repr(whole.search.results)
    assert repr(recorder.history()) == repr(whole.recorder.history())
