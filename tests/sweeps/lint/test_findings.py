"""Every combination that means nothing or crashes is found, with its place and the mend, and nothing else is."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from sweeps.errors import SpecError
from sweeps.lint import Finding, lint, news, refuse_errors
from sweeps.lint.linter import RULES
from sweeps.records import RangeTest
from sweeps.specfile import parse_spec, read_spec
from tests.doubles import a_range_test

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.yaml"))

README = {
    "task": "digits",
    "budget": {"epochs": 20},
    "optimizers": [
        {"SGD": {"lr": {"low": 1e-3, "high": 1}, "momentum": [0, 0.9]}},
        {"AdamW": {"weight_decay": {"low": 1e-5, "high": 1e-1, "log": True}}},
    ],
    "schedulers": ["none", "StepLR", "CosineAnnealingLR", "ReduceLROnPlateau"],
    "trials": 48,
}


def found(
    spec: Mapping[str, Any], steps_per_epoch: int | None = None, tests: Sequence[RangeTest] = ()
) -> list[tuple[str, str, str, str]]:
    """(rule, severity, place, message) of every finding in the README's spec with other keys."""
    findings = lint(parse_spec({**README, **spec}, check=lambda *_: None), steps_per_epoch=steps_per_epoch, tests=tests)
    return [(each.rule, each.severity, each.where, each.message) for each in findings]


def one_group(**settings: Any) -> dict[str, Any]:
    return {"groups": {"head": {"parameters": "fc.*", **settings}}}


UNPRUNED = {"pruner": "none"}
STEPS = {"budget": {"steps": 400}, **UNPRUNED}

CASES: list[tuple[str, dict[str, Any], str, str, str, str]] = [
    # the catalogue's sentence, the spec, the rule, the severity, the place, words of the message
    (
        "LBFGS with per-step schedules",
        {"optimizers": ["LBFGS", "SGD"], "schedulers": ["none", "OneCycleLR", "CyclicLR"], **UNPRUNED},
        "lbfgs-by-step",
        "warning",
        "optimizers[0].LBFGS",
        "OneCycleLR, CyclicLR will change its LR amid the steps",
    ),
    (
        "LBFGS with several groups",
        {"optimizers": ["SGD", "LBFGS"], **one_group()},
        "pairs-that-cannot-work",
        "warning",
        "optimizers[1].LBFGS",
        "left out: it takes one parameter group only",
    ),
    (
        "LBFGS alone with several groups",
        {"optimizers": ["LBFGS"], **one_group()},
        "pairs-that-cannot-work",
        "error",
        "optimizers[0].LBFGS",
        "cannot work: it takes one parameter group only",
    ),
    (
        "Rprop with schedules",
        {"optimizers": [{"Rprop": {"lr": [0.1, 0.01]}}], "schedulers": ["none", "StepLR", "ExponentialLR"]},
        "rprop-schedules",
        "warning",
        "optimizers[0].Rprop",
        "StepLR, ExponentialLR will change nothing",
    ),
    (
        "Rprop's range test",
        {"optimizers": ["Rprop"], "schedulers": ["none"]},
        "rprop-range-test",
        "warning",
        "optimizers[0].Rprop.lr",
        "a range test says nothing about it; list its LRs",
    ),
    (
        "Adafactor above 1/sqrt(t)",
        {"optimizers": [{"Adafactor": {"lr": [0.01, 0.1]}}], **STEPS},
        "adafactor-clamp",
        "warning",
        "optimizers[0].Adafactor.lr",
        "may be 0.1, and Adafactor clamps it at 1/sqrt(step), 0.05 after all 400 steps",
    ),
    (
        "OneCycle momentum on optimizers without momentum",
        {
            "optimizers": ["SGD", "Adagrad", "Adadelta", "AdamW"],
            "schedulers": [{"OneCycleLR": {"cycle_momentum": True}}],
            **UNPRUNED,
        },
        "cycled-momentum",
        "warning",
        "schedulers[0].OneCycleLR.cycle_momentum",
        "Adagrad, Adadelta have no momentum to cycle",
    ),
    (
        "Cyclic momentum on optimizers without momentum",
        {
            "optimizers": ["SGD", "ASGD"],
            "schedulers": ["none", {"CyclicLR": {"cycle_momentum": [True, False]}}],
            **UNPRUNED,
        },
        "cycled-momentum",
        "warning",
        "schedulers[1].CyclicLR.cycle_momentum",
        "ASGD has no momentum to cycle",
    ),
    (
        "a momentum searched under OneCycle",
        {"schedulers": ["none", "OneCycleLR", {"CyclicLR": {"cycle_momentum": False}}], **UNPRUNED},
        "searched-momentum",
        "warning",
        "optimizers[0].SGD.momentum",
        "OneCycleLR will cycle it, whatever it is",
    ),
    (
        "betas searched under a OneCycle inside",
        {
            "optimizers": [{"AdamW": {"one_minus_beta1": {"low": 0.01, "high": 0.3, "log": True}}}],
            "schedulers": [{"ChainedScheduler": {"schedulers": ["OneCycleLR", "ExponentialLR"]}}],
            **UNPRUNED,
        },
        "searched-momentum",
        "warning",
        "optimizers[0].AdamW.one_minus_beta1",
        "ChainedScheduler will cycle it",
    ),
    (
        "a group's momentum searched under Cyclic",
        {
            "optimizers": [{"SGD": {"momentum": 0.9}}],
            "schedulers": ["CyclicLR"],
            **one_group(momentum=[0.5, 0.9]),
            **UNPRUNED,
        },
        "searched-momentum",
        "warning",
        "groups.head.momentum",
        "CyclicLR will cycle it",
    ),
    (
        "a warm-up in front of OneCycle",
        {"optimizers": ["SGD"], "schedulers": [{"OneCycleLR": {"warmup": 2}}], **UNPRUNED},
        "warmup-before-cycle",
        "warning",
        "schedulers[0].OneCycleLR.warmup",
        "the LR rises to the trial's, and then OneCycleLR begins at 1/div_factor of it",
    ),
    (
        "too few trials for TPE to give every pair one",
        {"trials": 8},
        "pairs-without-a-turn",
        "warning",
        "trials",
        "are 8, and there are 8 pairs of optimizer and scheduler: 2 may get none; give at least 16",
    ),
    (
        "too few trials for chance to give every pair one",
        {"trials": 12, "sampler": "random"},
        "pairs-without-a-turn",
        "warning",
        "trials",
        "are 12, and there are 8 pairs of optimizer and scheduler: 2 may get none; give at least 16",
    ),
    (
        "more trials than configurations",
        {"optimizers": [{"SGD": {"lr": [0.1, 0.01], "momentum": [0, 0.9]}}], "schedulers": ["none"], "trials": 5},
        "repeated-trials",
        "warning",
        "trials",
        "are 5, and the spec has 4 configurations: the rest will only repeat what was tried",
    ),
    (
        "total_steps below the budget",
        {"schedulers": [{"OneCycleLR": {"total_steps": 399}}], **STEPS},
        "total-steps",
        "error",
        "schedulers[0].OneCycleLR.total_steps",
        "is 399 steps, and it has 400: torch raises on the next step; leave it out",
    ),
    (
        "total_steps that may lie below the budget",
        {"schedulers": [{"OneCycleLR": {"total_steps": [300, 400]}}], **STEPS},
        "total-steps",
        "error",
        "schedulers[0].OneCycleLR.total_steps",
        "may be 300 steps",
    ),
    (
        "total_steps above the budget",
        {"schedulers": [{"OneCycleLR": {"total_steps": 401}}], **STEPS},
        "total-steps",
        "warning",
        "schedulers[0].OneCycleLR.total_steps",
        "is 401 steps, and it has 400: the cycle is cut short",
    ),
    (
        "a schedule shorter than the budget",
        {"schedulers": [{"CosineAnnealingLR": {"T_max": {"low": 10, "high": 20}}}]},
        "lengths",
        "warning",
        "schedulers[0].CosineAnnealingLR.T_max",
        "may be 10 epochs, and it has 20: after that the LR rises again; leave it out to have it follow the budget",
    ),
    (
        "a schedule longer than the budget",
        {"schedulers": ["none", {"LinearLR": {"total_iters": 30}}], **UNPRUNED},
        "lengths",
        "warning",
        "schedulers[1].LinearLR.total_iters",
        "is 30 epochs, and it has 20: the LR does not come to end_factor; give at most 20",
    ),
    (
        "a part of a schedule longer than its stretch",
        {
            "schedulers": [
                {
                    "SequentialLR": {
                        "schedulers": [{"LinearLR": {"total_iters": 8}}, "CosineAnnealingLR"],
                        "milestones": [5],
                    }
                }
            ],
            **UNPRUNED,
        },
        "lengths",
        "warning",
        "schedulers[0].SequentialLR.schedulers[0].LinearLR.total_iters",
        "is 8 epochs, and it has 5",
    ),
    (
        "a group's own schedule longer than the budget",
        one_group(scheduler={"StepLR": {"step_size": 25}}),
        "lengths",
        "warning",
        "groups.head.scheduler.StepLR.step_size",
        "is 25 epochs, and it has 20: the LR never changes",
    ),
    (
        "a schedule that a warm-up leaves too little of the budget",
        {"schedulers": [{"CosineAnnealingLR": {"T_max": 20, "warmup": 2}}], **UNPRUNED},
        "lengths",
        "warning",
        "schedulers[0].CosineAnnealingLR.T_max",
        "is 20 epochs, and it has 18",
    ),
    (
        "a patience longer than the budget",
        {"budget": {"epochs": 10}, "schedulers": ["ReduceLROnPlateau"]},
        "plateau",
        "warning",
        "schedulers[0].ReduceLROnPlateau.patience",
        "is 10 epochs, and it has 10: the LR can never fall; give at most 7",
    ),
    (
        "pruning inside a warm-up",
        {"schedulers": ["none", {"CosineAnnealingLR": {"warmup": 2.5}}]},
        "judged-while-warming-up",
        "warning",
        "schedulers[1].CosineAnnealingLR",
        "its LR rises until epoch 2.5, and trials are judged after epoch 1 already; "
        "write pruner: {name: asha, first_rung: 3}, or",
    ),
    (
        "pruning inside a scheduler that begins with a rise",
        {
            "schedulers": [
                {"SequentialLR": {"schedulers": ["LinearLR", "CosineAnnealingLR"], "milestones": [5]}},
            ],
        },
        "judged-while-warming-up",
        "warning",
        "schedulers[0].SequentialLR",
        "its LR rises until epoch 5, and trials are judged after epoch 1 already; "
        "write pruner: {name: asha, first_rung: 6}, or",
    ),
    (
        "pruning inside a cycle's own warm-up",
        {"schedulers": ["OneCycleLR"]},
        "judged-while-warming-up",
        "warning",
        "schedulers[0].OneCycleLR",
        "its LR rises until epoch 6, and trials are judged after epoch 1 already; "
        "write pruner: {name: asha, first_rung: 6}, or",
    ),
    (
        "pruning against a cycle's high half",
        {
            "schedulers": ["none", {"CosineAnnealingWarmRestarts": {"T_0": 5}}],
            "pruner": {"name": "asha", "first_rung": 2},
        },
        "judged-in-high-half",
        "warning",
        "schedulers[1].CosineAnnealingWarmRestarts",
        "epoch 6, after which trials are judged, lies in the high half of a cycle; "
        "write pruner: {name: asha, first_rung: 3}, or",
    ),
    (
        "pruning against a step-wise cycle's high half",
        {"schedulers": ["CyclicLR"]},
        "judged-in-high-half",
        "warning",
        "schedulers[0].CyclicLR",
        "epoch 3, after which trials are judged, lies in the high half of a cycle; "
        "write pruner: {name: asha, first_rung: 5}, or",
    ),
    (
        "the first rung before the first milestone",
        {"schedulers": ["none", {"MultiStepLR": {"milestones": [8, 12]}}], "pruner": {"name": "asha", "first_rung": 3}},
        "judged-before-first-milestone",
        "warning",
        "schedulers[1].MultiStepLR",
        "its LR first changes after epoch 8, and trials are judged against others after epoch 3 already; "
        "write pruner: {name: asha, first_rung: 8}, or pruner: none",
    ),
    (
        "the first rung before the first step",
        {"schedulers": ["none", {"StepLR": {"step_size": [5, 10]}}]},
        "judged-before-first-milestone",
        "warning",
        "schedulers[1].StepLR",
        "its LR first changes after epoch 10",
    ),
]


@pytest.mark.parametrize(
    ("spec", "rule", "severity", "where", "words"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_what_means_nothing_or_crashes_is_found(
    spec: dict[str, Any], rule: str, severity: str, where: str, words: str
) -> None:
    ((name, how, place, message),) = [each for each in found(spec) if each[0] == rule]
    assert (name, how, place) == (rule, severity, where)
    assert words in message


LATER: list[tuple[str, dict[str, Any], int, Sequence[RangeTest], str, str, str]] = [
    # what is found, the spec, the steps per epoch, the range tests, the rule, the place, words of the message
    (
        "total_steps",
        {"schedulers": [{"OneCycleLR": {"total_steps": 100}}], **UNPRUNED},
        23,
        (),
        "total-steps",
        "schedulers[0].OneCycleLR.total_steps",
        "is 100 steps, and it has 460: torch raises",
    ),
    (
        "step-wise lengths",
        {"schedulers": [{"CyclicLR": {"step_size_up": 500}}], **UNPRUNED},
        23,
        (),
        "lengths",
        "schedulers[0].CyclicLR.step_size_up",
        "is 500 steps, and it has 460: the LR never comes to its peak",
    ),
    (
        "epoch-wise lengths of a budget in steps",
        {"schedulers": [{"StepLR": {"step_size": 20}}], **STEPS},
        23,
        (),
        "lengths",
        "schedulers[0].StepLR.step_size",
        "is 20 epochs, and it has 18: the LR never changes",
    ),
    (
        "rungs of a budget in steps",
        {"schedulers": [{"CosineAnnealingLR": {"warmup": 2}}], "budget": {"steps": 400}},
        23,
        (),
        "judged-while-warming-up",
        "schedulers[0].CosineAnnealingLR",
        "its LR rises until epoch 2",
    ),
    (
        "a warm-up that never ends",
        {"schedulers": [{"none": {"warmup": 18}}], **STEPS},
        23,
        (),
        "warmup-fits",
        "schedulers[0].none.warmup",
        "is 18 epochs, and a trial has 18: the warm-up never ends; give less than 18",
    ),
    (
        "Adafactor at a range test's bounds",
        {"optimizers": ["Adafactor"], "schedulers": ["none"]},
        20,
        (a_range_test("Adafactor", 0.1),),
        "adafactor-clamp",
        "optimizers[0].Adafactor.lr",
        "may be 0.3, and Adafactor clamps it at 1/sqrt(step), 0.05 after all 400 steps",
    ),
    (
        "an LR bound at which the optimum sits",
        {"schedulers": ["none"]},
        20,
        (a_range_test("SGD", 0.97),),
        "range-test-at-edge",
        "optimizers[0].SGD.lr",
        "its range test suggests 0.97, at the upper end of its ramp, 0.1 to 1; widen it: lr: {low: 0.1, high: 10}",
    ),
]


@pytest.mark.parametrize(
    ("spec", "steps_per_epoch", "tests", "rule", "where", "words"),
    [case[1:] for case in LATER],
    ids=[c[0] for c in LATER],
)
def test_what_needs_the_task_or_its_range_tests_is_found_once_they_are_known(
    spec: dict[str, Any], steps_per_epoch: int, tests: Sequence[RangeTest], rule: str, where: str, words: str
) -> None:
    assert rule not in [each[0] for each in found(spec)]
    ((_, _, place, message),) = [each for each in found(spec, steps_per_epoch, tests) if each[0] == rule]
    assert place == where
    assert words in message


def test_the_tables_of_this_test_name_every_rule() -> None:
    rules = {rule.__name__.replace("_", "-") for rule in RULES}
    assert rules == {case[2] for case in CASES} | {case[4] for case in LATER}


CLEAN: list[dict[str, Any]] = [
    {},
    {"schedulers": ["none"], "optimizers": [{"Rprop": {"lr": [0.1]}}], "trials": 1},
    {"optimizers": ["LBFGS"], "schedulers": ["none", "CosineAnnealingLR"]},
    {"optimizers": ["LBFGS"], "schedulers": ["none"], "groups": {"all": {"parameters": "*"}}},
    {
        "optimizers": ["SGD", {"AdamW": {"betas": [0.9, 0.99]}}],
        "schedulers": ["OneCycleLR", "CyclicLR", "CosineAnnealingWarmRestarts", "LinearLR"],
        **UNPRUNED,
    },
    {"optimizers": ["SGD"], "schedulers": [{"OneCycleLR": {"total_steps": 400}}], **STEPS},
    {"optimizers": ["SGD"], "schedulers": [{"OneCycleLR": {"cycle_momentum": False}}], **UNPRUNED},
    {"trials": 16},
    {"optimizers": [{"SGD": {"lr": [0.1, 0.01], "momentum": 0.9}}], "schedulers": ["none"], "trials": 2},
    {"schedulers": [{"CosineAnnealingLR": {"T_max": 20}}]},
    {"schedulers": [{"CosineAnnealingLR": {"T_max": 17, "warmup": 3}}], "pruner": {"name": "asha", "first_rung": 4}},
    {"schedulers": [{"StepLR": {"step_size": 8}}]},
    {"schedulers": ["none", {"StepLR": {"step_size": 8}}], "pruner": {"name": "asha", "first_rung": 8}},
    {"optimizers": ["Adagrad", "Adadelta", "Adafactor"], "schedulers": ["OneCycleLR"], **UNPRUNED},
    {"optimizers": ["mypkg.opt:Lion"], "schedulers": [{"OneCycleLR": {"cycle_momentum": True}}], **UNPRUNED},
    {"optimizers": [{"Adafactor": {"lr": [0.05, 0.01]}}], **STEPS, "schedulers": ["none"]},
]


@pytest.mark.parametrize("spec", CLEAN, ids=str)
def test_nothing_is_found_where_nothing_is_wrong(spec: dict[str, Any]) -> None:
    assert found(spec) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_clean(path: Path) -> None:
    spec = parse_spec(read_spec(path))
    for steps_per_epoch in (None, 23):
        assert [str(each) for each in lint(spec, steps_per_epoch=steps_per_epoch)] == []


def test_one_finding_names_all_optimizers_and_schedulers_that_it_is_about() -> None:
    spec = {
        "optimizers": ["Rprop", "SGD", "Adagrad"],
        "schedulers": ["StepLR", "ExponentialLR", {"CyclicLR": {"cycle_momentum": True}}],
    }
    rules = [each[0] for each in found({**spec, **UNPRUNED})]
    assert rules == ["rprop-schedules", "rprop-range-test", "cycled-momentum"]


def test_a_start_at_a_pair_that_is_left_out_is_said() -> None:
    spec = {
        "optimizers": ["LBFGS", "SGD"],
        "starts": [{"optimizer": "SGD", "scheduler": "none", "lr": 0.1}, {"optimizer": "LBFGS", "lr": 1.0}],
        **one_group(),
    }
    assert ("pairs-that-cannot-work", "warning", "starts[1]") in [each[:3] for each in found(spec)]


def test_errors_are_refused_with_their_places_and_warnings_are_not() -> None:
    spec = {"schedulers": ["none", {"OneCycleLR": {"total_steps": [300, 500]}}], **STEPS}
    findings = lint(parse_spec({**README, **spec}))
    assert [each.severity for each in findings if each.rule == "total-steps"] == ["error", "warning"]
    with pytest.raises(
        SpecError, match=r"1 mistake in the spec:\n  schedulers\[1\].OneCycleLR.total_steps: may be 300"
    ):
        refuse_errors(findings)
    refuse_errors([each for each in findings if each.severity == "warning"])


def test_only_what_was_not_said_is_news() -> None:
    said = Finding(rule="a", severity="warning", where="x", what="about 6", mend="less")
    again = Finding(rule="a", severity="warning", where="x", what="6.01", mend="less")
    worse = Finding(rule="a", severity="error", where="x", what="7", mend="less")
    assert news([said], [again, worse]) == [worse]
