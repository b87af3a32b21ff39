"""Stacked lanes train as a plain torch loop does, each with its own optimizer, scheduler and hyperparameters."""

import pytest

from sweeps.catalogue import OPTIMIZERS, SCHEDULERS
from sweeps.records import Ended, Outcome
from tests.workers.fused.company import Precise, hear_all
from tests.workers.fused.lanetable import PARAMS, SCHEDULES, STEPS, lane, params_of, plain_losses
from tests.workers.small import Heard, SparseBag, a_job, prepared
from workers.stacked.rules import RULES

PAIRS = [(optimizer, scheduler) for optimizer in PARAMS for scheduler in SCHEDULES]
ONE_OF_EACH = [
    (optimizer, scheduler) for optimizer, each in PARAMS.items() for _, scheduler in zip(each, SCHEDULES, strict=False)
]
"""Every optimizer with all its hyperparameters, and as many schedulers as it takes."""


@pytest.fixture(scope="module")
def fused() -> dict[str, Heard]:
    """All lanes of the table in one cohort."""
    return hear_all(prepared(Precise()), [lane(*pair) for pair in PAIRS])


@pytest.fixture(scope="module")
def looped() -> dict[str, Heard]:
    return hear_all(prepared(Precise()), [lane(*pair) for pair in ONE_OF_EACH], fused=False)


@pytest.mark.parametrize(("optimizer", "scheduler"), PAIRS)
def test_a_lane_among_all_others_is_a_plain_torch_loop(fused: dict[str, Heard], optimizer: str, scheduler: str) -> None:
    # Muon too: it rounds to bfloat16 within, which swallows what differs in the last bits of its gradients.
    own, plain = fused[f"{optimizer} {scheduler}"], plain_losses(optimizer, scheduler)
    assert own.steps == pytest.approx(plain, rel=1e-8)
    assert len(own.steps) == STEPS
    assert own.ended == Ended(key=f"{optimizer} {scheduler}", outcome=Outcome.COMPLETE)
    assert own.steps[-1] != pytest.approx(own.steps[0], rel=0.01), "it has trained"


@pytest.mark.parametrize(("optimizer", "scheduler"), ONE_OF_EACH)
def test_one_that_takes_turns_is_one_too(looped: dict[str, Heard], optimizer: str, scheduler: str) -> None:
    assert looped[f"{optimizer} {scheduler}"].steps == pytest.approx(plain_losses(optimizer, scheduler), rel=1e-8)


def test_fused_lanes_report_as_those_that_take_turns(fused: dict[str, Heard], looped: dict[str, Heard]) -> None:
    for key, theirs in looped.items():
        for ours, other in zip(fused[key].reports, theirs.reports, strict=True):
            assert ours.metrics == pytest.approx(dict(other.metrics), rel=1e-8)
            assert (ours.epoch, ours.step, ours.lrs, ours.step_lrs) == (
                other.epoch,
                other.step,
                other.lrs,
                other.step_lrs,
            )
            assert ours.step_more == other.step_more


def test_the_table_holds_all_that_trains_dense_models_with_all_schedulers_and_hyperparameters() -> None:
    assert set(PARAMS) == set(OPTIMIZERS) - {"SparseAdam"}
    assert set(SCHEDULES) == set(SCHEDULERS)
    for optimizer in RULES:
        used = {key for scheduler in SCHEDULES for key in params_of(optimizer, scheduler)}
        assert used == set(OPTIMIZERS[optimizer].params)


def test_sparse_lanes_take_turns_in_a_cohort_that_is_stacked() -> None:
    jobs = [a_job(key=each, optimizer="SparseAdam", scheduler=each, seed=5) for each in ("none", "OneCycleLR")]
    ready = prepared(SparseBag())
    fused, looped = (hear_all(ready, jobs, fused=each) for each in (True, False))
    for job in jobs:
        assert fused[job.key].said == looped[job.key].said
        assert fused[job.key].ended == Ended(key=job.key, outcome=Outcome.COMPLETE)
