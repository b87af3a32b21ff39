"""Importances are Optuna's, of what the store kept, and say what decided."""

import random
from typing import Any

import optuna
import pytest
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from sweeps.domains import Choice, Range
from sweeps.importance import FEWEST, importances
from sweeps.objective import Objective
from sweeps.records import Outcome, TrialResult
from sweeps.space import SearchSpace
from tests.doubles import a_result

SPACE = SearchSpace(
    optimizers={"SGD": {"lr": Range(low=1e-4, high=1.0, log=True), "momentum": Choice(values=(0.0, 0.9))}},
    schedulers={"none": {}, "StepLR": {"step_size": Range(low=1, high=10, integer=True)}},
)


def results(count: int, value: Any, **fields: Any) -> list[TrialResult]:
    """Trials at random places, and what each came to."""
    draw = random.Random(0)
    made = []
    for number in range(count):
        lr, momentum = 10 ** draw.uniform(-4, 0), draw.choice([0.0, 0.9])
        scheduler = draw.choice(["none", "StepLR"])
        params = {"step_size": draw.randint(1, 10)} if scheduler == "StepLR" else {}
        made.append(
            a_result(
                number,
                value(lr, momentum),
                scheduler=scheduler,
                initial_lr=lr,
                optimizer_params={"momentum": momentum},
                scheduler_params=params,
                **fields,
            )
        )
    return made


def of_lr(lr: float, momentum: float) -> float:
    return abs(lr - 0.03)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_what_decides_comes_first(direction: Any) -> None:
    sign = 1 if direction == "minimize" else -1
    found = importances(results(60, lambda lr, _: sign * of_lr(lr, 0)), SPACE, Objective(direction=direction))
    assert next(iter(found)) == "SGD.lr"
    assert found["SGD.lr"] > 0.5
    assert sum(found.values()) == pytest.approx(1)


def test_it_is_what_optuna_says_of_a_study_of_its_own() -> None:
    told = results(40, lambda lr, momentum: of_lr(lr, momentum) + momentum)
    study = optuna.create_study()
    queue = iter(told)

    def objective(trial: optuna.Trial) -> float:
        result = next(queue)
        trial.suggest_categorical("optimizer", ["SGD"])
        scheduler = trial.suggest_categorical("scheduler", ["none", "StepLR"])
        trial.suggest_float("SGD.lr", 1e-4, 1.0, log=True)
        trial.suggest_categorical("SGD.momentum", [0.0, 0.9])
        if scheduler == "StepLR":
            trial.suggest_int("StepLR.step_size", 1, 10)
        assert result.value is not None
        return result.value

    for result in told:
        proposal = result.proposal
        study.enqueue_trial(
            {"optimizer": "SGD", "scheduler": proposal.scheduler, "SGD.lr": proposal.initial_lr, **proposal.params}
        )
    study.optimize(objective, n_trials=len(told))
    wanted = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=5 / 40))
    assert importances(told, SPACE, Objective()) == pytest.approx(wanted)


def test_diverged_trials_count_below_all_and_failed_ones_say_nothing() -> None:
    told = results(40, of_lr)
    bad = [a_result(40 + place, None, outcome=Outcome.DIVERGED, initial_lr=1.0) for place in range(10)]
    lost = [a_result(60 + place, None, outcome=Outcome.FAILED, initial_lr=1.0) for place in range(10)]
    assert importances([*told, *lost], SPACE, Objective()) == importances(told, SPACE, Objective())
    assert importances([*told, *bad], SPACE, Objective()) != importances(told, SPACE, Objective())


def test_too_few_trials_and_equal_ones_say_nothing() -> None:
    assert importances([], SPACE, Objective()) == {}
    assert importances(results(FEWEST - 1, of_lr), SPACE, Objective()) == {}
    assert importances(results(40, lambda *_: 0.5), SPACE, Objective()) == {}


def test_a_starting_point_outside_of_what_is_searched_does_no_harm() -> None:
    told = [*results(40, of_lr), a_result(40, 0.1, initial_lr=5.0, optimizer_params={"momentum": 0.9})]
    assert importances(told, SPACE, Objective())
