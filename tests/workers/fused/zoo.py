"""Small models of many kinds: those that can be stacked, and those that cannot."""

import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm, weight_norm
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.checkpoint import checkpoint

from tests.workers.small import EXAMPLES, VALIDATION

WIDTH, WORDS, LENGTH = 6, 10, 4
Forward = Callable[[Any, Tensor], Tensor]


def vectors(generator: torch.Generator) -> Tensor:
    """[N, 6]."""
    return torch.randn(EXAMPLES + VALIDATION, WIDTH, generator=generator)


def pictures(generator: torch.Generator) -> Tensor:
    """[N, 2, 6, 6]."""
    return torch.randn(EXAMPLES + VALIDATION, 2, WIDTH, WIDTH, generator=generator)


def words(generator: torch.Generator) -> Tensor:
    """[N, 4]."""
    return torch.randint(WORDS, (EXAMPLES + VALIDATION, LENGTH), generator=generator)


class Task:
    """Regression with two outputs by a model of the zoo."""

    batch_size = 8

    def __init__(
        self,
        model: Callable[[], nn.Module],
        inputs: Callable[[torch.Generator], Tensor] = vectors,
        dtype: torch.dtype = torch.float64,
    ):
        self.make, self.inputs, self.dtype = model, inputs, dtype

    def model(self) -> nn.Module:
        return self.make().to(self.dtype)

    def data(self) -> Any:
        generator = torch.Generator().manual_seed(5)
        x = self.inputs(generator)
        x = x.to(self.dtype) if x.is_floating_point() else x
        y = torch.randn(EXAMPLES + VALIDATION, 2, generator=generator).to(self.dtype)
        return (x[:EXAMPLES], y[:EXAMPLES]), (x[EXAMPLES:], y[EXAMPLES:])

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        x, y = batch
        return F.mse_loss(model(x), y)

    def metrics(self, model: nn.Module, batch: Any) -> dict[str, Tensor]:
        x, y = batch
        error = model(x) - y
        return {"mae": error.abs().mean(), "worst": error.abs().max()}


class Net(nn.Module):
    """Parts by name, and a forward pass over them."""

    def __init__(self, forward: Forward, **parts: nn.Module):
        super().__init__()
        self._pass = forward
        for name, part in parts.items():
            self.add_module(name, part)
        self.out = nn.Linear(WIDTH, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self._pass(self, x))


def layers(*middle: Callable[[], nn.Module], bias: bool = True) -> Callable[[], nn.Module]:
    """A perceptron with something in the middle.

    A bias in front of a BatchNorm has a gradient of noise alone, which Adam and its kin follow: leave it out there.
    """
    return lambda: nn.Sequential(
        nn.Linear(WIDTH, WIDTH, bias), *(make() for make in middle), nn.Tanh(), nn.Linear(WIDTH, 2)
    )


def convolutions(*middle: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """A small net for pictures with something in the middle."""

    def make() -> nn.Module:
        first = nn.Conv2d(2, 4, 3, bias=False)
        parts = [part() for part in middle]
        return nn.Sequential(first, *parts, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 2))

    return make


class Recurrent(nn.Module):
    """Reads words; all that a recurrent layer gives counts. Its first state is torch's zeros, or learned."""

    def __init__(self, cls: Any, hidden: int, *, learned: bool, **given: Any):
        super().__init__()
        self.words, self.layer = nn.Embedding(WORDS, WIDTH), cls(WIDTH, hidden, **given)
        self.first = nn.Parameter(torch.randn(self.layer.num_layers, 1, hidden)) if learned else None
        self.out = nn.Linear(self._read(torch.zeros(1, LENGTH, dtype=torch.long)).shape[1], 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self._read(x))

    def _read(self, x: Tensor) -> Tensor:
        seen, time = self.words(x), int(self.layer.batch_first)
        first = None if self.first is None else self.first.expand(-1, len(x), -1).contiguous()
        outputs, state = self.layer(seen if time else seen.transpose(0, 1), first)
        ends = state if isinstance(state, tuple) else (state,)
        return torch.cat([outputs.mean(time), *(each.transpose(0, 1).flatten(1) for each in ends)], 1)


def recurrent(cls: Any, hidden: int = WIDTH, *, learned: bool = False, **given: Any) -> Callable[[], nn.Module]:
    return lambda: Recurrent(cls, hidden, learned=learned, **given)


def unrolled(cls: Any) -> Callable[[], nn.Module]:
    """A cell that the model calls word by word."""

    def read(net: Any, x: Tensor) -> Tensor:
        state = None
        for word in net.words(x).unbind(1):
            state = net.cell(word, state)
        return state[0] if isinstance(state, tuple) else state

    return lambda: Net(read, words=nn.Embedding(WORDS, WIDTH), cell=cls(WIDTH, WIDTH))


class Packed(nn.Module):
    """Reads as many words of each line as it has."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.layer, self.out = nn.Embedding(WORDS, WIDTH), nn.GRU(WIDTH, WIDTH), nn.Linear(WIDTH, 2)

    def forward(self, x: Tensor) -> Tensor:
        lengths = torch.arange(len(x)) % LENGTH + 1
        packed = pack_padded_sequence(self.words(x), lengths, batch_first=True, enforce_sorted=False)
        return self.out(self.layer(packed)[1][0])


def transformer(dropout: float) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        layer = nn.TransformerEncoderLayer(WIDTH, 2, 8, dropout=dropout, batch_first=True)
        encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        return Net(lambda net, x: net.encoder(net.words(x)).mean(1), words=nn.Embedding(WORDS, WIDTH), encoder=encoder)

    return make


def embedding(**given: Any) -> Callable[[], nn.Module]:
    return lambda: Net(lambda net, x: net.words(x).mean(1), words=nn.Embedding(WORDS, WIDTH, **given))


def attention() -> nn.Module:
    def attend(net: Any, x: Tensor) -> Tensor:
        h = net.words(x)
        return net.heads(h, h, h)[0].mean(1)

    heads = nn.MultiheadAttention(WIDTH, 2, dropout=0.1, batch_first=True)
    return Net(attend, words=nn.Embedding(WORDS, WIDTH), heads=heads)


def tied() -> nn.Module:
    net = Net(lambda net, x: net.b(torch.tanh(net.a(x))), a=nn.Linear(WIDTH, WIDTH), b=nn.Linear(WIDTH, WIDTH))
    net.b.weight = net.a.weight
    return net


def unused() -> nn.Module:
    return Net(lambda net, x: torch.tanh(net.a(x)), never=nn.Linear(3, 3), a=nn.Linear(WIDTH, WIDTH))


def frozen() -> nn.Module:
    return Net(lambda net, x: torch.tanh(net.a(x)), a=nn.Linear(WIDTH, WIDTH).requires_grad_(False))


class Noisy(nn.Linear):
    """Noise of its own making, in training alone."""

    def forward(self, x: Tensor) -> Tensor:
        noise = torch.randn_like(x) + torch.rand(x.shape[-1], dtype=x.dtype, device=x.device) + x.sigmoid().bernoulli()
        return super().forward(x + 0.1 * noise if self.training else x)


class Steps(nn.Linear):
    """Counts its steps in a buffer."""

    def __init__(self) -> None:
        super().__init__(WIDTH, 2)
        self.register_buffer("steps", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.steps += 1
        return super().forward(x) * (1 + self.steps / 100)


class Scaled(nn.Linear):
    """Has a parameter without axes, and calls torch's functions with their arguments by name."""

    def __init__(self) -> None:
        super().__init__(WIDTH, 2)
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        x = F.dropout(input=x, p=0.1, training=self.training)
        return F.linear(input=x, weight=self.weight, bias=self.bias) * self.scale


class Cached(nn.Linear):
    """Keeps the size of the first batch."""

    size = 0

    def forward(self, x: Tensor) -> Tensor:
        self.size = self.size or len(x)
        return super().forward(x) / self.size


class Penalized(Task):
    """A loss that is higher for large parameters, of those that train."""

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        trained = [each for each in model.parameters() if each.requires_grad]
        return super().loss(model, batch) + 1e-3 * torch.stack([each.square().sum() for each in trained]).sum()


def in_evaluation() -> nn.Module:
    return layers(lambda: nn.BatchNorm1d(WIDTH), lambda: nn.Dropout(0.3), bias=False)().eval()


class _Rounding(torch.autograd.Function):
    """Gradients are rounded at random."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        return (grads[0] * 100 + torch.rand_like(grads[0])).floor() / 100


class Rounded(nn.Linear):
    """Draws in its backward pass alone."""

    def forward(self, x: Tensor) -> Tensor:
        rounded: Tensor = _Rounding.apply(super().forward(x))  # type: ignore[no-untyped-call]
        return rounded


STACKED: Mapping[str, Task] = {
    "BatchNorm1d": Task(layers(lambda: nn.BatchNorm1d(WIDTH), bias=False)),
    "BatchNorm2d": Task(convolutions(lambda: nn.BatchNorm2d(4)), pictures),
    "InstanceNorm2d": Task(convolutions(lambda: nn.InstanceNorm2d(4, affine=True)), pictures),
    "LayerNorm": Task(layers(lambda: nn.LayerNorm(WIDTH))),
    "GroupNorm": Task(layers(lambda: nn.GroupNorm(2, WIDTH))),
    "Dropout": Task(layers(lambda: nn.Dropout(0.3))),
    "Dropout in place": Task(layers(nn.Identity, lambda: nn.Dropout(0.3, inplace=True))),
    "Dropout2d": Task(convolutions(lambda: nn.Dropout2d(0.3)), pictures),
    "AlphaDropout": Task(layers(lambda: nn.AlphaDropout(0.3))),
    "BatchNorm and Dropout": Task(layers(lambda: nn.BatchNorm1d(WIDTH), lambda: nn.Dropout(0.3), bias=False)),
    "noise": Task(layers(lambda: Noisy(WIDTH, WIDTH))),
    "Embedding": Task(embedding(), words),
    "Embedding with padding": Task(embedding(padding_idx=0), words),
    "Embedding with padding at the end": Task(embedding(padding_idx=-1), words),
    "EmbeddingBag": Task(lambda: nn.EmbeddingBag(WORDS, 2), words),
    "MultiheadAttention": Task(attention, words),
    "Transformer": Task(transformer(0.0), words),
    "Transformer with dropout": Task(transformer(0.2), words),
    "LSTM": Task(recurrent(nn.LSTM, batch_first=True), words),
    "LSTM without biases": Task(recurrent(nn.LSTM, bias=False), words),
    "LSTM both ways": Task(recurrent(nn.LSTM, num_layers=2, bidirectional=True), words),
    "LSTM with dropout": Task(recurrent(nn.LSTM, num_layers=3, dropout=0.3, batch_first=True), words),
    "LSTM with projections": Task(recurrent(nn.LSTM, proj_size=3, num_layers=2, bidirectional=True), words),
    "LSTM with projections and dropout": Task(recurrent(nn.LSTM, proj_size=3, num_layers=2, dropout=0.5), words),
    "LSTMCell": Task(unrolled(nn.LSTMCell), words),
    "GRU": Task(recurrent(nn.GRU, batch_first=True, num_layers=2), words),
    "GRU both ways": Task(recurrent(nn.GRU, bidirectional=True, num_layers=2, dropout=0.3), words),
    "GRU without biases": Task(recurrent(nn.GRU, bias=False), words),
    "GRU with a learned first state": Task(recurrent(nn.GRU, learned=True), words),
    "GRU lane by lane": Task(recurrent(nn.GRU, 420), words),
    "GRUCell": Task(unrolled(nn.GRUCell), words),
    "RNN": Task(recurrent(nn.RNN, batch_first=True, num_layers=2), words),
    "RNN with a rectifier": Task(recurrent(nn.RNN, nonlinearity="relu", bidirectional=True), words),
    "tied weights": Task(tied),
    "unused parameters": Task(unused),
    "frozen parameters": Task(frozen),
    "weight_norm": Task(lambda: nn.Sequential(weight_norm(nn.Linear(WIDTH, WIDTH)), nn.Tanh(), nn.Linear(WIDTH, 2))),
    "a buffer that counts": Task(Steps),
    "a parameter without axes": Task(Scaled),
    "a size that is kept": Task(lambda: Cached(WIDTH, 2)),
    "a penalty": Penalized(frozen),
    "gradients that are drawn": Task(lambda: Rounded(WIDTH, 2)),
    "a model in evaluation mode": Task(in_evaluation),
}
"""Stacked they train as alone."""


class Branching(nn.Linear):
    """Decides by a value."""

    def forward(self, x: Tensor) -> Tensor:
        out = super().forward(x)
        return out if out.mean() > 0 else out * 2


class Reading(nn.Linear):
    """Takes a value out of a tensor."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * (1 + x.mean().item())


class Checkpointing(nn.Linear):
    """Computes its forward pass twice."""

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = checkpoint(super().forward, x, use_reentrant=False)
        return out


class Shared(nn.Linear):
    """Writes into a tensor that is no buffer."""

    def __init__(self) -> None:
        super().__init__(WIDTH, 2)
        self.last = torch.zeros(2, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        out = super().forward(x)
        self.last.mul_(0.9).add_(out.detach().mean(0))
        return out - self.last


class Assigning(nn.Linear):
    """Assigns its buffer anew, which moves it by little."""

    def __init__(self) -> None:
        super().__init__(WIDTH, 2)
        self.register_buffer("mean", torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:
        out = super().forward(x)
        if self.training:
            self.mean = (1 - 1e-7) * self.mean + 1e-7 * out.detach().mean(0)
        return out - self.mean


class Counting(nn.Linear):
    """Counts its calls in Python, which is of importance after a while."""

    def __init__(self) -> None:
        super().__init__(WIDTH, 2)
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += self.training
        return super().forward(x) * (1 + max(0, self.calls - 5) / 50)


class Hooked(nn.Linear):
    """Clips the gradients of its parameters, the large ones."""

    def __init__(self) -> None:
        super().__init__(WIDTH, 2)
        self.weight.register_hook(lambda grad: grad.clamp(-100, 100))


class Listed(nn.Module):
    """Keeps its weights in a list as well, and makes itself smaller by them, a little."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(WIDTH, 2)
        self.own = [self.out.weight]

    def forward(self, x: Tensor) -> Tensor:
        return self.out(x) * (1 + 1e-9 * self.own[0].square().mean())


class Flipping(nn.Linear):
    """Flips a batch now and then, as a random stream that is not torch's says."""

    def __init__(self, draw: Callable[[], float]) -> None:
        super().__init__(WIDTH, 2)
        self.draw = draw

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flip(1) if self.training and self.draw() < 0.05 else x)


def clipped() -> nn.Module:
    model = layers()()
    model[-1].register_full_backward_hook(lambda module, of_inputs, of_outputs: None)
    return model


class Hidden(nn.Linear):
    """Draws a tensor at its start that it does not register."""

    def __init__(self) -> None:
        super().__init__(WIDTH, 2)
        self.scale = torch.rand(2, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.scale


class Permuting(nn.Linear):
    """Draws in a way that vmap has for the lanes one after another."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x[:, torch.randperm(x.shape[1])] if self.training else x)


class ItemMetric(Task):
    """Metrics that read their value, which only evaluation shows."""

    def metrics(self, model: nn.Module, batch: Any) -> dict[str, Any]:
        return {name: value.item() for name, value in super().metrics(model, batch).items()}


class ItemLoss(Task):
    """A loss that looks at its value."""

    def loss(self, model: nn.Module, batch: Any) -> Tensor:
        loss = super().loss(model, batch)
        return loss / max(1.0, loss.detach().item())


LOOPED: Mapping[str, tuple[Task, str]] = {
    "packed sequences": (Task(Packed, words), ".item()"),
    "BatchNorm without a momentum": (Task(layers(lambda: nn.BatchNorm1d(WIDTH, momentum=None))), ".item()"),
    "sparse Embedding": (Task(embedding(sparse=True), words), "sparse gradients"),
    "spectral_norm": (Task(lambda: nn.Sequential(spectral_norm(nn.Linear(WIDTH, 2)))), "no stacked form of div()"),
    "a branch": (Task(lambda: Branching(WIDTH, 2)), "branches on the values"),
    "item in the model": (Task(lambda: Reading(WIDTH, 2)), ".item()"),
    "item in the loss": (ItemLoss(layers()), ".item()"),
    "item in the metrics": (ItemMetric(layers()), ".item()"),
    "checkpoint": (Task(lambda: Checkpointing(WIDTH, 2)), "as checkpointing does"),
    "a tensor in place": (Task(Shared), "keeps of earlier batches"),
    "a buffer assigned": (Task(Assigning), "assigns mean anew"),
    "a counter in Python": (Task(Counting), "moves calls from batch to batch"),
    "a hook on a parameter": (Task(Hooked), "its parameters have hooks"),
    "a hook on a layer": (Task(clipped), "backward hook"),
    "a list of weights": (Task(Listed), "otherwise than by their names"),
    "Python's random": (Task(lambda: Flipping(random.random)), "moves Python's random"),
    "numpy's random": (Task(lambda: Flipping(np.random.random)), "moves numpy.random"),
    "an unregistered tensor": (Task(Hidden), "neither parameter nor buffer"),
    "randperm": (Task(lambda: Permuting(WIDTH, 2)), "draws random numbers by randperm"),
}
"""They train one by one, with a sentence that says why."""
