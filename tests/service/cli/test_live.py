"""What a running sweep shows in a terminal, and how calm it is elsewhere."""

import io
from typing import Any

import pytest
from rich.console import Console

from service.cli.live import LiveWatcher
from service.cli.progress import LineWatcher, Watcher
from service.cli.sparklines import span_line, sparkline
from service.cli.tally import Tally
from service.records import TrialRecord
from sweeps.objective import Objective
from sweeps.records import Ended, Outcome, Proposal, Report, TaskInfo
from sweeps.spec import PrunerSpec, SweepSpec
from tests.doubles import a_range_test, a_spec


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def proposal(number: int, **fields: Any) -> Proposal:
    defaults = {"optimizer": "SGD", "scheduler": "none", "initial_lr": 0.1, "seed": 0}
    return Proposal(number=number, **{**defaults, **fields})


def report(watcher: Watcher, number: int, epoch: int, value: float) -> None:
    said = Report(key=f"trial {number}", epoch=epoch, step=10 * epoch, metrics={"val/loss": value}, lrs=(0.1,))
    watcher.reported([(number, said, value)])


def end(watcher: Watcher, number: int, outcome: Outcome, value: float | None, error: str | None = None) -> None:
    watcher.ended(number, Ended(key=f"trial {number}", outcome=outcome, error=error), value)


def drawn(watcher: LiveWatcher, *, width: int = 110, height: int = 34) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system=None, width=width, height=height)
    console.print(watcher)
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.fixture
def spec() -> SweepSpec:
    return a_spec(pruner=PrunerSpec(name="asha", first_rung=1, reduction_factor=3))


@pytest.fixture
def busy(spec: SweepSpec) -> LiveWatcher:
    """A sweep in the midst of it: eight trials have ended, two are running."""
    watcher = LiveWatcher(spec)
    watcher.console = Console(file=io.StringIO())
    clock = Clock()
    watcher.tally = Tally(spec, clock)
    watcher.probed(TaskInfo(steps_per_epoch=10, parameters=1000))
    watcher.range_tested(a_range_test("SGD", 0.1))
    for number in range(8):
        watcher.proposed(proposal(number, initial_lr=0.02 * 1.5**number))
        clock.now += 1.0
        pruned = number % 2 == 0
        for epoch in range(1, 2 if pruned else 13):
            report(watcher, number, epoch, 1.0 / (number + 1))
        end(watcher, number, Outcome.PRUNED if pruned else Outcome.COMPLETE, 1.0 / (number + 1))
    for number in (8, 9):
        watcher.proposed(proposal(number, optimizer="AdamW", initial_lr=0.001))
        report(watcher, number, 3, 0.7)
    clock.now += 2.0
    return watcher


def test_all_that_is_known_is_on_the_screen(busy: LiveWatcher) -> None:
    screen = "\n".join(drawn(busy))
    assert "8/20" in screen
    assert "4 complete, 4 pruned" in screen
    # 54 epochs of ten steps were seen, 53 of them in the nine seconds since the first; ten seconds went for eight of
    # twenty trials.
    assert "2 lanes, 59 lane-steps/s, about 0:15 left" in screen
    assert "rungs  epoch 1: 6 of 10 went on, epoch 3: 6 of 6 went on, epoch 9: 4 of 4 went on" in screen
    assert "best so far: val/loss 0.125 with SGD, none, initial LR 3.42e-01" in screen
    assert "1.0e-02 to 3.4e-01  2.3e-01 to 3.4e-01" in screen


def test_the_display_fits_the_terminal_that_it_is_in(busy: LiveWatcher) -> None:
    for number in range(10, 20):
        busy.proposed(proposal(number, optimizer="my_optimizers.py:SomethingVeryLong" * 3))
    for width, height in ((60, 12), (80, 24), (110, 34), (200, 60)):
        lines = drawn(busy, width=width, height=height)
        assert max(map(len, lines)) <= width
        assert len(lines) <= height, (width, height)


def ended_earlier(number: int, outcome: Outcome | None, value: float | None, epochs: int) -> TrialRecord:
    return TrialRecord(
        proposal=proposal(number, initial_lr=0.1 * (number + 1)),
        outcome=outcome,
        value=value,
        epochs=epochs,
        error=None,
        started=None,
        ended=None,
        mlflow_run_id=None,
    )


def test_what_ended_in_an_earlier_run_counts_but_for_the_pace(spec: SweepSpec) -> None:
    clock, out = Clock(), io.StringIO()
    live = LiveWatcher(spec)
    live.console, live.tally = Console(file=out), Tally(spec, clock)
    earlier = [ended_earlier(number, Outcome.COMPLETE, 1.0 / (number + 1), 12) for number in range(6)]
    live.earlier([*earlier, ended_earlier(6, Outcome.PRUNED, 2.0, 1), ended_earlier(7, None, None, 3)])
    screen = "\n".join(drawn(live))
    assert "7/20" in screen
    assert "6 complete, 1 pruned" in screen
    assert "best so far: val/loss 0.1667" in screen
    assert "epoch 1: 6 of 7 went on" in screen
    assert out.getvalue() == "", "nothing of it is said again"
    for number in (7, 8, 9):
        live.proposed(proposal(number))
        clock.now += 2.0
        assert "left" not in "\n".join(drawn(live))
        end(live, number, Outcome.COMPLETE, 0.5)
    # Two seconds each for the ten that are left: the seven before took nobody knows how long.
    assert "about 0:20 left" in "\n".join(drawn(live))


def test_lines_go_on_counting_where_an_earlier_run_stopped(spec: SweepSpec) -> None:
    watcher, out = LineWatcher(spec), io.StringIO()
    watcher.console = Console(file=out, soft_wrap=True, highlight=False)
    watcher.earlier([ended_earlier(number, Outcome.COMPLETE, 0.5, 12) for number in range(3)])
    watcher.proposed(proposal(3))
    end(watcher, 3, Outcome.DIVERGED, None)
    assert out.getvalue().startswith("trial 3 (4/20) ")


def test_names_are_not_markup(spec: SweepSpec) -> None:
    watcher = LiveWatcher(a_spec(objective=Objective(metric="val/[red]loss")))
    watcher.console = Console(file=io.StringIO())
    watcher.proposed(proposal(0, scheduler="a.py:[/bold]"))
    report(watcher, 0, 1, 0.5)
    assert "[/bold]" in "".join(drawn(watcher))
    assert "val/[red]loss" in "".join(drawn(watcher))


def test_nothing_is_said_before_it_is_known(spec: SweepSpec) -> None:
    screen = "\n".join(drawn(LiveWatcher(spec)))
    for word in ("left", "steps/s", "rungs", "best"):
        assert word not in screen


def test_the_pace_is_that_of_late_and_of_all_lanes(spec: SweepSpec) -> None:
    clock = Clock()
    tally = Tally(spec, clock)
    for epoch in range(1, 61):
        clock.now += 1.0
        for number in (0, 1):
            tally.stepped(number, epoch, epoch * (10 if epoch <= 30 else 50))
    # A hundred steps a second over two lanes; the jump in between has left the window.
    assert tally.steps_per_second == pytest.approx(100, rel=0.1)


def test_a_trial_that_is_first_seen_late_does_not_look_quick(spec: SweepSpec) -> None:
    clock = Clock()
    tally = Tally(spec, clock)
    tally.stepped(0, 50, 5000)
    clock.now += 1.0
    tally.stepped(0, 51, 5100)
    clock.now += 1.0
    assert tally.steps_per_second == pytest.approx(50)


def test_logs_have_a_line_a_trial_and_no_escapes(spec: SweepSpec) -> None:
    watcher = LineWatcher(spec)
    out = io.StringIO()
    watcher.console = Console(file=out, soft_wrap=True, highlight=False)
    watcher.proposed(proposal(0))
    report(watcher, 0, 1, 0.5)
    end(watcher, 0, Outcome.FAILED, 0.5, "Traceback\nValueError: [red]no[/red]")
    assert out.getvalue().splitlines() == [
        "trial 0 FAILED: ValueError: [red]no[/red]",
        "trial 0 (1/20) SGD none lr 1.00e-01: FAILED after 1 epoch, val/loss 0.5",
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 17, 1000])
def test_a_sparkline_is_as_long_as_it_may_be_and_ends_where_the_curve_does(count: int) -> None:
    line = sparkline([float(count - place) for place in range(count)])
    assert len(line) == min(count, 16)
    assert count < 2 or (line[0], line[-1]) == ("█", "▁")


def test_a_span_lies_where_it_lies() -> None:
    assert span_line(1e-3, 1.0, (1e-3, 1.0), width=4) == "━━━━"
    assert span_line(1e-3, 1.0, None, width=4) == "────"
    assert span_line(0.1, 0.1, (0.1, 0.1), width=4) == "────"
    assert span_line(1e-3, 1.0, (1.0, 1.0), width=4) == "───━"
