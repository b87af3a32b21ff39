"""How lanes of a stacked model are stepped: many at once by one rule, or one by its stock optimizer."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from sweeps.catalogue import is_path, optimizer_row
from workers.fused.streams import RandomStreams
from workers.fused.template import CannotFuse, Layout
from workers.lane import Lane
from workers.memory import is_short_of_memory
from workers.stacked.optimizer import StackedOptimizer
from workers.stacked.rule import Flags, flags_of
from workers.stacked.rules import RULES

SliceKey = tuple[str, Flags]
"""Lanes of one key step together."""


class Slice(Protocol):
    """Lanes that lie in adjacent rows and step together."""

    lanes: list[Lane]
    error: Exception | None
    """What the lane's own optimizer raised in a step; the lane stands still since."""

    def prepare(self, steps: int) -> None:
        """Makes the next steps ready, from where the lanes stand."""

    def step(self, flat: Tensor, grad: Tensor) -> None:
        """Takes the next step of every lane: moves its parameters in place, rows [k, P] on gradients [k, P]."""

    def select(self, rows: Sequence[int]) -> None:
        """Keeps the lanes of these rows, whose parameters and optimizers are their own again once they have left."""

    def settle(self, row: int) -> None:
        """Brings the lane's own optimizer to where the steps have left it."""


class StackedSlice:
    """Lanes of one elementwise rule, each with hyperparameters, LR and step count of its own."""

    error: Exception | None = None

    def __init__(self, lane: Lane, layout: Layout):
        self.lanes = [lane]
        self._layout = layout
        parameter = layout.trained(lane.model)[0]
        self._optimizer = StackedOptimizer(
            lane.job.optimizer,
            [_group(lane)],
            sum(layout.sizes),
            cycled=_is_cycled(lane),
            dtype=parameter.dtype,
            device=parameter.device,
        )
        if lane.optimizer.state:
            self._optimizer.load_lane(0, _of_trained(lane, layout))

    def append(self, *others: "StackedSlice") -> None:
        """Takes in other slices of the same key."""
        self._optimizer.append(*(each._optimizer for each in others))
        self.lanes += [lane for each in others for lane in each.lanes]

    def prepare(self, steps: int) -> None:
        columns = [_columns(lane, steps) for lane in self.lanes]
        momenta = np.array([momentum for _, momentum in columns]).T
        self._optimizer.prepare(np.array([lr for lr, _ in columns]).T, None if np.isnan(momenta).all() else momenta)

    def step(self, flat: Tensor, grad: Tensor) -> None:
        self._optimizer.step(flat, grad)

    def select(self, rows: Sequence[int]) -> None:
        self._optimizer.select(rows)
        self.lanes = [self.lanes[row] for row in rows]

    def settle(self, row: int) -> None:
        lane, layout = self.lanes[row], self._layout
        lane.optimizer.load_state_dict(_of_all(lane, layout, self._optimizer.lane_state(row, layout.shapes)))


class StockSlice:
    """One lane whose optimizer works on its row through the lane's own parameters, which are views of it."""

    def __init__(self, lane: Lane, layout: Layout):
        self.lanes = [lane]
        self._layout = layout
        named = dict(lane.model.named_parameters())
        self._parameters = [named[name] for name in layout.names]
        self._done = 0
        self.error: Exception | None = None
        # A class of the user's may draw random numbers, and in its own way move parameters out of their rows.
        self._streams = RandomStreams(self._parameters[0].device) if is_path(lane.job.optimizer) else None

    def prepare(self, steps: int) -> None:
        self._done = 0

    def step(self, flat: Tensor, grad: Tensor) -> None:
        if self.error is not None:
            return
        [lane] = self.lanes
        for parameter, view in zip(self._parameters, self._layout.views(grad[0]), strict=True):
            parameter.grad = view
        lane.schedule.set(epoch=lane.epoch, step=lane.step + self._done)
        before = self._streams.get() if self._streams else []
        try:
            lane.optimizer.step()
            self._bring_home(flat[0])
        except Exception as error:
            if is_short_of_memory(error):
                raise
            self.error = error
        if self._streams and self._streams.moved(before):
            raise CannotFuse(f"{lane.job.optimizer} draws random numbers, which lanes would share")
        self._done += 1

    def _bring_home(self, row: Tensor) -> None:
        """Puts parameters back into the row whose tensors the optimizer has replaced."""
        for parameter, view in zip(self._parameters, self._layout.views(row), strict=True):
            if parameter.data_ptr() != view.data_ptr():
                view.copy_(parameter.detach())
                parameter.data = view

    def select(self, rows: Sequence[int]) -> None:
        self.lanes = [self.lanes[row] for row in rows]

    def settle(self, row: int) -> None:
        """Nothing: the lane's own optimizer is what steps."""


def slice_of(lane: Lane, layout: Layout) -> tuple[SliceKey, StackedSlice | StockSlice]:
    """A slice of this lane alone, and what lanes may be in it; only a stacked one takes others in.

    Raises CannotFuse where code waits for the gradients of a lane's own parameters.
    """
    name = lane.job.optimizer
    if _has_hooks(layout.trained(lane.model)):
        raise CannotFuse("its parameters have hooks, which would not be called")
    # Stock takes a complex number for two of its own.
    is_complex = layout.trained(lane.model)[0].is_complex()
    if name not in RULES or len(lane.initial_lrs) > 1 or _group(lane).get("maximize") or is_complex:
        return (name, frozenset()), StockSlice(lane, layout)
    key = name, flags_of(_group(lane), cycled=_is_cycled(lane))
    try:
        return key, StackedSlice(lane, layout)
    except ValueError:
        # A checkpoint whose parameters have done different numbers of steps, say.
        return key, StockSlice(lane, layout)


def can_fuse(lane: Lane) -> bool:
    """True if a lane's optimizer is content with gradients that come for all lanes at once, and dense."""
    return not (lane.by_closure or optimizer_row(lane.job.optimizer).needs.sparse)


def _has_hooks(parameters: Sequence[Tensor]) -> bool:
    """True if code is called with the gradient of one of these parameters.

    >>> import torch
    >>> weight = torch.ones(1, requires_grad=True)
    >>> _ = weight.register_hook(lambda grad: grad.clamp(-1, 1))
    >>> _has_hooks([weight]), _has_hooks([torch.ones(1)])
    (True, False)
    """
    return any(each._backward_hooks or getattr(each, "_post_accumulate_grad_hooks", None) for each in parameters)


def _group(lane: Lane) -> dict[str, Any]:
    [group] = lane.optimizer.param_groups
    return {key: value for key, value in group.items() if key != "params"}


def _places(lane: Lane, layout: Layout) -> list[int]:
    """Where the trained parameters stand among those of the lane's own optimizer, which holds the others as well."""
    [group] = lane.optimizer.param_groups
    place = {id(each): index for index, each in enumerate(group["params"])}
    return [place[id(each)] for each in layout.trained(lane.model)]


def _of_trained(lane: Lane, layout: Layout) -> dict[str, Any]:
    """The state of a lane's own optimizer as if there were the trained parameters alone."""
    kept = lane.optimizer.state_dict()
    places, [group] = _places(lane, layout), kept["param_groups"]
    state = {index: kept["state"][place] for index, place in enumerate(places) if place in kept["state"]}
    return {"state": state, "param_groups": [{**group, "params": list(range(len(places)))}]}


def _of_all(lane: Lane, layout: Layout, kept: dict[str, Any]) -> dict[str, Any]:
    """The state of the trained parameters as the lane's own optimizer takes it."""
    [group], [own] = kept["param_groups"], lane.optimizer.param_groups
    places = _places(lane, layout)
    state = {places[index]: each for index, each in kept["state"].items()}
    return {"state": state, "param_groups": [{**group, "params": list(range(len(own["params"])))}]}


def _is_cycled(lane: Lane) -> bool:
    return lane.schedule.momenta(epoch=lane.epoch, step=lane.step) is not None


def _columns(lane: Lane, steps: int) -> tuple[list[float], list[float]]:
    """LR and momentum of a lane's next steps, [steps] each; NaN for a momentum that no schedule sets."""
    if not lane.schedule.by_step:
        return [lane.schedule.lrs(epoch=lane.epoch, step=lane.step)[0]] * steps, [np.nan] * steps
    at = range(lane.step, lane.step + steps)
    momenta = [lane.schedule.momenta(epoch=lane.epoch, step=step) for step in at]
    return (
        [lane.schedule.lrs(epoch=lane.epoch, step=step)[0] for step in at],
        [np.nan if row is None else row[0] for row in momenta],
    )
