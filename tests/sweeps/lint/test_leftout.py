"""Pairs that cannot work are left out together, with one sentence for what they share."""

import pytest

from sweeps.lint import refusals
from sweeps.pairs import pair_key, pairs_of, without
from sweeps.spec import OptimizerSpec, SchedulerSpec, SweepSpec
from tests.doubles import a_spec

OPTIMIZERS = ("SGD", "SparseAdam", "Muon")
SCHEDULERS = ("none", "StepLR", "LambdaLR")


def spec() -> SweepSpec:
    return a_spec(
        optimizers=tuple(OptimizerSpec(name=name) for name in OPTIMIZERS),
        schedulers=tuple(SchedulerSpec(name=name) for name in SCHEDULERS),
    )


def refused(*pairs: tuple[str, str], reason: str = "it cannot") -> dict[str, str]:
    return {pair_key(pair): reason for pair in pairs}


DENSE = refused(*(("SparseAdam", name) for name in SCHEDULERS), reason="dense gradients")
LAMBDAS = refused(*((name, "LambdaLR") for name in OPTIMIZERS), reason="two functions, one group")


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        ({}, []),
        (
            DENSE,
            [
                "optimizers[1].SparseAdam: left out: dense gradients; "
                "see `lrsweep catalogue SparseAdam`, or take it out of the list"
            ],
        ),
        (
            LAMBDAS,
            [
                "schedulers[2].LambdaLR: left out: two functions, one group; "
                "see `lrsweep catalogue LambdaLR`, or take it out of the list"
            ],
        ),
        (
            refused(("SGD", "StepLR")),
            [
                "optimizers[0].SGD: left out with StepLR: it cannot; "
                "see `lrsweep catalogue SGD`, or take it out of the list"
            ],
        ),
        (
            refused(("SGD", "none"), ("SGD", "StepLR"), ("Muon", "none")),
            [
                "optimizers[0].SGD: left out with none, StepLR: it cannot; "
                "see `lrsweep catalogue SGD`, or take it out of the list",
                "optimizers[2].Muon: left out with none: it cannot; "
                "see `lrsweep catalogue Muon`, or take it out of the list",
            ],
        ),
        (
            refused(("SGD", "StepLR"), ("Muon", "StepLR")),
            [
                "schedulers[1].StepLR: left out with SGD, Muon: it cannot; "
                "see `lrsweep catalogue StepLR`, or take it out of the list"
            ],
        ),
    ],
)
def test_what_shares_a_reason_and_a_name_is_said_once(reasons: dict[str, str], said: list[str]) -> None:
    found = refusals(spec(), reasons)
    assert [str(each.finding) for each in found] == said
    assert {pair_key(pair) for each in found for pair in each.pairs} == set(reasons)
    assert {each.finding.severity for each in found} <= {"warning"}


def test_reasons_are_kept_apart() -> None:
    first, second = refusals(spec(), {**LAMBDAS, **DENSE})
    assert (first.finding.where, second.finding.where) == ("schedulers[2].LambdaLR", "optimizers[1].SparseAdam")
    assert {pair for pair in first.pairs if pair[0] == "SparseAdam"} == set()


def test_an_optimizer_or_scheduler_without_a_pair_leaves_the_spec() -> None:
    pairs = {pair for pair in pairs_of(spec()) if "SparseAdam" in pair or "LambdaLR" in pair} - {("SGD", "LambdaLR")}
    left = without(spec(), pairs)
    assert [each.name for each in left.optimizers] == ["SGD", "Muon"]
    assert [each.name for each in left.schedulers] == list(SCHEDULERS)
    assert without(spec(), ()) == spec()
