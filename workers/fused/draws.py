"""Random numbers in stacked lanes: each row draws what its lane would draw alone, whatever its company."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from workers.fused.streams import RandomStreams
from workers.fused.template import CannotFuse
from workers.seeding import seed_epoch, undisturbed

Place = tuple[int, int]
"""Where a lane stands in its data: (seed, epoch from 0)."""

_aten = torch.ops.aten
_BY_SHAPE = frozenset(
    {
        _aten.bernoulli.p,
        _aten.bernoulli_.float,
        _aten.uniform_.default,
        _aten.normal_.default,
        _aten.exponential_.default,
        _aten.rand_like.default,
        _aten.randn_like.default,
        _aten.rand.default,
        _aten.randn.default,
    }
)
"""What is drawn depends on the shape alone: rows that stand at one place in the stream can share one draw."""


class LaneDraws(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While it is entered, row i of a vmapped computation draws from the stream of the lane at `places[i]`.

    Seeds the global streams, which stay those of the first place: data that draw while they are read share them.
    Raises CannotFuse for an operation that vmap does not draw row by row.
    """

    def __init__(self, streams: RandomStreams, places: Sequence[Place]):
        super().__init__()  # type: ignore[no-untyped-call]
        self._streams = streams
        self._places = list(places)
        self._states: dict[Place, list[Tensor]] = {}
        for place in reversed(dict.fromkeys(places)):
            seed_epoch(*place)
            self._states[place] = streams.get()
        self._first = places[0]

    def keep(self, rows: Sequence[int]) -> None:
        """Goes on for these rows only."""
        self._places = [self._places[row] for row in rows]

    def of_each_place(self, function: Callable[[int, int], Tensor]) -> dict[Place, Tensor]:
        """What a function gives for each place, drawing from the stream there."""
        given: dict[Place, Tensor] = {}
        # The first comes last: where it leaves the global streams they stay.
        for place in reversed(dict.fromkeys(self._places)):
            self._streams.set(self._states[place])
            given[place] = function(*place)
            self._states[place] = self._streams.get()
        return given

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Puts the streams of all rows, and the global ones, back to where they stood."""
        states = dict(self._states)
        with undisturbed():
            yield
        self._states = states

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch.Tag.nondeterministic_seeded not in func.tags:
            return func(*args, **(kwargs or {}))
        before = self._streams.get()
        if not _is_stacked(args[0], len(self._places)):
            result = func(*args, **(kwargs or {}))
            if self._streams.moved(before):
                raise CannotFuse(f"it draws random numbers by {func.__name__.partition('.')[0]}, which lanes cannot")
            return result
        self._states[self._first] = before
        drawn = self._drawn(func, args, kwargs or {})
        self._streams.set(self._states[self._first])
        return args[0] if func._schema.is_mutable else drawn

    def _drawn(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Calls a function for each row, on its share of the arguments; or once for all that stand at one place."""
        rows: list[Any] = [None] * len(self._places)
        for place in dict.fromkeys(self._places):
            own = [row for row, each in enumerate(self._places) if each == place]
            start = self._states[place]
            for row in own:
                if row != own[0] and func in _BY_SHAPE:
                    rows[row] = rows[own[0]]
                    if func._schema.is_mutable:
                        args[0][row].copy_(rows[row])
                    continue
                self._streams.set(start)
                rows[row] = func(*(_share(each, row, len(self._places)) for each in args), **kwargs)
            self._states[place] = self._streams.get()
        if isinstance(rows[0], tuple):
            return tuple(map(torch.stack, zip(*rows, strict=True)))
        return torch.stack(rows)


def _is_stacked(what: Any, rows: int) -> bool:
    """True for a tensor [K, ...], and for the size of one."""
    shape = what.shape if isinstance(what, Tensor) else what if isinstance(what, list) else ()
    return len(shape) > 0 and shape[0] == rows


def _share(argument: Any, row: int, rows: int) -> Any:
    """A row's part of an argument."""
    if not _is_stacked(argument, rows):
        return argument
    return argument[row] if isinstance(argument, Tensor) else argument[1:]
