"""Compiled lanes train as eager ones do; what the compiler cannot do, or does wrong, trains on without it."""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
import torch

from sweeps.lanerecords import LanePlan, Rehearsal
from sweeps.records import Budget, Ended, Job, Notice, Outcome, Report, Stop
from tests.workers.fused.company import Precise
from tests.workers.fused.lanetable import STEPS, lane, plain_losses
from tests.workers.fused.zoo import STACKED, Task, layers
from tests.workers.small import Heard, a_job, prepared
from workers.cohort import Cohort
from workers.fused import compiled
from workers.fused.measure import measure_lanes
from workers.fused.stacking import Stacking
from workers.inline import InlineRunner
from workers.prepared import PreparedTask
from workers.stacked.rules import RULES
from workers.tasks.digits import DigitsMLP

SCHEDULES = ("none", "StepLR", "OneCycleLR", "CyclicLR", "ReduceLROnPlateau")
PAIRS = [(optimizer, SCHEDULES[place % len(SCHEDULES)]) for place, optimizer in enumerate((*RULES, "Adafactor"))]

Compile = Callable[..., Any]


def told(stacking: Stacking, jobs: list[Job], prune: tuple[str, ...] = ()) -> tuple[dict[str, Heard], list[str]]:
    """What jobs say, and the notices; those of `prune` are stopped after their first epoch."""
    cohort = Cohort(stacking.prepared, fused=True, most=len(jobs), stacking=stacking)
    cohort.join(jobs)
    heard, notices = {job.key: Heard() for job in jobs}, []
    while len(cohort):
        said = [*cohort.admit(), *cohort.train_epoch()]
        words = {each.key: Stop.PRUNED if each.key in prune else None for each in said if isinstance(each, Report)}
        for event in (*said, *cohort.hear(words)):
            if isinstance(event, Notice):
                notices.append(event.text)
            elif isinstance(event, Report):
                heard[event.key].reports.append(event)
            elif isinstance(event, Ended):
                heard[event.key].ended = event
    return heard, notices


def compiling(ready: PreparedTask, rows: int) -> Stacking:
    stacking = Stacking(ready)
    stacking.compile(rows)
    return stacking


def lanes(count: int, **given: Any) -> list[Job]:
    return [a_job(key=str(seed), seed=seed, **given) for seed in range(count)]


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """torch.compile gives the function back; the number of rows of every call that goes through it."""
    rows: list[int] = []

    def compile(function: Compile, **options: Any) -> Compile:
        def called(leaves: Any, fixed: Any, batch: Any) -> Any:
            rows.append(len(leaves[0]))
            return function(leaves, fixed, batch)

        return called

    monkeypatch.setattr(torch, "compile", compile)
    return rows


@pytest.mark.slow
def test_compiled_lanes_are_plain_torch_loops() -> None:
    stacking = compiling(prepared(Precise()), len(PAIRS))
    jobs = [lane(*pair) for pair in PAIRS]
    # Half of them leave, and doubles fill their rows.
    heard, notices = told(stacking, jobs, prune=tuple(job.key for job in jobs[:6]))
    assert notices == []
    assert stacking.compiled is not None
    assert stacking.compiled.trusted
    for pair, job in zip(PAIRS, jobs, strict=True):
        own = heard[job.key]
        assert own.steps == pytest.approx(plain_losses(*pair)[: len(own.steps)], rel=1e-8)
    assert [len(heard[job.key].steps) for job in jobs] == [8] * 6 + [STEPS] * 6


@pytest.mark.slow
def test_buffers_move_in_compiled_lanes() -> None:
    ready = prepared(STACKED["BatchNorm1d"])
    stacking = compiling(ready, 3)
    heard, notices = told(stacking, lanes(3))
    assert (notices, stacking.compiled is not None and stacking.compiled.trusted) == ([], True)
    eager, _ = told(Stacking(ready), lanes(3))
    for key, own in heard.items():
        assert own.steps == pytest.approx(eager[key].steps, rel=1e-8)
        assert [each.metrics for each in own.reports] == [
            pytest.approx(dict(each.metrics), rel=1e-8) for each in eager[key].reports
        ]


def test_doubles_fill_the_rows_until_lanes_make_up_less_than_half(pretended: list[int]) -> None:
    ready = prepared(STACKED["BatchNorm1d"])
    jobs = [a_job(key=str(seed), seed=seed, budget=Budget(epochs=1 + seed)) for seed in range(6)]
    heard, notices = told(compiling(ready, 6), jobs)
    assert notices == []
    # Two of the three batches of an epoch are of the first one's shape; from the fifth on there are but two lanes.
    assert pretended == [6] * (2 * 4)
    eager, _ = told(Stacking(ready), jobs)
    for key, own in heard.items():
        assert own.ended == Ended(key=key, outcome=Outcome.COMPLETE)
        assert own.steps == pytest.approx(eager[key].steps, rel=1e-8)
        for ours, theirs in zip(own.reports, eager[key].reports, strict=True):
            assert ours.metrics == pytest.approx(dict(theirs.metrics), rel=1e-8)


@pytest.mark.parametrize("name", sorted(STACKED))
def test_any_model_trains_as_without_the_compiler(name: str, pretended: list[int]) -> None:
    ready = prepared(STACKED[name])
    stacking = compiling(ready, 3)
    heard, notices = told(stacking, lanes(3))
    if stacking.model(ready.train).draws:
        assert (pretended, len(notices)) == ([], 1)
    else:
        assert (set(pretended), notices) == ({3}, [])
    eager, _ = told(Stacking(ready), lanes(3))
    for key, own in heard.items():
        assert own.steps == pytest.approx(eager[key].steps, rel=1e-8)


def fails(function: Compile, **options: Any) -> Compile:
    """A compiler that cannot."""

    def called(*args: Any) -> Any:
        raise RuntimeError("no C++ compiler\nwas found")

    return called


def lies(function: Compile, **options: Any) -> Compile:
    """A compiler that loses a gradient."""

    def called(leaves: Any, fixed: Any, batch: Any) -> Any:
        losses, grads, buffers = function(leaves, fixed, batch)
        return losses, [grads[0] * 0, *grads[1:]], buffers

    return called


@pytest.mark.parametrize(
    ("compiler", "reason"),
    [(fails, "RuntimeError: no C++ compiler"), (lies, "compiled they would train otherwise")],
)
def test_a_compiler_that_fails_changes_nothing(compiler: Compile, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", compiler)
    ready = prepared(STACKED["BatchNorm1d"])
    heard, notices = told(compiling(ready, 4), lanes(4))
    assert notices == [f"lanes train without the compiler: {reason}"]
    eager, _ = told(Stacking(ready), lanes(4))
    assert {key: own.said for key, own in heard.items()} == {key: own.said for key, own in eager.items()}


def test_too_little_memory_for_compiled_lanes_halves_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def short(function: Compile, **options: Any) -> Compile:
        def called(*args: Any) -> Any:
            raise torch.OutOfMemoryError("CUDA out of memory.")

        return called

    monkeypatch.setattr(torch, "compile", short)
    heard, notices = told(compiling(prepared(Task(layers())), 4), lanes(4))
    assert notices == ["memory is short: 2 at once from here on instead of 4"]
    assert {own.ended for own in heard.values()} == {
        Ended(key=key, outcome=Outcome.COMPLETE) for key in ("0", "1", "2", "3")
    }


def test_a_compiled_step_is_measured_and_kept(pretended: list[int]) -> None:
    stacking = Stacking(prepared(Task(layers())))
    jobs = [a_job(), a_job(optimizer="Adam")]
    probe = measure_lanes(stacking, jobs, Rehearsal(lanes=4, compile="on"))
    assert probe.compiled is not None
    assert probe.compile_seconds > 0
    assert probe.uncompiled is None
    assert set(pretended) == {4}
    kept = stacking.compiled
    stacking.compile(4)
    assert stacking.compiled is kept
    assert measure_lanes(stacking, jobs, Rehearsal(lanes=4, compile="auto", steps=100)).compiled is None


@pytest.mark.parametrize("compiled", [True, False])
def test_a_worker_compiles_where_its_plan_says_so(pretended: list[int], compiled: bool) -> None:
    runner = InlineRunner(lambda: Task(layers()))
    assert runner.measure([a_job()], Rehearsal(lanes=3, compile="on")).compiled is not None
    pretended.clear()
    runner.open(LanePlan(count=3, fused=True, compiled=compiled))
    runner.submit(lanes(3))
    ended = 0
    while ended < 3:
        ended += sum(isinstance(event, Ended) for event in runner.events(0.0))
    runner.close()
    assert set(pretended) == ({3} if compiled else set())


@pytest.mark.slow
@pytest.mark.parametrize("quicker", [True, False])
def test_compiled_lanes_with_large_products_train_as_eager_ones(
    monkeypatch: pytest.MonkeyPatch, wide_products: list[int], quicker: bool
) -> None:
    monkeypatch.setattr(compiled, "_quicker_by_onednn", lambda step: quicker)
    ready, jobs = prepared(DigitsMLP()), lanes(16, budget=Budget(epochs=1))
    stacking = compiling(ready, len(jobs))
    heard, notices = told(stacking, jobs)
    assert (notices, stacking.compiled is not None and stacking.compiled.trusted) == ([], True)
    eager, _ = told(Stacking(ready), jobs)
    for key, own in heard.items():
        assert own.steps == pytest.approx(eager[key].steps, rel=1e-4)


PLAIN = torch.backends.mkldnn.matmul.fp32_precision


@pytest.mark.parametrize(
    ("count", "slow", "precision"), [(2, PLAIN, PLAIN), (2, "bf16", PLAIN), (16, PLAIN, "bf16"), (16, "bf16", PLAIN)]
)
def test_compiled_steps_with_large_products_have_them_made_by_what_is_quicker(
    monkeypatch: pytest.MonkeyPatch, wide_products: list[int], count: int, slow: str, precision: str
) -> None:
    found: list[str] = []

    def compile(function: Compile, **options: Any) -> Compile:
        def called(*arguments: Any) -> Any:
            found.append(torch.backends.mkldnn.matmul.fp32_precision)
            if found[-1] == slow:
                time.sleep(0.1)
            return function(*arguments)

        return called

    monkeypatch.setattr(torch, "compile", compile)
    _, notices = told(compiling(prepared(DigitsMLP()), count), lanes(count, budget=Budget(steps=3)))
    assert (notices, set(found[-2:])) == ([], {precision})


def test_wide_products_that_differ_are_not_trusted(monkeypatch: pytest.MonkeyPatch, wide_products: list[int]) -> None:
    def compile(function: Compile, **options: Any) -> Compile:
        def called(*arguments: Any) -> Any:
            losses, grads, buffers = function(*arguments)
            return losses + (torch.backends.mkldnn.matmul.fp32_precision == "bf16"), grads, buffers

        return called

    monkeypatch.setattr(torch, "compile", compile)
    monkeypatch.setattr(compiled, "_quicker_by_onednn", lambda step: True)
    jobs = lanes(16, budget=Budget(steps=3))
    heard, notices = told(compiling(prepared(DigitsMLP()), 16), jobs)
    assert notices == ["lanes train without the compiler: compiled they would train otherwise"]
    eager, _ = told(Stacking(prepared(DigitsMLP())), jobs)
    assert all(heard[each.key].steps == eager[each.key].steps for each in jobs)


def test_why_nothing_was_compiled_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", fails)
    probe = measure_lanes(Stacking(prepared(Task(layers()))), lanes(1), Rehearsal(lanes=4, compile="on"))
    assert (probe.compiled, probe.refused, probe.uncompiled) == (None, None, "RuntimeError: no C++ compiler")


def test_lanes_that_are_not_compiled_load_no_compiler() -> None:
    code = """
import sys
from sweeps.lanerecords import Rehearsal
from tests.workers.fused.zoo import Task, layers
from tests.workers.small import a_job, prepared
from workers.cohort import Cohort
from workers.fused.measure import measure_lanes
from workers.fused.stacking import Stacking
from workers.quickoptim import keep_compiler_out
keep_compiler_out()
stacking = Stacking(prepared(Task(layers())))
assert measure_lanes(stacking, [a_job()], Rehearsal(lanes=4, steps=100)).refused is None
cohort = Cohort(stacking.prepared, fused=True, most=2, stacking=stacking)
cohort.join([a_job(key="a"), a_job(key="b", optimizer="Adam")])
cohort.admit()
cohort.train_epoch()
assert cohort.fused
assert "torch._dynamo" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
