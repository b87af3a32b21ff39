"""Turns what is to be tried into orders for workers."""

from collections.abc import Collection, Iterator

from sweeps.catalogue import optimizer_row
from sweeps.domains import Range
from sweeps.pairs import Pair, pair_key, pairs_of
from sweeps.pruning import rungs
from sweeps.records import Budget, Job, Proposal, Ramp
from sweeps.space import hyperparameters, one_value, representative
from sweeps.spec import OptimizerSpec, SweepSpec


def trial_key(number: int) -> str:
    """The name of a trial's job.

    >>> trial_key(3)
    'trial 3'
    """
    return f"trial {number}"


def trial_job(spec: SweepSpec, proposal: Proposal, epochs: int, checkpoints: str | None) -> Job:
    """The order to train one proposal; `checkpoints` is the sweep's folder for lanes that must wait."""
    return Job(
        key=trial_key(proposal.number),
        optimizer=proposal.optimizer,
        scheduler=proposal.scheduler,
        initial_lr=proposal.initial_lr,
        optimizer_params=proposal.optimizer_params,
        scheduler_params=proposal.scheduler_params,
        groups=tuple(each.group for each in spec.groups),
        seed=proposal.seed,
        budget=spec.budget,
        objective=spec.objective,
        early_stopping=spec.early_stopping,
        rungs=rungs(spec.pruner, epochs),
        checkpoint=f"{checkpoints}/trial-{proposal.number}.pt" if checkpoints else None,
    )


def candidate_jobs(spec: SweepSpec, left_out: Collection[Pair]) -> Iterator[Job]:
    """The orders to try every pair for a step before the sweep, with one value of whatever is searched."""
    optimizers = {each.name: each for each in spec.optimizers}
    schedulers = {each.name: each for each in spec.schedulers}
    for pair in pairs_of(spec):
        if pair in left_out:
            continue
        optimizer, scheduler = optimizers[pair[0]], schedulers[pair[1]]
        default_lr = optimizer_row(optimizer.name).default_lr
        lr = one_value(optimizer.lr, default_lr) if optimizer.lr else default_lr
        yield Job(
            key=pair_key(pair),
            optimizer=optimizer.name,
            scheduler=scheduler.name,
            initial_lr=float(lr),  # type: ignore[arg-type]
            optimizer_params=representative(hyperparameters(optimizer, spec.groups), optimizer.name),
            # What is not given the worker takes from the budget.
            scheduler_params={key: one_value(domain) for key, domain in scheduler.params.items()},
            groups=tuple(each.group for each in spec.groups),
            budget=spec.budget,
            objective=spec.objective,
        )


def range_tested(spec: SweepSpec) -> Iterator[OptimizerSpec]:
    """The optimizers that get a range test: those whose LR is left open or is a range."""
    if spec.range_test is not None:
        for optimizer in spec.optimizers:
            if optimizer.lr is None or isinstance(optimizer.lr, Range):
                yield optimizer


def range_test_jobs(spec: SweepSpec, optimizer: OptimizerSpec) -> Iterator[Job]:
    """The orders of one optimizer's range test, one a seed: a ramp over its own LR scale, or over the given range."""
    assert spec.range_test is not None
    bounds = optimizer.lr if isinstance(optimizer.lr, Range) else optimizer_row(optimizer.name).lr
    for seed in range(spec.range_test.seeds):
        yield Job(
            key=f"range test {optimizer.name} seed {seed}",
            optimizer=optimizer.name,
            scheduler="none",
            initial_lr=bounds.low,
            groups=tuple(each.group for each in spec.groups),
            optimizer_params=representative(hyperparameters(optimizer, spec.groups), optimizer.name),
            seed=seed,
            budget=Budget(steps=spec.range_test.steps),
            objective=spec.objective,
            ramp=Ramp(low=bounds.low, high=bounds.high, steps=spec.range_test.steps),
        )
