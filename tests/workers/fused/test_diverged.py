"""A lane that breaks ends at its own step, and those beside it do not notice."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sweeps.records import Budget, Ended, Job, Outcome
from tests.workers.fused.company import hear_all
from tests.workers.small import Heard, Regression, a_job, prepared
from workers.lane import LOOK_EVERY
from workers.seeding import data_order

BROKEN_SEED = 13
STEPS = 120


class Line(Regression):
    """120 steps an epoch, longer than the time between two looks at the loss; of one seed all weights are NaN."""

    batch_size = 1

    def model(self) -> nn.Module:
        model = nn.Linear(4, 2)
        if torch.initial_seed() == BROKEN_SEED:
            nn.init.constant_(model.weight, math.nan)
        return model

    def data(self) -> Any:
        (x, y), val = super().data()
        return (x.repeat(6, 1)[:STEPS], y.repeat(6, 1)[:STEPS]), val


def job(key: str, optimizer: str = "SGD", lr: float = 0.01, **given: Any) -> Job:
    return a_job(**{"key": key, "optimizer": optimizer, "initial_lr": lr, "budget": Budget(epochs=2), **given})


GOOD = (
    job("SGD"),
    job("momentum", optimizer_params={"momentum": 0.9}, scheduler="OneCycleLR"),
    job("another seed", seed=8),
    job("Adam", "Adam"),
    job("Adafactor", "Adafactor"),
    job("short", budget=Budget(steps=70)),
)
BAD = {
    "at once": job("bad", lr=1e6),
    "at once, beside a buffer": job("bad", lr=1e6, optimizer_params={"momentum": 0.9}),
    "after the first look": job("bad", lr=0.8),
    "in its second epoch": job("bad", lr=0.62),
    "in a slice of its own": job("bad", "Adadelta", lr=1e30),
    "by its stock optimizer": job("bad", "Muon", lr=1e30),
    "by an error of its stock optimizer": job("bad", "Muon", lr=1e39),
    "by an error in its second epoch": job("bad", f"{__name__}:Fragile"),
    "from the start": job("bad", seed=BROKEN_SEED),
}


class Fragile(torch.optim.SGD):
    """Its 130th step fails."""

    steps = 0

    def step(self, closure: Any = None) -> Any:
        self.steps += 1
        if self.steps == STEPS + 10:
            raise ArithmeticError("too far")
        return super().step(closure)


def plain_losses(bad: Job) -> list[float]:
    """The losses of a plain loop of SGD until they are not finite."""
    task = Line()
    (x, y), _ = task.data()
    torch.manual_seed(bad.seed)
    model = task.model()
    opt = torch.optim.SGD(model.parameters(), lr=bad.initial_lr, **bad.optimizer_params)  # type: ignore[arg-type]
    losses: list[float] = []
    for row in (row for epoch in range(2) for row in data_order(len(x), bad.seed, epoch).split(1)):
        opt.zero_grad()
        loss: Tensor = F.mse_loss(model(x[row]), y[row])
        loss.backward()  # type: ignore[no-untyped-call]
        opt.step()
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            break
    return losses


@pytest.fixture(scope="module")
def without() -> dict[str, Heard]:
    """The good ones among themselves."""
    return hear_all(prepared(Line()), GOOD)


@pytest.mark.parametrize(("kind", "place"), [(kind, place % (1 + len(GOOD))) for place, kind in enumerate(BAD)])
def test_the_neighbours_of_a_broken_lane_say_what_they_say_without_it(
    without: dict[str, Heard], kind: str, place: int
) -> None:
    ready, bad = prepared(Line()), BAD[kind]
    among = hear_all(ready, [*GOOD[:place], bad, *GOOD[place:]])
    for each in GOOD:
        assert among[each.key].said == without[each.key].said
        assert among[each.key].ended == Ended(key=each.key, outcome=Outcome.COMPLETE)
    alone = hear_all(ready, [bad], fused=False)["bad"]
    broken = among["bad"]
    assert broken.ended is not None
    assert alone.ended is not None
    assert broken.ended.outcome == alone.ended.outcome != Outcome.COMPLETE
    assert broken.ended.error == alone.ended.error
    assert len(broken.steps) == len(alone.steps)
    assert broken.steps == pytest.approx(alone.steps, rel=1e-2, nan_ok=True)


@pytest.mark.parametrize(
    ("kind", "looks"),
    [("at once", 0), ("at once, beside a buffer", 0), ("after the first look", 1), ("in its second epoch", 2)],
)
def test_a_broken_lanes_curve_ends_at_the_step_at_which_a_plain_loop_breaks(kind: str, looks: int) -> None:
    heard = hear_all(prepared(Line()), [GOOD[0], BAD[kind], GOOD[3]])["bad"]
    plain = plain_losses(BAD[kind])
    assert len(heard.steps) == len(plain)
    assert len(plain) // LOOK_EVERY == looks
    assert all(map(math.isfinite, heard.steps[:-1]))
    assert not math.isfinite(heard.steps[-1])
    assert heard.steps[:8] == pytest.approx(plain[:8], rel=1e-4)
    assert heard.reports[-1].step == len(plain)
    assert set(heard.reports[-1].metrics) == {"train/loss"}
    assert heard.ended is not None
    assert heard.ended.outcome is Outcome.DIVERGED


def test_a_lane_that_is_broken_from_the_start_is_told_from_one_that_an_lr_broke() -> None:
    heard = hear_all(prepared(Line()), [GOOD[0], BAD["from the start"]])["bad"]
    assert heard.reports == []
    assert heard.ended is not None
    assert heard.ended.outcome is Outcome.FAILED
    assert str(heard.ended.error).startswith("the loss is nan at the first step")


def test_an_lr_beyond_the_weights_type_has_diverged_where_torch_would_refuse_it() -> None:
    heard = hear_all(prepared(Line()), [GOOD[0], job("bad", "Adam", lr=1e60)])
    assert heard["bad"].ended == Ended(key="bad", outcome=Outcome.DIVERGED)
    assert len(heard["bad"].steps) == 2
    assert heard["SGD"].said == hear_all(prepared(Line()), GOOD[:1])["SGD"].said


def test_when_all_break_all_end() -> None:
    jobs = [job(f"{number}", lr=10.0**number) for number in range(3, 9)]
    heard = hear_all(prepared(Line()), jobs)
    assert {str(each.ended.outcome) for each in heard.values() if each.ended} == {"DIVERGED"}
    assert all(each.ended for each in heard.values())
