"""Stacked lanes against lanes that take turns: trials per second over the number of lanes, and what `auto` takes.

python -m benchmarks.lanes [--device cuda] [--models mlp,lenet,wide] [--lanes 8,32] [--repeats 5] [--epochs 2]
    [--compile] [--processes] [--precision bf16]

Needs torch and numpy alone. Data are made; lanes mix SGD with momentum, Adam and RMSprop over three schedules. Turns
and stacked cohorts alternate within every repeat, so that a busy moment hits all; validation is part of an epoch, and
the time that compiling takes is not. On a CPU the thread's own seconds count. `--processes` also trains each lane in a
process of its own, all of them at once; then seconds are those of the clock on the wall. `auto` reckons with a sweep
that fills its lanes eight times for ten epochs.
"""

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice, pairwise, product
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sweeps.lanerecords import LanePlan, Rehearsal
from sweeps.lanes import lane_plan
from sweeps.objective import Objective
from sweeps.records import Budget, Job, Report
from sweeps.spec import LanesSpec, Precision
from workers.cohort import Cohort
from workers.fused.measure import clock_of, measure_lanes
from workers.fused.stacking import Stacking
from workers.prepared import PreparedTask
from workers.process import set_up_process
from workers.tasks.vision.resnet import ResNet

Spans = SimpleQueue[tuple[float, float]]
"""When children began and ended, in seconds."""

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


class Rows(nn.Module):
    """Reads the 28 rows of a picture, one after another."""

    def __init__(self, layer: type[nn.RNNBase]):
        super().__init__()
        self.layer, self.out = layer(28, 32, batch_first=True), nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.out(self.layer(x)[0][:, -1])
        return scores


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
    "lstm": Made(make=lambda: Rows(nn.LSTM), shape=(28, 28)),
    "gru": Made(make=lambda: Rows(nn.GRU), shape=(28, 28)),
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


def seconds(
    prepared: PreparedTask, lanes: Sequence[Job], stacking: Stacking | None, clock: Callable[[], float]
) -> float:
    """How long these lanes train, stacked or one after another, from their models' making to their last epoch."""
    began = clock()
    fused = stacking is not None
    cohort = Cohort(prepared, fused=fused, most=stacking.planned if fused else 1, stacking=stacking)
    cohort.join(lanes)
    while len(cohort):
        cohort.admit()
        said = cohort.train_epoch()
        cohort.hear({each.key: None for each in said if isinstance(each, Report)})
    if prepared.device.type == "cuda":
        torch.cuda.synchronize()
    assert cohort.fused is fused, "the stacked lanes gave up"
    return clock() - began


def make_ready(name: str, device: str, precision: Precision) -> PreparedTask:
    """The task in this process, which trains as a worker's does."""
    set_up_process(threads=1, precision=precision)
    return PreparedTask.of(MODELS[name], torch.device(device), precision)


@contextmanager
def processes(make: Callable[[], PreparedTask], lanes: Sequence[Job]) -> Iterator[Callable[[], float]]:
    """Trains each lane in a process of its own, all at once, as often as it is called: how long, from first to last."""
    context = multiprocessing.get_context("spawn")
    ready, spans = context.Barrier(len(lanes) + 1, timeout=600), context.SimpleQueue()
    children = [context.Process(target=_alone, args=(make, lane, ready, spans), daemon=True) for lane in lanes]
    for child in children:
        child.start()

    def train() -> float:
        ready.wait()
        began, ended = zip(*(spans.get() for _ in lanes), strict=True)
        return max(ended) - min(began)

    try:
        # They are loading until then.
        train()
        yield train
    finally:
        for child in children:
            child.kill()
            child.join()


def _alone(make: Callable[[], PreparedTask], lane: Job, ready: Barrier, spans: Spans) -> None:
    """The child's side, for ever; Linux has one clock for all processes."""
    prepared = make()
    while True:
        ready.wait()
        began = time.perf_counter()
        seconds(prepared, [lane], None, time.perf_counter)
        spans.put((began, time.perf_counter()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--models", default="mlp,lenet,wide")
    parser.add_argument("--lanes", default="8,32")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--processes", action="store_true")
    parser.add_argument("--precision", choices=("float32", "tf32", "bf16"), default="float32")
    options = parser.parse_args()
    print("| model | lanes | how | trials/s | times turns | spread | auto takes |")
    print("|---|---|---|---|---|---|---|")
    for name in options.models.split(","):
        make = partial(make_ready, name, options.device, options.precision)
        prepared = make()
        clock = time.perf_counter if options.processes else clock_of(prepared.device)
        for count in map(int, options.lanes.split(",")):
            lanes = jobs(count, options.epochs)
            stackings: dict[str, Stacking | None] = {"turns": None, "stacked": Stacking(prepared, count)}
            if options.compile:
                stackings["compiled"] = compiled_once(prepared, lanes)
            plan, taken = auto(prepared, lanes)
            if plan.fused and plan.count < count:
                stackings[f"stacked by {plan.count}"] = Stacking(prepared, plan.count)
            seconds(prepared, lanes[:2], stackings["stacked"], clock)
            ways = {how: partial(seconds, prepared, lanes, own, clock) for how, own in stackings.items()}
            with ExitStack() as children:
                if options.processes:
                    ways["a process each"] = children.enter_context(processes(make, lanes))
                times = [[way() for way in ways.values()] for _ in range(options.repeats)]
            by_way = dict(zip(ways, zip(*times, strict=True), strict=True))
            for how, own in by_way.items():
                rate = count / statistics.median(own)
                print(
                    f"| {name} | {count} | {how} | {rate:.2f} | {faster(by_way['turns'], own)} | {taken} |", flush=True
                )


def compiled_once(prepared: PreparedTask, lanes: Sequence[Job]) -> Stacking:
    """Stacked lanes whose step is compiled."""
    stacking = Stacking(prepared, len(lanes))
    stacking.compile(len(lanes))
    seconds(prepared, lanes, stacking, time.perf_counter)
    assert stacking.compiled is not None
    assert stacking.compiled.trusted, stacking.compiled.refused
    return stacking


def faster(turns: Sequence[float], other: Sequence[float]) -> str:
    """How many times as quick as in turns, as a cell: the median of the repeats, and their spread."""
    ratios = [a / b for a, b in zip(turns, other, strict=True)]
    return f"{statistics.median(ratios):.2f} | {min(ratios):.2f} .. {max(ratios):.2f}"


def auto(prepared: PreparedTask, lanes: Sequence[Job]) -> tuple[LanePlan, str]:
    """What a sweep of ten epochs would do that fills its lanes eight times, and how long finding out took."""
    trials = 8 * len(lanes)
    steps = trials * 10 * prepared.train.per_epoch
    began = time.perf_counter()
    probe = measure_lanes(Stacking(prepared), lanes, Rehearsal(lanes=len(lanes), steps=steps))
    took = time.perf_counter() - began
    plan = lane_plan(LanesSpec(), workers=1, trials=trials, probe=probe)
    how = "compiled" if plan.compiled else "stacked" if plan.fused else "turns"
    by = f" by {plan.count}" if plan.fused and plan.count < len(lanes) else ""
    return plan, f"{how}{by}, measured in {took:.1f} s"


if __name__ == "__main__":
    main()
