"""The most that stacked lanes of the small MLP can gain on this processor, whoever trains them and however.

python -m benchmarks.floor [--lanes 32] [--repeats 7]

Beside lanes that take turns, as in benchmarks.lanes: the matrix products of their steps, stacked, each by the quicker
of the two libraries that torch has for them, and one pass over all parameters by torch's fused optimizers, as if lanes
had one LR. No activations, no loss, no batches to gather, no validation: a step does at least this. One thread.
"""

import argparse
import statistics
from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.lanes import MODELS, jobs, make_ready, seconds
from workers.fused.measure import clock_of
from workers.products import by_onednn

_EPOCHS = 2


def products(lanes: int, batch_size: int, layers: Sequence[nn.Linear]) -> Callable[[], None]:
    """A step's products of these layers: forward, the weights' gradients, and the inputs' but for the first layer."""
    made: list[tuple[Tensor, Tensor, Tensor]] = []
    for index, layer in enumerate(layers):
        weights = torch.randn(lanes, layer.out_features, layer.in_features)
        inputs = torch.randn(lanes, batch_size, layer.in_features)
        grads = torch.randn(lanes, batch_size, layer.out_features)
        pairs = [(inputs, weights.mT), (grads.mT, inputs), *([(grads, weights)] if index else [])]
        made += [(one, other, torch.bmm(one, other)) for one, other in pairs]

    def step() -> None:
        for one, other, out in made:
            torch.bmm(one, other, out=out)

    return step


def optimizers(parameters: int) -> Callable[[], None]:
    """One pass over so many parameters: SGD with momentum over two thirds, Adam over the rest."""

    def of(count: int) -> nn.Parameter:
        made = nn.Parameter(torch.randn(count))
        made.grad = torch.randn(count)
        return made

    third = parameters // 3
    adam = torch.optim.Adam([of(third)], fused=True)
    sgd = torch.optim.SGD([of(parameters - third)], lr=1e-3, momentum=0.9, fused=True)

    def step() -> None:
        adam.step()
        sgd.step()

    return step


def timed(step: Callable[[], None], steps: int, clock: Callable[[], float]) -> float:
    """Seconds of so many steps, after one that is not timed."""
    step()
    began = clock()
    for _ in range(steps):
        step()
    return clock() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lanes", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    prepared = make_ready("mlp", "cpu", "float32")
    clock = clock_of(prepared.device)
    model = MODELS["mlp"].model()
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    multiply = products(options.lanes, MODELS["mlp"].batch_size, layers)
    update = optimizers(options.lanes * sum(each.numel() for each in model.parameters()))
    steps = _EPOCHS * prepared.train.per_epoch
    turns = partial(seconds, prepared, jobs(options.lanes, _EPOCHS), None, clock)
    turns()
    found: dict[str, list[float]] = {"products": [], "products and optimizers": []}
    for _ in range(options.repeats):
        alone, by_mkl, updating = turns(), timed(multiply, steps, clock), timed(update, steps, clock)
        with by_onednn():
            quickest = min(by_mkl, timed(multiply, steps, clock))
        found["products"].append(alone / quickest)
        found["products and optimizers"].append(alone / (quickest + updating))
    print("| nothing but | times turns, at most | spread |")
    print("|---|---|---|")
    for what, ratios in found.items():
        print(f"| {what} | {statistics.median(ratios):.2f} | {min(ratios):.2f} .. {max(ratios):.2f} |")


if __name__ == "__main__":
    main()
