"""A pick as the lines to paste into a PyTorch script."""

from sweeps.catalogue import optimizer_row, scheduler_row
from sweeps.objective import Objective
from sweeps.records import Pick

_MODES = {"minimize": "min", "maximize": "max"}


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
        f"optimizer = {_dotted(optimizer_row(pick.optimizer).path)}"
        f"(model.parameters(), lr={pick.initial_lr!r}{_keywords(pick, pick.optimizer)})",
    ]
    row = scheduler_row(pick.scheduler)
    if row.clock != "none":
        mode = f', mode="{_MODES[objective.direction]}"' if row.clock == "metric" else ""
        lines.append(f"scheduler = {_dotted(row.path)}(optimizer{mode}{_keywords(pick, pick.scheduler)})")
    return "\n".join(lines)


def _dotted(path: str) -> str:
    return path.replace(":", ".")


def _keywords(pick: Pick, owner: str) -> str:
    own = {name.removeprefix(f"{owner}."): value for name, value in pick.params.items() if name.startswith(f"{owner}.")}
    return "".join(f", {name}={value!r}" for name, value in own.items())
