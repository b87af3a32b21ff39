"""Puts a snippet together: where the pick comes from, its optimizers, their schedulers."""

from collections.abc import Sequence

from sweeps.groups import ParamGroup
from sweeps.objective import Objective
from sweeps.paramnames import params_of
from sweeps.records import Pick
from sweeps.snippet.optimizers import add_optimizers
from sweeps.snippet.schedulers import add_schedulers
from sweeps.snippet.script import Script

_MODES = {"minimize": "min", "maximize": "max"}


def torch_lines(pick: Pick, objective: Objective, groups: Sequence[ParamGroup] = ()) -> str:
    """Python that makes the picked optimizer and scheduler for a `model`, with the sweep's parameter groups.

    >>> pick = Pick(optimizer="SGD", scheduler="StepLR", initial_lr=0.1, value=0.2, trials=(3,), tried=4, low=0.1,
    ...             high=0.1, params={"SGD.momentum": 0.9, "StepLR.step_size": 5})
    >>> print(torch_lines(pick, Objective()))
    # SGD with StepLR: best val/loss 0.2 in trial 3 (4 tried)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5)
    """
    script = Script()
    made = add_optimizers(script, pick.optimizer, pick.initial_lr, params_of(pick.params, pick.optimizer), groups)
    add_schedulers(script, pick, params_of(pick.params, pick.scheduler), made, groups, _MODES[objective.direction])
    trials = ", ".join(map(str, pick.trials))
    source = (
        f"# {pick.optimizer} with {pick.scheduler}: {objective.value} {objective.metric} {pick.value:.4g} "
        f"in trial {trials} ({pick.tried} tried)"
    )
    return "\n".join([source, *script.whole])
