"""What Optuna is given: samplers, pruners and distributions, as a spec has them."""

import hashlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, CmaEsSampler, QMCSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from sweeps.domains import Choice, Fixed, Range, Value
from sweeps.space import SearchSpace
from sweeps.spec import PrunerSpec, SweepSpec


def samplers_of(spec: SweepSpec, space: SearchSpace) -> Callable[[int], BaseSampler]:
    """Makes the sampler of one ask from the number asked for."""
    flat = {name: distribution(domain) for name, domain in space.flat().items() if not isinstance(domain, Fixed)}
    table: Mapping[str, Callable[[int], BaseSampler]] = {
        # A conditional space needs multivariate and group, or TPE samples every parameter alone.
        "tpe": lambda number: TPESampler(
            n_startup_trials=spec.sampler.startup_trials,
            multivariate=True,
            group=True,
            constant_liar=True,
            seed=_derive(spec.seed, number),
        ),
        # One sequence for the whole sweep: only the place in it changes from configuration to configuration. To
        # take every n-th point of it would leave parts of the space empty.
        "quasi-random": lambda number: _WholeSpaceQMC(flat, spec.seed, number // len(spec.seeds)),
        "random": lambda number: RandomSampler(seed=_derive(spec.seed, number)),
        # Every point of a grid is a starting point, so that nothing is left to sample.
        "grid": lambda number: RandomSampler(seed=spec.seed),
        "cma-es": lambda number: CmaEsSampler(
            n_startup_trials=spec.sampler.startup_trials,
            warn_independent_sampling=False,
            seed=_derive(spec.seed, number),
        ),
    }
    return table[spec.sampler.name]


def _derive(seed: int, number: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}/{number}".encode()).digest()[:4])


class _WholeSpaceQMC(QMCSampler):
    """Spreads points over every dimension at once, also over those that a point then does not use."""

    def __init__(self, space: dict[str, BaseDistribution], seed: int, number: int):
        super().__init__(scramble=True, seed=seed, warn_independent_sampling=False)
        self._space, self._number = space, number

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._space

    def _find_sample_id(self, study: Study, search_space: dict[str, BaseDistribution]) -> int:
        # Optuna counts the points that it has drawn, which a rebuilt study has not; the number says the same.
        return self._number


def pruner_of(pruner: PrunerSpec, epochs: int) -> BasePruner:
    """What judges trials of so many epochs."""
    match pruner.name:
        case "asha":
            return SuccessiveHalvingPruner(min_resource=pruner.first_rung, reduction_factor=pruner.reduction_factor)
        case "hyperband":
            return HyperbandPruner(
                min_resource=pruner.first_rung, max_resource=epochs, reduction_factor=pruner.reduction_factor
            )
        case "median":
            return MedianPruner(
                n_startup_trials=pruner.startup_trials,
                n_warmup_steps=pruner.first_rung,
                interval_steps=pruner.first_rung,
            )
        case "none":
            return NopPruner()


def category(value: Value) -> Any:
    """Optuna's categories are scalars; pairs and milestones go by their text."""
    return str(value) if isinstance(value, tuple) else value


def distribution(domain: Choice | Range) -> BaseDistribution:
    """A domain as Optuna says it."""
    if isinstance(domain, Choice):
        return CategoricalDistribution([category(value) for value in domain.values])
    if domain.integer:
        return IntDistribution(int(domain.low), int(domain.high), log=domain.log)
    return FloatDistribution(domain.low, domain.high, log=domain.log)


class quiet(warnings.catch_warnings):
    """Keeps Optuna's warnings about its own experimental options from the user, who did not choose them."""

    def __enter__(self) -> Any:
        entered = super().__enter__()
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return entered
