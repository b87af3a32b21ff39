"""A pick as the lines to paste into a PyTorch script."""

from sweeps.catalogue import optimizer_row, scheduler_row
from sweeps.derived import torch_keywords
from sweeps.domains import Value
from sweeps.objective import Objective
from sweeps.records import Pick
from sweeps.schedulers import SchedulerRow

_MODES = {"minimize": "min", "maximize": "max"}
_STEPS = {"step_size_up": "max(1, total_steps // 8)"}


def torch_lines(pick: Pick, objective: Objective) -> str:
    """Python that makes the picked optimizer and scheduler for a `model`.

    >>> pick = Pick(optimizer="SGD", scheduler="StepLR", initial_lr=0.1, value=0.2, trials=(3,), tried=4, low=0.1,
    ...             high=0.1, params={"SGD.momentum": 0.9, "StepLR.step_size": 5})
    >>> print(torch_lines(pick, Objective()))
    # SGD with StepLR: best val/loss 0.2 in trial 3 (4 tried)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5)
    """
    trials = ", ".join(map(str, pick.trials))
    lines = [
        f"# {pick.optimizer} with {pick.scheduler}: {objective.value} {objective.metric} {pick.value:.4g} "
        f"in trial {trials} ({pick.tried} tried)",
        *_optimizer_lines(pick),
    ]
    row = scheduler_row(pick.scheduler)
    if any(param.kind == "expression" for param in row.params.values()):
        lines.insert(1, "from math import *")
    if row.clock != "none":
        mode = f', mode="{_MODES[objective.direction]}"' if row.clock == "metric" else ""
        keywords = mode + _keywords(pick, row) + _unasked(pick, row)
        lines.append(f"scheduler = {_dotted(row.path)}(optimizer{keywords})")
    if row.clock == "step":
        lines.append("# call scheduler.step() after every optimizer.step(); total_steps is epochs * len(batches)")
    return "\n".join(lines)


def _optimizer_lines(pick: Pick) -> list[str]:
    row = optimizer_row(pick.optimizer)
    made = f"optimizer = {_dotted(row.path)}"
    defaults = {name: param.default for name, param in row.params.items()}
    keywords = torch_keywords(_own(pick, pick.optimizer), defaults)
    options = ", ".join(f"{name}={value!r}" for name, value in {"lr": pick.initial_lr, **keywords}.items())
    if not row.needs.matrices:
        return [f"{made}(model.parameters(), {options})"]
    return [
        "tables = [m for m in model.modules() if isinstance(m, torch.nn.Embedding | torch.nn.EmbeddingBag)]",
        "embedded = {id(p) for m in tables for p in m.parameters()}",
        "matrices = [p for p in model.parameters() if p.ndim == 2 and id(p) not in embedded]",
        "others = [p for p in model.parameters() if p.ndim != 2 or id(p) in embedded]",
        f"{made}(matrices, {options})",
        f"beside = torch.optim.AdamW(others, lr={pick.initial_lr!r})  # step it, and a scheduler of its own, too",
    ]


def _unasked(pick: Pick, row: SchedulerRow) -> str:
    """What a step-wise scheduler takes from the LR and from the length of the training."""
    given = _own(pick, row.name)
    from_lr = {name: repr(rule(pick.initial_lr)) for name, rule in row.from_lr.items()}
    from_steps = {name: _STEPS.get(name, name) for name in row.from_steps}
    return "".join(f", {name}={text}" for name, text in (from_lr | from_steps).items() if name not in given)


def _dotted(path: str) -> str:
    return path.replace(":", ".")


def _own(pick: Pick, owner: str) -> dict[str, Value]:
    return {
        name.removeprefix(f"{owner}."): value for name, value in pick.params.items() if name.startswith(f"{owner}.")
    }


def _keywords(pick: Pick, row: SchedulerRow) -> str:
    texts = {
        name: f"lambda epoch: {value}" if row.params[name].kind == "expression" else repr(value)
        for name, value in _own(pick, row.name).items()
    }
    return "".join(f", {name}={text}" for name, text in texts.items())
