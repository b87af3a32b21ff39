"""The optimizer of a slice: lanes of one rule and one set of flags, stepped together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workers.momentum import momentum_of, set_momentum
from workers.stacked.rule import Array, Chunk, Group, Scalars, flags_of
from workers.stacked.rules import RULES, stock_group
from workers.stacked.stockstate import LaneState, from_stock, to_stock


@dataclass(slots=True, kw_only=True)
class _Prepared:
    """A chunk whose scalars are on the device, and how many of its steps are done."""

    lr: Array
    momentum: Array | None
    after: Mapping[str, Array]
    names: tuple[str, ...]
    scalars: Tensor
    """[T, names, k, 1]."""
    done: int = 0


class StackedOptimizer:
    """Steps k lanes at once, each with its own hyperparameters and step count; row i belongs to lane i.

    Parameters and gradients are [k, P] tensors. `prepare` computes what the host knows of the next T steps; then `step`
    runs up to T times and waits for nothing. On a CPU a row moves bit for bit as the stock optimizer (torch 2.13,
    foreach=False) moves the same numbers. `cycled` says that a schedule changes SGD's or RMSprop's momentum.

    Raises ValueError for lanes that differ in their flags.
    """

    def __init__(
        self,
        name: str,
        groups: Sequence[Group],
        size: int,
        *,
        cycled: bool = False,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ):
        flags = {flags_of(group, cycled=cycled) for group in groups}
        if len(flags) != 1:
            raise ValueError(
                f"the lanes of a slice have the same flags, got {sorted(map(sorted, flags))}; make a slice of each"
            )
        self.name, self.rule, [self.flags] = name, RULES[name], flags
        self.groups: list[dict[str, Any]] = [dict(group) for group in groups]
        self.state = {
            each.name: torch.zeros(len(groups), size, dtype=dtype, device=device)
            for each in self.rule.tensors(self.flags)
        }
        self._numbers = {key: np.full(len(groups), value) for key, value in self.rule.first.items()}
        self._dtype, self._device = torch.promote_types(dtype, torch.float32), device
        self._prepared: _Prepared | None = None
        self._fill_first()

    def __len__(self) -> int:
        return len(self.groups)

    def prepare(self, lrs: Array, momenta: Array | None = None) -> None:
        """Makes the next T steps ready: LRs [T, k] and, where a schedule cycles it, momentum or first beta [T, k].

        NaN stands for a lane's own momentum. Steps of an earlier chunk that were not taken are forgotten.
        """
        assert momenta is None or "cycled" in self.flags or "momentum" not in self.groups[0], "the lanes are not cycled"
        self._settle()
        lrs = np.asarray(lrs, dtype=np.float64)
        own = np.broadcast_to(_momenta(self.groups), lrs.shape)
        momentum = own if momenta is None else np.where(np.isnan(momenta), own, momenta)
        for group, lr in zip(self.groups, lrs[0].tolist(), strict=True):
            group["lr"] = lr
        self._fill_first()
        hyper = {key: np.array([group[key] for group in self.groups], np.float64) for key in _numeric_keys(self.name)}
        chunk = Chunk(flags=self.flags, hyper=hyper, lr=lrs, momentum=momentum, before=self._numbers)
        # A lane may overflow or divide by 0: it turns non-finite, and no other notices.
        with np.errstate(all="ignore"):
            numbers = self.rule.numbers(chunk)
        packed = np.stack([np.broadcast_to(each, lrs.shape) for each in numbers.scalars.values()], axis=1)
        self._prepared = _Prepared(
            lr=lrs,
            momentum=None if momenta is None else momentum,
            after=numbers.after,
            names=tuple(numbers.scalars),
            scalars=torch.from_numpy(packed[..., None]).to(self._dtype).to(self._device),
        )

    def scalars(self) -> Scalars:
        """The scalars of the next prepared step, each [k, 1]; the step counts as done."""
        assert self._prepared is not None, "prepare() comes first"
        row = self._prepared.scalars[self._prepared.done]
        self._prepared.done += 1
        return dict(zip(self._prepared.names, row.unbind(), strict=True))

    @torch.no_grad()
    def step(self, param: Tensor, grad: Tensor) -> None:
        """Takes the next prepared step with every lane: moves parameters [k, P] in place on gradients [k, P]."""
        self.rule.update(self.flags, param, grad, self.state, self.scalars())

    def select(self, rows: Sequence[int]) -> None:
        """Keeps the lanes of these rows, in this order; prepare() comes next."""
        self._leave_chunk()
        index = torch.tensor(rows, device=self._device)
        self.groups = [self.groups[row] for row in rows]
        self.state = {name: tensor[index] for name, tensor in self.state.items()}
        self._numbers = {name: array[list(rows)] for name, array in self._numbers.items()}

    def append(self, *others: "StackedOptimizer") -> None:
        """Takes in the lanes of other slices of the same name and flags, as the last rows; prepare() comes next."""
        for each in (self, *others):
            assert (each.name, each.flags) == (self.name, self.flags)
            each._leave_chunk()
        self.groups += [group for each in others for group in each.groups]
        self.state = {
            name: torch.cat([tensor, *(each.state[name] for each in others)]) for name, tensor in self.state.items()
        }
        self._numbers = {
            name: np.concatenate([array, *(each._numbers[name] for each in others)])
            for name, array in self._numbers.items()
        }

    def lane_state(self, lane: int, shapes: Sequence[torch.Size]) -> dict[str, Any]:
        """The state_dict of a lane's stock optimizer over parameters of these shapes, after the steps done."""
        self._settle()
        state = LaneState(
            group=self.groups[lane],
            numbers={name: float(array[lane]) for name, array in self._numbers.items()},
            tensors={name: tensor[lane] for name, tensor in self.state.items()},
        )
        return to_stock(self.rule, state, shapes)

    def load_lane(self, lane: int, state_dict: Mapping[str, Any]) -> None:
        """Goes on from the state_dict of a stock optimizer, hyperparameters and all; prepare() comes next.

        Raises ValueError for a state that no lane of this slice can have.
        """
        self._leave_chunk()
        loaded = from_stock(self.rule, self.flags, state_dict)
        flags = flags_of(loaded.group, cycled="cycled" in self.flags)
        if flags != self.flags:
            raise ValueError(f"this slice has the flags {sorted(self.flags)}, the state {sorted(flags)}")
        self.groups[lane] = self.groups[lane] | loaded.group
        for name, value in loaded.numbers.items():
            self._numbers[name][lane] = value
        for name, tensor in self.state.items():
            tensor[lane] = loaded.tensors.get(name, 0.0)

    def _settle(self) -> None:
        """Brings numbers and hyperparameters to where the steps done have left them."""
        if self._prepared is None or self._prepared.done == 0:
            return
        last = self._prepared.done - 1
        self._numbers = {name: array[last].copy() for name, array in self._prepared.after.items()}
        for lane, group in enumerate(self.groups):
            group["lr"] = float(self._prepared.lr[last, lane])
            if self._prepared.momentum is not None:
                set_momentum(group, float(self._prepared.momentum[last, lane]))

    def _leave_chunk(self) -> None:
        self._settle()
        self._prepared = None

    def _fill_first(self) -> None:
        """Fills the state of lanes that have not stepped yet; what starts from the LR, from that of the first step."""
        rows = np.flatnonzero(self._numbers["step"] == 0).tolist()
        for each in self.rule.tensors(self.flags):
            if each.first is not None:
                # Through a float64 tensor: what is too large for the state's type is infinite, not an error.
                values = torch.tensor([self.groups[row][each.first] for row in rows], dtype=torch.float64)
                self.state[each.name][rows] = values.to(self.state[each.name])[:, None]


@cache
def _numeric_keys(name: str) -> tuple[str, ...]:
    return tuple(key for key, value in stock_group(name, 1.0, {}).items() if isinstance(value, int | float | tuple))


def _momenta(groups: Sequence[Group]) -> Array:
    """Momentum or first beta of each lane, [k]."""
    return np.array([momentum_of(group) for group in groups])
