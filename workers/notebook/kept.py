"""Remembers objects in place, so that whatever trains with them can be undone bit for bit, any number of times."""

import random
from collections import deque
from collections.abc import Callable, Iterable
from functools import singledispatch
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset, Sampler

Undo = Callable[[], None]
Memory = tuple[Undo | None, Iterable[Any]]
"""How one object is put back, and what it holds that must be remembered as well."""


class Kept:
    """Objects and what they reach, as they were when this was made; `restore` puts them back, as often as asked.

    Everything stays the same object: a tensor gets its bytes, its memory, its gradient and its version back, a
    container its contents, a module or an optimizer its attributes. The bytes are kept once for each storage, so
    ties and views survive. Attributes that are no tensors, arrays, containers, modules or random streams are put
    back as references. Of what gives batches only attributes and random streams are remembered, never the data.
    """

    def __init__(self, *things: Any, batches: Any = None):
        self._undo: list[Undo] = []
        self.generators: list[torch.Generator] = []
        # Holding what was seen keeps its id from being given to something else.
        self._seen = seen = dict[int, Any]()
        waiting = list(things)
        if hasattr(batches, "__dict__"):
            undo, held = source(batches)
            self._undo += [undo] if undo else []
            waiting += held
        while waiting:
            thing = waiting.pop()
            if id(thing) in seen:
                continue
            seen[id(thing)] = thing
            if isinstance(thing, torch.Generator):
                self.generators.append(thing)
            undo, held = remembered(thing)
            if undo:
                self._undo.append(undo)
            waiting += held

    def restore(self) -> None:
        """Puts everything back."""
        with torch.no_grad():
            for undo in self._undo:
                undo()


@singledispatch
def remembered(thing: Any) -> Memory:
    """How to put a thing back, by its type; what is of no known type is left alone."""
    return None, ()


@remembered.register
def _(thing: dict) -> Memory:  # type: ignore[type-arg]
    items = dict(thing)

    def undo() -> None:
        thing.clear()
        thing.update(items)

    return undo, items.values()


@remembered.register
def _(thing: list) -> Memory:  # type: ignore[type-arg]
    items = list(thing)

    def undo() -> None:
        thing[:] = items

    return undo, items


@remembered.register(set)
@remembered.register(deque)
def _(thing: Any) -> Memory:
    items = list(thing)

    def undo() -> None:
        thing.clear()
        (thing.update if isinstance(thing, set) else thing.extend)(items)

    return undo, items


@remembered.register
def _(thing: tuple) -> Memory:  # type: ignore[type-arg]
    return None, thing


@remembered.register(nn.Module)
@remembered.register(Optimizer)
def _(thing: Any) -> Memory:
    return None, [vars(thing)]


@remembered.register(DataLoader)
@remembered.register(Sampler)
@remembered.register(Dataset)
def source(thing: Any) -> Memory:
    """What gives batches: its attributes and random streams, and those of the sources that it is made of."""
    attributes = vars(thing)
    saved = dict(attributes)

    def undo() -> None:
        attributes.clear()
        attributes.update(saved)

    return undo, [each for each in saved.values() if isinstance(each, _GIVES_BATCHES)]


@remembered.register
def _(thing: np.ndarray) -> Memory:
    values = thing.copy()

    def undo() -> None:
        thing[...] = values

    return (undo if thing.flags.writeable else None), ()


@remembered.register
def _(thing: torch.Generator) -> Memory:
    state = thing.get_state()

    def undo() -> None:
        thing.set_state(state)

    return undo, ()


@remembered.register
def _(thing: random.Random) -> Memory:
    state = thing.getstate()
    return lambda: thing.setstate(state), ()


@remembered.register
def _(thing: np.random.RandomState) -> Memory:
    state = thing.get_state(legacy=False)
    return lambda: thing.set_state(state), ()


@remembered.register
def _(thing: np.random.Generator) -> Memory:
    state = thing.bit_generator.state

    def undo() -> None:
        thing.bit_generator.state = state

    return undo, ()


@remembered.register
def _(thing: torch.UntypedStorage) -> Memory:
    if thing.device.type == "meta":
        return None, ()
    values = thing.clone()  # type: ignore[no-untyped-call]

    def undo() -> None:
        if thing.nbytes() != values.nbytes():
            thing.resize_(values.nbytes())
        thing.copy_(values)

    return undo, ()


@remembered.register
def _(thing: Tensor) -> Memory:
    alias, leaf, needs_grad = thing.detach(), thing.is_leaf, thing.requires_grad
    has_grad = leaf or thing.retains_grad
    grad = thing.grad if has_grad else None
    hooks, late_hooks = thing._backward_hooks, thing._post_accumulate_grad_hooks
    version = None if thing.is_inference() else thing._version

    def undo() -> None:
        if leaf and not thing.is_leaf:
            thing.detach_()
        if thing.layout != torch.strided or not thing.is_set_to(alias):
            thing.data = alias
        if leaf:
            thing.requires_grad_(needs_grad)
            if thing._backward_hooks is not hooks:
                thing._backward_hooks = hooks
            if thing._post_accumulate_grad_hooks is not late_hooks:
                thing._post_accumulate_grad_hooks = late_hooks
        if has_grad:
            thing.grad = grad
        if version is not None:
            # The values are the same again, so a graph that still waits for its backward pass may go on.
            torch._C._autograd._unsafe_set_version_counter((thing,), (version,))

    return undo, [*_memory(alias), grad, hooks, late_hooks, vars(thing)]


RANDOM_STREAMS = (torch.Generator, random.Random, np.random.RandomState, np.random.Generator)
_GIVES_BATCHES = (DataLoader, Sampler, Dataset, *RANDOM_STREAMS)


def _memory(tensor: Tensor) -> list[Any]:
    """The storages that hold a tensor's values."""
    if tensor.layout == torch.sparse_coo:
        return [tensor._indices().untyped_storage(), tensor._values().untyped_storage()]
    return [tensor.untyped_storage()] if tensor.layout == torch.strided else []
