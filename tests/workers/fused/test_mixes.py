"""Any mix of lanes that come, are pruned, break or end: fused they say what they say one by one."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.domains import Value
from sweeps.records import Budget, Job, Outcome, Report, Stop
from tests.workers.fused.company import Precise, hear_all
from tests.workers.fused.lanetable import PARAMS, SCHEDULES, lr_of
from tests.workers.small import a_job, prepared

READY = prepared(Precise())
UNIT = st.floats(0, 0.95)
DECAY = st.sampled_from([0.0, 0.01, 0.3])
BETAS = {"betas": st.tuples(UNIT, st.floats(0.5, 0.999)), "weight_decay": DECAY}
HYPERPARAMETERS: Mapping[str, Mapping[str, st.SearchStrategy[Value]]] = {
    "SGD": {"momentum": UNIT, "dampening": UNIT, "weight_decay": DECAY},
    "Adam": {**BETAS, "amsgrad": st.booleans(), "decoupled_weight_decay": st.booleans()},
    "AdamW": {**BETAS, "amsgrad": st.booleans()},
    "Adamax": BETAS,
    "NAdam": {**BETAS, "momentum_decay": st.floats(0, 0.1), "decoupled_weight_decay": st.booleans()},
    "RAdam": {**BETAS, "decoupled_weight_decay": st.booleans()},
    "RMSprop": {"alpha": UNIT, "momentum": UNIT, "centered": st.booleans(), "weight_decay": DECAY},
    "Adagrad": {"lr_decay": UNIT, "initial_accumulator_value": UNIT, "weight_decay": DECAY},
    "Adadelta": {"rho": UNIT, "weight_decay": DECAY},
    "ASGD": {"lambd": UNIT, "alpha": UNIT, "t0": st.floats(0, 10)},
    "Rprop": {},
    "Adafactor": {"weight_decay": DECAY},
    "Muon": {"momentum": UNIT, "nesterov": st.booleans()},
    "LBFGS": {"max_iter": st.integers(1, 3)},
}


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    """A lane of up to four epochs of eight steps; one in five has an LR that may break it."""
    optimizer = draw(st.sampled_from(sorted(PARAMS)))
    wild = draw(st.integers(0, 4)) == 0
    scheduler = draw(st.sampled_from(sorted(SCHEDULES)))
    return a_job(
        optimizer=optimizer,
        optimizer_params=draw(st.fixed_dictionaries({}, optional=dict(HYPERPARAMETERS[optimizer]))),
        initial_lr=1e30 if wild else lr_of(optimizer) * draw(st.floats(0.05, 1.0)),
        scheduler=scheduler,
        scheduler_params=SCHEDULES[scheduler],
        seed=draw(st.integers(0, 3)),
        budget=draw(st.builds(Budget, epochs=st.integers(1, 4)) | st.builds(Budget, steps=st.integers(31, 40))),
    )


@st.composite
def mixes(draw: st.DrawFn) -> dict[str, Any]:
    """Jobs, when they come and when they are pruned, and how many may train at once."""
    drawn = draw(st.lists(jobs(), min_size=1, max_size=7))
    return {
        "jobs": drawn,
        "joins": [draw(st.integers(0, 3)) for _ in drawn],
        "pruned": [draw(st.none() | st.integers(1, 4)) for _ in drawn],
        "most": draw(st.integers(1, 8)),
    }


@settings(max_examples=40)
@given(mix=mixes())
def test_fused_lanes_say_what_they_say_one_by_one(mix: dict[str, Any]) -> None:
    named = [replace(job, key=str(number)) for number, job in enumerate(mix["jobs"])]
    pruned = {str(number): epoch for number, epoch in enumerate(mix["pruned"])}
    joins = {str(number): epoch for number, epoch in enumerate(mix["joins"])}

    def word(report: Report) -> Stop | None:
        return Stop.PRUNED if report.epoch == pruned[report.key] else None

    fused = hear_all(READY, named, most=mix["most"], joins=joins, word=word)
    for job in named:
        [alone] = hear_all(READY, [job], fused=False, word=word).values()
        own = fused[job.key]
        assert own.ended == alone.ended
        assert own.ended is not None
        assert own.ended.outcome is not Outcome.FAILED
        assert len(own.started) == 1
        assert [(each.epoch, each.step, each.lrs, each.step_lrs) for each in own.reports] == [
            (each.epoch, each.step, each.lrs, each.step_lrs) for each in alone.reports
        ]
        # What breaks magnifies every rounding; it breaks at the same step.
        near = 1e-7 if own.ended.outcome is not Outcome.DIVERGED else math.inf
        assert own.steps == pytest.approx(alone.steps, rel=near, nan_ok=True)
        for ours, theirs in zip(own.reports, alone.reports, strict=True):
            assert ours.metrics == pytest.approx(dict(theirs.metrics), rel=near, nan_ok=True)
