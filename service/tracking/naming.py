"""What things are called in MLflow: runs, metrics, params - short where columns are narrow, exact where copied."""

import posixpath
import re

from sweeps.domains import Value
from sweeps.lanerecords import LanePlan, LaneProbe
from sweeps.records import Budget, Proposal

_SHORT = {
    "CosineAnnealingLR": "cosine",
    "CosineAnnealingWarmRestarts": "restarts",
    "ExponentialLR": "exp",
    "MultiStepLR": "multistep",
    "PolynomialLR": "poly",
    "ReduceLROnPlateau": "plateau",
    "ConstantLR": "warm const",
    "OneCycleLR": "1cycle",
}


def short_name(name: str) -> str:
    """A scheduler or optimizer in few letters; of one named by path, its class.

    >>> short_name("CosineAnnealingLR"), short_name("StepLR"), short_name("my.package:Warmup")
    ('cosine', 'step', 'Warmup')
    """
    if name in _SHORT:
        return _SHORT[name]
    last = name.rpartition(":")[2]
    return last.removesuffix("LR").lower() if last.endswith("LR") and last == name else last


def run_name(proposal: Proposal, *, seeds: int) -> str:
    """The name of a trial's run; the seed only where there are several.

    >>> run_name(Proposal(number=3, optimizer="SGD", scheduler="none", initial_lr=0.0064, seed=1), seeds=2)
    'SGD none 0.0064 s1'
    """
    name = f"{_pair(proposal)} {proposal.initial_lr:.2g}"
    return f"{name} s{proposal.seed}" if seeds > 1 else name


def _pair(proposal: Proposal) -> str:
    return f"{short_name(proposal.optimizer)} {short_name(proposal.scheduler)}"


def trial_params(proposal: Proposal, budget: str) -> dict[str, str]:
    """The params of a trial's run: exact, so that what is copied trains the same.

    >>> trial_params(Proposal(number=0, optimizer="SGD", scheduler="StepLR", initial_lr=0.1, seed=0,
    ...     optimizer_params={"momentum": 0.9}, scheduler_params={"step_size": 3}), "10 epochs")["SGD.momentum"]
    '0.9'
    """
    return {
        "optimizer": proposal.optimizer,
        "scheduler": proposal.scheduler,
        "pair": _pair(proposal),
        "initial_lr": repr(proposal.initial_lr),
        "seed": str(proposal.seed),
        "budget": budget,
        **{key_name(key): value_text(value) for key, value in proposal.params.items()},
    }


def value_text(value: Value) -> str:
    """A hyperparameter as a spec writes it: text stays as it is, numbers are exact.

    >>> value_text((0.9, 0.999)), value_text(("LinearLR", "StepLR")), value_text("rel"), value_text(1e-05)
    ('[0.9, 0.999]', '[LinearLR, StepLR]', 'rel', '1e-05')
    """
    if isinstance(value, tuple):
        return f"[{', '.join(map(value_text, value))}]"
    return value if isinstance(value, str) else repr(value)


def short_text(value: Value) -> str:
    """A hyperparameter for a narrow column: three digits of a number.

    >>> short_text(0.123456), short_text((0.9, 0.999)), short_text(5)
    ('0.123', '[0.9, 0.999]', '5')
    """
    return f"{value:.3g}" if isinstance(value, float) else value_text(value)


def budget_text(budget: Budget) -> str:
    """A budget as people say it.

    >>> budget_text(Budget(epochs=10))
    '10 epochs'
    """
    return f"{budget.epochs} epochs" if budget.epochs is not None else f"{budget.steps} steps"


def key_name(name: str) -> str:
    """A metric's or param's name that MLflow accepts: what a task calls its own metric must not stop the tracking.

    >>> key_name("val/acc@5"), key_name("/a//b"), key_name("val/loss")
    ('val/acc_5', 'a/b', 'val/loss')
    """
    return posixpath.normpath(re.sub(r"[^\w. :/-]", "_", name).replace("..", "_").strip("/") or "_")[:250]


def lane_tags(plan: LanePlan, probe: LaneProbe | None) -> dict[str, str]:
    """How the workers trained and what was measured beforehand, as tags.

    >>> lane_tags(LanePlan(count=8, fused=True, reason="it pays"), LaneProbe(most=64, alone=3e-4, stacked={8: 2e-4}))
    {'lanes': '8 stacked: it pays', 'lanes.timing': 'a step of a lane: alone 0.30 ms, of 8 stacked 0.20 ms'}
    >>> compiled = LaneProbe(most=64, alone=3e-4, stacked={8: 2e-4}, compiled=1e-4, compile_seconds=20.0)
    >>> lane_tags(LanePlan(count=8, fused=True, compiled=True), compiled)["lanes.timing"].rpartition("ms, ")[2]
    'after 20.0 s of compiling'
    """
    how = "compiled" if plan.compiled else "stacked" if plan.fused else "in turns"
    tags = {"lanes": f"{plan.count} {how}{': ' if plan.reason else ''}{plan.reason}"}
    if probe is not None and probe.stacked:
        timed = [f"alone {1e3 * probe.alone:.2f} ms"]
        timed += [f"of {lanes} stacked {1e3 * seconds:.2f} ms" for lanes, seconds in probe.stacked.items()]
        if probe.compiled is not None:
            timed.append(f"compiled {1e3 * probe.compiled:.2f} ms, after {probe.compile_seconds:.1f} s of compiling")
        tags["lanes.timing"] = f"a step of a lane: {', '.join(timed)}"
    if probe is not None and probe.uncompiled is not None:
        tags["lanes.uncompiled"] = probe.uncompiled
    return tags
