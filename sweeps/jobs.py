"""Turns what is to be tried into orders for workers."""

from collections.abc import Iterator

from sweeps.catalogue import optimizer_row, optimizer_space
from sweeps.domains import Range
from sweeps.pruning import rungs
from sweeps.records import Budget, Job, Proposal, Ramp
from sweeps.space import representative
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
            optimizer_params=representative(optimizer_space(optimizer.name, optimizer.params), optimizer.name),
            seed=seed,
            budget=Budget(steps=spec.range_test.steps),
            objective=spec.objective,
            ramp=Ramp(low=bounds.low, high=bounds.high, steps=spec.range_test.steps),
        )
