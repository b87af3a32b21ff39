"""The LR range test of a model and optimizer that somebody holds already: run, read, and undone."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from sweeps.rangetest import ramp_lrs, read_range_test, watch_steps
from sweeps.records import Growth, RangeTest
from sweeps.rules import apply_rules
from workers.notebook.batches import check_batches, endless
from workers.notebook.checks import check_counts, check_training, ramp_of, row_of
from workers.notebook.groups import GroupRatios
from workers.notebook.ramp import Climb, Curve, Loss, Validate
from workers.notebook.result import RangeTestResult
from workers.notebook.unchanged import unchanged, used_by
from workers.optimizers import needs_closure
from workers.seeding import order_seed, seed_epoch


def range_test(
    model: nn.Module,
    optimizer: Optimizer,
    loss: Loss,
    batches: Any,
    *,
    low: float | None = None,
    high: float | None = None,
    steps: int = 100,
    growth: Growth = "exponential",
    seeds: int = 3,
    group: int | None = None,
    accumulation: int = 1,
    validate: Validate | None = None,
) -> RangeTestResult:
    """Finds an initial LR for this model and optimizer, and leaves everything as it was.

    >>> model = nn.Linear(3, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> x = torch.randn(256, 3)
    >>> batches = list(zip(x.split(16), x.sum(1, keepdim=True).split(16)))
    >>> def loss(model, batch):
    ...     x, y = batch
    ...     return nn.functional.mse_loss(model(x), y)
    >>> result = range_test(model, optimizer, loss, batches)
    >>> 1e-5 < result.suggestion < 1 and optimizer.param_groups[0]["lr"] == 0.1
    True

    The model trains from where it stands while the LR grows from `low` to `high` (None: the optimizer's own scale)
    in `steps` updates, exponentially or linearly, until the smoothed loss has diverged, fourfold (Smith, arXiv
    1506.01186; the stop is fastai's). It does so `seeds` times, each time from the same weights and optimizer state,
    with another order of the batches and other draws of dropout: the same call gives the same answer.

    Args:
        model: trains as it is; one that is in evaluation mode as a whole is put into training mode.
        optimizer: any torch optimizer over the model's parameters, with whatever state it has.
        loss: `loss(model, batch)`, the mean loss of a batch as a scalar tensor with gradient.
        batches: a DataLoader, a list of batches, or any object that can be iterated over again and again. Batches
            may have any structure; their tensors come to `loss` on the device of the model's first parameter.
        low, high: bounds of the LR.
        steps: updates of each ramp, at least 2.
        growth: "exponential" or "linear".
        seeds: repetitions, at least 1.
        group: the index of the one param group to test, while the others stay at their LRs. None moves all, at the
            ratios that they have to the first one, whose LR is what the result speaks of.
        accumulation: batches for each update; their gradients are averaged.
        validate: `validate(model)`, called up to 25 times a ramp in evaluation mode without gradients, gives a loss
            or a dict of numbers, kept beside the curves as `val/<name>`; Smith's rules read an `accuracy`.

    However it ends, also by an error, a NaN or Ctrl-C, these are afterwards what they were, and the same objects: the
    model (parameters, buffers, gradients, modes, hooks), the optimizer (state, param groups), the order of a
    DataLoader, the random streams of random, numpy and torch, and torch's switches. A scheduler is not stepped. A
    copy of weights and optimizer state is held in memory meanwhile.

    Raises UserError, a ValueError, for what cannot be tested, and whatever `loss` and `validate` raise.
    """
    row = row_of(optimizer)
    ramp = ramp_of(row, low, high, steps, growth)
    check_counts(seeds=seeds, accumulation=accumulation)
    check_training(model, optimizer, loss)
    check_batches(batches)
    lrs, metric_steps = ramp_lrs(ramp), watch_steps(ramp) if validate else ()
    climb = Climb(
        model=model,
        optimizer=optimizer,
        loss=loss,
        groups=GroupRatios.of(optimizer, group),
        accumulation=accumulation,
        closure=needs_closure(row.name, optimizer),
        validate=validate,
        validate_at=frozenset(metric_steps),
    )
    curves = _repeated(climb, batches, lrs, seeds)
    names = dict.fromkeys(name for curve in curves for name in curve.metrics)
    test = read_range_test(
        row.name,
        seeds=range(seeds),
        lrs=lrs,
        losses=[curve.losses for curve in curves],
        metric_steps=metric_steps,
        metrics={name: [curve.metrics.get(name, ()) for curve in curves] for name in names},
    )
    return _result(test, type(optimizer).__name__, climb.groups)


def _repeated(climb: Climb, batches: Any, lrs: Sequence[float], seeds: int) -> list[Curve]:
    """The curve of each seed, every one from the same start."""
    curves = []
    device = next(climb.model.parameters()).device
    things = [climb.model, climb.optimizer, *used_by(climb.loss), *used_by(climb.validate)]
    # Leaving inference_mode's block also puts autocast back, which a loss may have turned on.
    with unchanged(*things, batches=batches) as kept, torch.inference_mode(False), torch.enable_grad():
        for seed in range(seeds):
            kept.restore()
            climb.drop_gradients()
            seed_epoch(seed, epoch=0)
            for generator in kept.generators:
                generator.manual_seed(order_seed(seed, epoch=0))
            # What an iterable does when it is let go belongs before everything is put back.
            with closing(endless(batches, seed, device)) as stream:
                curves.append(climb.run(lrs, stream))
    return curves


def _result(test: RangeTest, optimizer: str, groups: GroupRatios) -> RangeTestResult:
    return RangeTestResult(
        optimizer=optimizer,
        suggestion=test.initial_lr,
        interval=test.interval,
        trusted=test.trusted,
        reasons=test.reasons,
        rules={name: reading.lr for name, reading in apply_rules(test).items()},
        group_lrs=groups.lrs(test.initial_lr),
        seeds=test.seeds,
        lrs=test.lrs,
        losses=test.losses,
        metric_steps=test.metric_steps,
        metrics=test.metrics,
    )
