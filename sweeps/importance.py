"""Which parameters decided how good a trial was: Optuna's importances over what the store kept."""

import warnings
from collections.abc import Sequence
from dataclasses import replace

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from sweeps.domains import Choice, Range, Value
from sweeps.objective import Objective
from sweeps.optunaparts import category, distribution, quiet
from sweeps.proposer import point_of
from sweeps.records import Outcome, TrialResult
from sweeps.space import SearchSpace

_TOP, _SHARE = 5, 0.1
"""The best trials that are compared with all: this many or, if that is more, this share. Optuna asks for five."""

FEWEST = 3 * _TOP
"""Trials below which the best are too much like all."""


def importances(results: Sequence[TrialResult], space: SearchSpace, objective: Objective) -> dict[str, float]:
    """How much each parameter decides whether a trial is among the best, as shares of 1, the greatest first.

    PED-ANOVA for conditional spaces, as Optuna 5 has it (arXiv 2304.10255 and 2601.20800). It knows of a trial no more
    than whether it is among the best, so pruned ones count with what they came to and diverged ones below all. Empty
    where less than `FEWEST` trials ended so, or where none of them stands out.
    """
    values = _values(results, objective)
    if len(values) < FEWEST or len(set(values.values())) < _TOP:
        return {}
    domains = {name: domain for name, domain in space.flat().items() if isinstance(domain, Choice | Range)}
    evaluator = PedAnovaImportanceEvaluator(target_quantile=max(_SHARE, _TOP / len(values)))
    with quiet():
        # Where one optimizer has most of the best trials, little is known of the others' parameters: shares are rough.
        warnings.simplefilter("ignore", UserWarning)
        study = optuna.create_study(direction=objective.direction)
        for result in results:
            if (number := result.proposal.number) in values:
                point = {name: value for name, value in point_of(result.proposal).items() if name in domains}
                study.add_trial(
                    optuna.trial.create_trial(
                        value=values[number],
                        params={name: category(value) for name, value in point.items()},
                        distributions={
                            name: distribution(_reaching(domains[name], value)) for name, value in point.items()
                        },
                    )
                )
        shares = get_param_importances(study, evaluator=evaluator)
    return dict(shares) if sum(shares.values()) else {}


def _values(results: Sequence[TrialResult], objective: Objective) -> dict[int, float]:
    """What each trial counts with, by its number."""
    found = {
        each.proposal.number: each.value
        for each in results
        if each.outcome in (Outcome.COMPLETE, Outcome.PRUNED) and each.value is not None
    }
    worst = (max if objective.direction == "minimize" else min)(found.values(), default=0.0)
    below_all = worst + (1.0 if objective.direction == "minimize" else -1.0)
    return found | {each.proposal.number: below_all for each in results if each.outcome is Outcome.DIVERGED}


def _reaching(domain: Choice | Range, value: Value) -> Choice | Range:
    """A range that reaches to a starting point beyond it."""
    if not isinstance(domain, Range) or isinstance(value, str | tuple):
        return domain
    return replace(domain, low=min(domain.low, value), high=max(domain.high, value))
