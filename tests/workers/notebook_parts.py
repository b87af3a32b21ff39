"""Models with every kind of state, optimizers over them, and a fingerprint of all that a range test may not change."""

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm
from torch.optim import Optimizer

FEATURES, EXAMPLES = 4, 6


class Lstm(nn.Module):
    """Reads the features as a sequence, and keeps its last state for the next batch."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(1, 3, num_layers=2, dropout=0.5, batch_first=True), nn.Linear(3, 1)
        self.last: Any = None

    def forward(self, x: Tensor) -> Tensor:
        out, state = self.lstm(x.unsqueeze(2), self.last)
        self.last = tuple(each.detach() for each in state)
        return self.head(out[:, -1])


class Tied(nn.Module):
    """Two layers share their weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = (nn.Linear(FEATURES, FEATURES), *(nn.Linear(FEATURES, n) for n in (4, 1)))
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.second(torch.tanh(self.first(x)))))


class Stateful(nn.Module):
    """Changes itself in every way that Python has: lazily made state, counters, containers, arrays, views, streams."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(FEATURES, 1)
        self.head.weight.register_hook(lambda grad: grad * 0.9)
        self.register_buffer("flat", torch.zeros(2 * FEATURES))
        self.register_buffer("mean", self.flat[:FEATURES], persistent=False)
        self.register_buffer("wide", torch.zeros(1).expand(3), persistent=False)
        self.register_buffer("grown", torch.zeros(()))
        self.calls, self.seen, self.by_size, self.sizes = 0, [], {0: [torch.zeros(2)]}, set()
        self.array, self.noise, self.dice = np.zeros(3), torch.Generator().manual_seed(3), random.Random(4)
        self.draws = np.random.default_rng(5)

    def forward(self, x: Tensor) -> Tensor:
        if self.calls == 0:
            self.register_buffer("lazy", torch.ones(FEATURES))
            self.extra = nn.Linear(1, 1)
            self.head.register_forward_hook(lambda module, args, out: out + 0)
            self.head.weight.register_hook(lambda grad: grad * 1.5)
            self.head.bias.register_hook(lambda grad: grad * 2)
        self.calls += 1
        self.lazy += 1
        self.seen.append(x)
        self.by_size.setdefault(len(x), []).append(self.calls)
        self.by_size[0][0] += 1
        self.sizes.add(self.calls)
        self.array += 1
        self.mean += x.detach().mean(0)
        out = self.head(x + 0.01 * torch.rand(x.shape, generator=self.noise) + self.dice.random() + self.draws.random())
        self.grown = self.grown.clone()
        self.grown += out.sum()
        self.grown = self.grown.detach()
        self.head.bias.requires_grad_(False)
        return out + random.random() * np.random.rand() * torch.rand(())


def _normed() -> nn.Module:
    return nn.Sequential(nn.Linear(FEATURES, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1))


def _half_frozen() -> nn.Module:
    model = _normed()
    model[0].requires_grad_(False)
    model[1].eval()
    return model


MODELS: Mapping[str, Callable[[], nn.Module]] = {
    "batch norm": _normed,
    "dropout": lambda: nn.Sequential(nn.Linear(FEATURES, 8), nn.Dropout(0.4), nn.Linear(8, 1)),
    "tied": Tied,
    "frozen": _half_frozen,
    "lstm": Lstm,
    "spectral norm": lambda: nn.Sequential(spectral_norm(nn.Linear(FEATURES, 4)), nn.Linear(4, 1)),
    "stateful": Stateful,
}

NAMES = (
    *("SGD", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Adagrad"),
    *("Adadelta", "ASGD", "Adafactor", "Rprop", "LBFGS", "Muon"),
)
KEYWORDS: Mapping[str, Mapping[str, Any]] = {"SGD": {"momentum": 0.9}, "LBFGS": {"max_iter": 3, "history_size": 2}}


def an_optimizer(name: str, model: nn.Module) -> Optimizer:
    """Torch's own; Muon takes the matrices only."""
    parameters = [each for each in model.parameters() if name != "Muon" or each.ndim == 2]
    return getattr(torch.optim, name)(parameters, lr=0.01, **KEYWORDS.get(name, {}))  # type: ignore[no-any-return]


def some_batches(count: int = 5) -> list[dict[str, Tensor]]:
    """Dicts of inputs and targets."""
    draw = torch.Generator().manual_seed(1)
    xs = [torch.randn(EXAMPLES, FEATURES, generator=draw) for _ in range(count)]
    return [{"x": x, "y": x.sum(1, keepdim=True).sin()} for x in xs]


def mse(model: Any, batch: Any) -> Tensor:
    return F.mse_loss(model(batch["x"]), batch["y"])


def plain_steps(model: nn.Module, optimizer: Optimizer, count: int = 3) -> list[float]:
    """The losses of a plain loop, going on from where everything stands."""
    losses = []
    for batch in some_batches(count):

        def closure(batch: Any = batch) -> Tensor:
            optimizer.zero_grad()
            loss = mse(model, batch)
            loss.backward()
            return loss

        losses.append(optimizer.step(closure).item())  # type: ignore[arg-type, attr-defined]
    return losses


def fingerprint(*things: Any) -> str:
    """A hash of all that these things are and hold, identities and memory among it, and of the process's state."""
    process = (
        *(random.getstate(), np.random.get_state(legacy=False)["state"]["key"].tobytes()),  # type: ignore[index]
        *(repr(np.random.get_state()[2:]), torch.get_rng_state().numpy().tobytes()),
        *(state.numpy().tobytes() for state in (torch.cuda.get_rng_state_all() if torch.cuda.is_available() else ())),
        *(torch.is_grad_enabled(), torch.get_default_dtype(), torch.is_anomaly_enabled()),
        *(torch.get_deterministic_debug_mode(), torch.is_autocast_enabled("cpu"), torch.get_num_threads()),
    )
    digest = hashlib.sha256()
    for line in _lines((*things, process), set()):
        digest.update(line + b"\n")
    return digest.hexdigest()


def _lines(thing: Any, seen: set[int]) -> Iterator[bytes]:
    kept = not isinstance(thing, tuple | int | float | str | bytes | None)
    yield f"{type(thing)} {id(thing) if kept else ''}".encode()
    if kept and id(thing) in seen:
        return
    if kept:
        seen.add(id(thing))
    match thing:
        case Tensor():
            yield repr((thing.data_ptr(), thing.shape, thing.stride(), thing.dtype, thing._version)).encode()
            yield repr((thing.requires_grad, thing.is_leaf, thing._backward_hooks)).encode()
            yield bytes(thing.untyped_storage().cpu().tolist())
            yield from _lines(thing.grad if thing.is_leaf else None, seen)
        case nn.Module() | Optimizer():
            yield from _lines(vars(thing), seen)
        case dict():
            for key, value in thing.items():
                yield (f"{id(key)}" if isinstance(key, Tensor) else repr(key)).encode()
                yield from _lines(value, seen)
        case list() | tuple():
            for each in thing:
                yield from _lines(each, seen)
        case set():
            yield repr(sorted(thing, key=repr)).encode()
        case np.ndarray():
            yield thing.tobytes()
        case torch.Generator():
            yield bytes(thing.get_state().tolist())
        case random.Random():
            yield repr(thing.getstate()).encode()
        case np.random.Generator():
            yield repr(thing.bit_generator.state).encode()
        case _:
            yield repr(thing).encode()
