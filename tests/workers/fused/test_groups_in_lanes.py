"""Lanes with parameter groups train among stacked ones as in a plain loop, each by its stock optimizer."""

from dataclasses import replace

import pytest

from sweeps.records import Budget, Ended, Job, Outcome
from tests.workers.fused.company import PreciseParts, hear_all
from tests.workers.parts import HEAD, LAYOUTS, LR, OPTIMIZERS, SCHEDULERS, STEPS, a_trial
from tests.workers.plaingroups import BY_STEP, Alone, Plain, of_layout
from tests.workers.small import Heard, prepared

TRIALS = [(optimizer, scheduler, layout) for optimizer in OPTIMIZERS for scheduler in SCHEDULERS for layout in LAYOUTS]


def trial(optimizer: str, scheduler: str, layout: str) -> Job:
    group, params = LAYOUTS[layout]
    return a_trial(
        optimizer,
        key=f"{optimizer} {scheduler} {layout}",
        groups=(group,),
        optimizer_params={**OPTIMIZERS[optimizer], **params},
        scheduler=scheduler,
        scheduler_params=SCHEDULERS[scheduler],
    )


@pytest.fixture(scope="module")
def heard() -> dict[str, Heard]:
    """All trials, and lanes without groups, in one cohort."""
    whole = [a_trial(each, key=each, groups=(), optimizer_params=params) for each, params in OPTIMIZERS.items()]
    return hear_all(prepared(PreciseParts()), [*whole, *(trial(*each) for each in TRIALS)])


@pytest.mark.parametrize(("optimizer", "scheduler", "layout"), TRIALS)
def test_a_lane_with_groups_is_a_plain_torch_loop(
    heard: dict[str, Heard], optimizer: str, scheduler: str, layout: str
) -> None:
    job = trial(optimizer, scheduler, layout)
    own, plain = heard[job.key], Plain(of_layout(optimizer, scheduler, layout), task=PreciseParts())
    assert own.steps == pytest.approx(plain.losses, rel=1e-8)
    assert [report.lrs for report in own.reports] == [pytest.approx(lrs) for lrs in plain.lrs[::STEPS]]
    if scheduler in BY_STEP:
        head = [lr for report in own.reports for lr in report.step_more["lr/head"]]
        assert head == pytest.approx([lrs[1] for lrs in plain.lrs])
    assert own.ended == Ended(key=job.key, outcome=Outcome.COMPLETE)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_lane_beside_them_is_one_too(heard: dict[str, Heard], optimizer: str) -> None:
    params = OPTIMIZERS[optimizer]
    plain = Plain(lambda model: [Alone(model, optimizer, LR, params, "none", 3, 0)], task=PreciseParts())
    assert heard[optimizer].steps == pytest.approx(plain.losses, rel=1e-8)


def test_a_group_may_join_while_lanes_come_and_go() -> None:
    late = a_trial("AdamW", key="late", groups=(replace(HEAD, from_epoch=2),), budget=Budget(epochs=4))
    short = [a_trial("SGD", key=f"short {n}", groups=(), budget=Budget(steps=n)) for n in (1, 4, 7)]
    comes = a_trial("SGD", key="comes", groups=(), budget=Budget(epochs=3))
    ready = prepared(PreciseParts())
    [alone] = hear_all(ready, [late]).values()
    among = hear_all(ready, [*short, late, comes], joins={"comes": 2})
    assert among["late"].said == alone.said
    assert [tuple(lr > 0 for lr in report.lrs) for report in alone.reports] == [(True, False)] * 2 + [(True, True)] * 2
