"""Stacked lanes against lanes that take turns: trials per second over the number of lanes, and what `auto` takes.

python -m benchmarks.lanes [--device cuda] [--models mlp,lenet,wide] [--lanes 8,32] [--repeats 5] [--epochs 2]

Needs torch and numpy alone. Data are made; lanes mix SGD with momentum, Adam and RMSprop over three schedules. Turns
and stacked cohorts alternate within every repeat, so that a busy moment hits both; validation is part of an epoch.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice, pairwise, product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sweeps.lanes import lane_plan
from sweeps.objective import Objective
from sweeps.records import Budget, Job, Report
from sweeps.spec import LanesSpec
from workers.cohort import Cohort
from workers.fused.measure import measure_lanes
from workers.lane import PreparedTask
from workers.quickoptim import keep_compiler_out
from workers.tasks.vision.resnet import ResNet

OPTIMIZERS = (("SGD", {"momentum": 0.9}, 0.05), ("Adam", {}, 1e-3), ("RMSprop", {}, 1e-3))
SCHEDULERS = (("none", {}), ("StepLR", {"step_size": 1}), ("CosineAnnealingLR", {}))


def mlp(*widths: int) -> nn.Module:
    """A perceptron of ReLU layers over flattened inputs."""
    layers = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(nn.Flatten(), *layers[:-1])


def lenet() -> nn.Module:
    """LeNet-5 on one channel of 16 x 16."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        mlp(64, 120, 84, 10),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A classification task over made data."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    batch_size: int = 64
    examples: int = 1440

    def model(self) -> nn.Module:
        return self.make()

    def data(self) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(self.examples * 5 // 4, *self.shape, generator=generator)
        y = torch.randint(10, (len(x),), generator=generator)
        return (x[: self.examples], y[: self.examples]), (x[self.examples :], y[self.examples :])

    def loss(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(model(batch[0]), batch[1])


MODELS: Mapping[str, Made] = {
    "mlp": Made(make=lambda: mlp(64, 128, 128, 10), shape=(64,)),
    "lenet": Made(make=lenet, shape=(1, 16, 16)),
    "wide": Made(make=lambda: mlp(784, 512, 512, 10), shape=(784,)),
    "resnet18": Made(
        make=lambda: ResNet(10, (2, 2, 2, 2), bottleneck=False), shape=(3, 32, 32), batch_size=128, examples=2560
    ),
}


def jobs(count: int, epochs: int) -> list[Job]:
    """As many lanes, over all optimizers and schedules in turn."""
    kinds = islice(cycle(product(OPTIMIZERS, SCHEDULERS)), count)
    return [
        Job(
            key=f"trial {number}",
            optimizer=optimizer,
            optimizer_params=params,
            scheduler=scheduler,
            scheduler_params=own,
            initial_lr=lr,
            seed=number,
            budget=Budget(epochs=epochs),
            objective=Objective(),
        )
        for number, ((optimizer, params, lr), (scheduler, own)) in enumerate(kinds)
    ]


def seconds(prepared: PreparedTask, lanes: Sequence[Job], *, fused: bool) -> float:
    """How long these lanes train, all at once or one after another, from their models' making to their last epoch."""
    began = time.perf_counter()
    cohort = Cohort(prepared, fused=fused, most=len(lanes) if fused else 1)
    cohort.join(lanes)
    while len(cohort):
        cohort.admit()
        said = cohort.train_epoch()
        cohort.hear({each.key: None for each in said if isinstance(each, Report)})
    if prepared.device.type == "cuda":
        torch.cuda.synchronize()
    assert cohort.fused is fused, "the stacked lanes gave up"
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--models", default="mlp,lenet,wide")
    parser.add_argument("--lanes", default="8,32")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=2)
    options = parser.parse_args()
    keep_compiler_out()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    print("| model | lanes | trials/s in turns | trials/s stacked | ratio, median | spread | auto takes |")
    print("|---|---|---|---|---|---|---|")
    for name in options.models.split(","):
        prepared = PreparedTask.of(MODELS[name], torch.device(options.device))
        for count in map(int, options.lanes.split(",")):
            lanes = jobs(count, options.epochs)
            seconds(prepared, lanes[:2], fused=True)
            pairs = [
                (seconds(prepared, lanes, fused=False), seconds(prepared, lanes, fused=True))
                for _ in range(options.repeats)
            ]
            ratios = [turns / stacked for turns, stacked in pairs]
            turns, stacked = (count / statistics.median(each) for each in zip(*pairs, strict=True))
            plan = lane_plan(
                LanesSpec(count=count), workers=1, trials=8 * count, probe=measure_lanes(prepared, lanes[:9])
            )
            print(
                f"| {name} | {count} | {turns:.2f} | {stacked:.2f} | {statistics.median(ratios):.2f} "
                f"| {min(ratios):.2f} .. {max(ratios):.2f} | {'stacked' if plan.fused else 'turns'} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
