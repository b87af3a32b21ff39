"""Optimizers of the user's own train in lanes as alone, whatever they do with a parameter, or all take turns."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim import SGD

from sweeps.lanerecords import Rehearsal
from sweeps.records import Budget, Ended, Job, Outcome
from tests.workers.fused.company import Precise, hear_all
from tests.workers.fused.told import tell
from tests.workers.small import a_job, prepared
from workers.fused.measure import measure_lanes
from workers.fused.stacking import Stacking


class Replacing(SGD):
    """Gives each parameter a new tensor."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for each in group["params"]:
                each.data = each.data - group["lr"] * each.grad
        return None


class Resetting(Replacing):
    """The same by set_()."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for each in group["params"]:
                each.set_(each - group["lr"] * each.grad)
        return None


class SharpnessAware(SGD):
    """Asks for a second gradient, nearby (Foret et al., 2021), by a closure that it must have."""

    def step(self, closure: Callable[[], Tensor]) -> Tensor:  # type: ignore[override]
        loss = closure()
        moves = [(each, 0.05 * each.grad.sign()) for group in self.param_groups for each in group["params"]]
        with torch.no_grad():
            for each, move in moves:
                each.add_(move)
        closure()
        with torch.no_grad():
            for each, move in moves:
                each.sub_(move)
        super().step()
        return loss


class Langevin(SGD):
    """Adds noise to every step (Welling and Teh, 2011)."""

    def step(self, closure: Any = None) -> Any:
        super().step(closure)
        with torch.no_grad():
            for group in self.param_groups:
                for each in group["params"]:
                    each.add_(torch.randn_like(each), alpha=0.01)
        return None


class Clipping(SGD):
    """Clips gradients as they come."""

    def __init__(self, params: Any, lr: float):
        super().__init__(params, lr=lr)
        for group in self.param_groups:
            for each in group["params"]:
                each.register_post_accumulate_grad_hook(lambda own: own.grad.clamp_(-1e-3, 1e-3))


class Scheduled(SGD):
    """Keeps a function, which no file can hold."""

    def __init__(self, params: Any, lr: float):
        super().__init__(params, lr=lr)
        self.param_groups[0]["scale"] = lambda step: 1.0


def by(optimizer: type, **given: Any) -> Job:
    name = f"{__name__}:{optimizer.__name__}"
    return a_job(**{"key": f"{optimizer.__name__} {given.get('seed', 3)}", "optimizer": name, **given})


NEIGHBOURS = [a_job(key="SGD"), a_job(key="Adam", optimizer="Adam", initial_lr=0.01, seed=4)]


@pytest.mark.parametrize("optimizer", [Replacing, Resetting, SharpnessAware])
def test_it_trains_among_stacked_lanes_as_alone(optimizer: type) -> None:
    ready, own = prepared(Precise()), by(optimizer)
    among, alone = hear_all(ready, [own, *NEIGHBOURS]), hear_all(ready, [own], fused=False)
    assert among[own.key].steps == pytest.approx(alone[own.key].steps, rel=1e-8)
    assert among[own.key].reports[-1].metrics == pytest.approx(alone[own.key].reports[-1].metrics, rel=1e-8)
    assert len(set(alone[own.key].steps)) > 5
    without = hear_all(ready, NEIGHBOURS)
    assert all(among[each.key].said == without[each.key].said for each in NEIGHBOURS)


@pytest.mark.parametrize(
    ("optimizer", "reason"),
    [(Langevin, "Langevin draws random numbers"), (Clipping, "its parameters have hooks")],
)
def test_what_lanes_cannot_keep_apart_takes_turns(optimizer: type, reason: str) -> None:
    jobs = [by(optimizer), *NEIGHBOURS]
    among, alone = tell(prepared(Precise()), jobs), tell(prepared(Precise()), jobs, fused=False)
    [notice] = among.notices
    assert reason in notice
    assert all(among.jobs[job.key].said == alone.jobs[job.key].said for job in jobs)


def test_one_that_calls_for_its_gradients_is_not_timed_among_stacked_lanes() -> None:
    ready = prepared(Precise())
    assert measure_lanes(Stacking(ready), [by(SharpnessAware), *NEIGHBOURS], Rehearsal(lanes=4)).refused is None
    refused = measure_lanes(Stacking(ready), [by(SharpnessAware)], Rehearsal(lanes=4)).refused
    assert refused is not None
    assert "none of the optimizers" in refused


def test_what_cannot_be_kept_is_said_and_training_goes_on(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.cohort._SAVE_EVERY", -1.0)
    jobs = [by(Scheduled, checkpoint=str(tmp_path / "own")), NEIGHBOURS[0]]
    told = tell(prepared(Precise()), jobs)
    [notice] = told.notices
    assert notice.startswith("no checkpoint can be written")
    assert all(told.jobs[job.key].ended == Ended(key=job.key, outcome=Outcome.COMPLETE) for job in jobs)


def test_the_lr_that_explodes_ends_its_own_lane_alone_also_where_the_task_checks_its_numbers() -> None:
    class Checked(Precise):
        def loss(self, model: Any, batch: Any) -> Tensor:
            x, y = batch
            return -torch.distributions.Normal(model(x), 1.0, validate_args=True).log_prob(y).mean()

        def metrics(self, model: Any, batch: Any) -> dict[str, Tensor]:
            return {"own": self.loss(model, batch)}

    ready, bad = prepared(Checked()), a_job(key="bad", initial_lr=1e200, budget=Budget(epochs=2))
    among, without = tell(ready, [NEIGHBOURS[0], bad, NEIGHBOURS[1]]), tell(ready, NEIGHBOURS)
    assert without.notices == []
    [notice] = among.notices
    assert notice.startswith("not stacked from here on, with weights that are no longer finite: bad (ValueError")
    for each in NEIGHBOURS:
        assert among.jobs[each.key].said == without.jobs[each.key].said
    heard = among.jobs["bad"]
    assert heard.ended == Ended(key="bad", outcome=Outcome.DIVERGED)
    assert math.isfinite(heard.steps[0])
    assert not math.isfinite(heard.steps[-1])


def test_weights_that_explode_in_the_last_step_have_diverged() -> None:
    class Checked(Precise):
        batch_size = 22

        def metrics(self, model: Any, batch: Any) -> dict[str, Tensor]:
            x, y = batch
            torch.distributions.Normal(model(x), 1.0, validate_args=True)
            return {"own": (model(x) - y).abs().mean()}

    jobs = [a_job(key="bad", initial_lr=math.inf, budget=Budget(epochs=1)), *NEIGHBOURS]
    for fused in (True, False):
        heard = tell(prepared(Checked()), jobs, fused=fused).jobs["bad"]
        assert heard.ended == Ended(key="bad", outcome=Outcome.DIVERGED)
        assert math.isnan(heard.reports[-1].metrics["val/loss"])
