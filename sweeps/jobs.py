"""Turns what is to be tried into orders for workers."""

from collections.abc import Collection, Iterator

from sweeps.catalogue import optimizer_row
from sweeps.domains import Range
from sweeps.lrprobe import Stretch
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
        yield Job(
            key=pair_key(pair),
            optimizer=optimizer.name,
            scheduler=scheduler.name,
            initial_lr=_given_lr(optimizer),
            optimizer_params=representative(hyperparameters(optimizer, spec.groups), optimizer.name),
            # What is not given the worker takes from the budget.
            scheduler_params={key: one_value(domain) for key, domain in scheduler.params.items()},
            groups=tuple(each.group for each in spec.groups),
            budget=spec.budget,
            objective=spec.objective,
        )


def _given_lr(optimizer: OptimizerSpec) -> float:
    """One LR of those that the spec gives, or the catalogue's."""
    default = optimizer_row(optimizer.name).default_lr
    return float(one_value(optimizer.lr, default)) if optimizer.lr else default  # type: ignore[arg-type]


def range_tested(spec: SweepSpec) -> Iterator[OptimizerSpec]:
    """The optimizers that get a range test: those whose LR is left open or is a range; for a group's LR, all."""
    if spec.range_test is not None:
        for optimizer in spec.optimizers:
            if spec.range_test.group or optimizer.lr is None or isinstance(optimizer.lr, Range):
                yield optimizer


def range_test_ramp(spec: SweepSpec, optimizer: OptimizerSpec) -> Ramp:
    """The ramp of an optimizer's range test: over its own LR scale, or over the range that it was given."""
    assert spec.range_test is not None
    bounds = optimizer.lr if isinstance(optimizer.lr, Range) else optimizer_row(optimizer.name).lr
    test = spec.range_test
    return Ramp(low=bounds.low, high=bounds.high, steps=test.steps, growth=test.growth, group=test.group)


def range_test_jobs(spec: SweepSpec, optimizer: OptimizerSpec, wider: Ramp | None = None) -> Iterator[Job]:
    """The orders of one optimizer's range test, one a seed, or of the wider ramp that runs after it."""
    assert spec.range_test is not None
    ramp = wider or range_test_ramp(spec, optimizer)
    lr = ramp.low if ramp.group is None else _given_lr(optimizer)
    span = f", {wider.low:.2g} to {wider.high:.2g}" if wider else ""
    for seed in range(spec.range_test.seeds):
        yield Job(
            key=f"range test {optimizer.name} seed {seed}{span}",
            optimizer=optimizer.name,
            scheduler="none",
            initial_lr=lr,
            groups=tuple(each.group for each in spec.groups),
            optimizer_params=representative(hyperparameters(optimizer, spec.groups), optimizer.name),
            seed=seed,
            budget=Budget(steps=ramp.steps),
            objective=spec.objective,
            ramp=ramp,
        )


def probe_job(spec: SweepSpec, optimizer: str, stretch: Stretch, checkpoints: str | None, *, known: int = 0) -> Job:
    """The order to train a lane of an optimizer's probe up to an epoch, from where its checkpoint left it.

    `known` epochs of it were heard of.
    """
    number, given = next((n, each) for n, each in enumerate(spec.optimizers) if each.name == optimizer)
    scheduler = spec.schedulers[0]
    return Job(
        key=f"probe {optimizer} lr {stretch.lr:.6g} seed {stretch.seed} to {stretch.epochs}",
        optimizer=optimizer,
        scheduler=scheduler.name,
        initial_lr=stretch.lr,
        optimizer_params=representative(hyperparameters(given, spec.groups), optimizer),
        scheduler_params={key: one_value(domain) for key, domain in scheduler.params.items()},
        groups=tuple(each.group for each in spec.groups),
        seed=stretch.seed,
        budget=spec.budget,
        objective=spec.objective,
        rungs=(stretch.epochs,),
        checkpoint=f"{checkpoints}/probe-{number}-{stretch.lr:.6g}-{stretch.seed}.pt" if checkpoints else None,
        known=known,
    )
