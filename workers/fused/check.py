"""Whether a model trains stacked as it does alone: vmap may be wrong without a word, and so may a model under it."""

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from sweeps.spec import Precision
from workers.data import Batches
from workers.fused.alike import alike, in_double
from workers.fused.batches import spread
from workers.fused.draws import LaneDraws, Place
from workers.fused.model import StackedModel
from workers.fused.streams import RandomStreams
from workers.fused.template import CannotFuse, Template
from workers.prepared import PreparedTask
from workers.seeding import seed_epoch, seed_model

_BATCHES = 2
_PLACES: tuple[Place, ...] = ((0, 0), (1, 0))

_Numbers = Iterator[tuple[str, Tensor]]
"""What is compared, by what it is called, for one model or stacked, [K, ...]."""


def check_stacking(prepared: PreparedTask, data: Batches) -> None:
    """Compares stacked models with the same ones alone: losses, gradients, buffers, metrics of the first batches.

    Where training draws random numbers, which a GPU may draw in another order, losses are those of evaluation there.
    Raises CannotFuse if they differ, or what torch and the user's code raise.
    """
    batches = list(islice(data.shuffled(0, 0), _BATCHES))
    template = Template(prepared, batches[0])
    stacked = StackedModel(template)
    validation = None if prepared.val is None else next(prepared.val.in_order())
    alone = [dict(_alone(prepared.own(), stacked, place, batches, validation)) for place in _PLACES]
    stacked.adopt([_model(prepared.own(), place) for place in _PLACES])
    for name, values in _stacked(prepared, template, stacked, batches, validation):
        for value, own in zip(values, (each[name] for each in alone), strict=True):
            _compare(name, value, own, prepared.precision)


def _model(prepared: PreparedTask, place: Place) -> nn.Module:
    seed_model(place[0])
    return prepared.model()


def _alone(
    prepared: PreparedTask, stacked: StackedModel, place: Place, batches: list[Any], validation: Any
) -> _Numbers:
    model = _model(prepared, place)
    seed_epoch(*place)
    model.train(_is_training(stacked, prepared))
    for number, batch in enumerate(batches, start=1):
        model.zero_grad(set_to_none=True)
        loss = prepared.loss(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        yield f"the loss of batch {number}", loss.detach()
        grads = [torch.zeros_like(each) if each.grad is None else each.grad for each in stacked.layout.trained(model)]
        yield f"the gradient of batch {number}", torch.cat([each.reshape(-1) for each in grads])
    yield from stacked.layout.fixed(model).items()
    if validation is not None:
        model.eval()
        with torch.no_grad():
            yield from prepared.metrics(model, validation).items()


def _stacked(
    prepared: PreparedTask, template: Template, model: StackedModel, batches: list[Any], validation: Any
) -> _Numbers:
    draws = LaneDraws(RandomStreams(prepared.device), _PLACES)
    drawing = draws if model.draws else nullcontext()
    for number, batch in enumerate(batches, start=1):
        with drawing:
            losses = model.losses(spread(batch, len(_PLACES)), training=_is_training(model, prepared))
        template.refuse_own_gradients(losses)
        yield f"the loss of batch {number}", losses.detach()
        yield f"the gradient of batch {number}", model.gradient(losses, drawing)
    yield from model.fixed.items()
    if validation is not None:
        with drawing:
            metrics = model.metrics(spread(validation, len(_PLACES)))
        yield from metrics.items()


def _is_training(stacked: StackedModel, prepared: PreparedTask) -> bool:
    return prepared.device.type == "cpu" or not stacked.draws


def _compare(name: str, stacked: Tensor, alone: Tensor, precision: Precision) -> None:
    if not alike(stacked, alone, precision):
        a, b = (float(in_double(each).norm()) for each in (stacked, alone))
        raise CannotFuse(
            f"{name} would be {a:.6g} when lanes are stacked, and is {b:.6g} alone; the "
            "model may keep something that is neither parameter nor buffer, or assign a buffer anew instead of writing "
            "into it"
        )
