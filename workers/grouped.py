"""A trial's optimizer over the parameter groups of its model: each has its own LR, late ones join in their epoch."""

from torch import nn
from torch.optim import LBFGS, Optimizer

from sweeps.errors import UserError
from sweeps.groups import own
from sweeps.records import Job
from workers.groups import ModelGroup, model_groups
from workers.optimizers import Maker
from workers.together import LANE_GROUP, join


class GroupedOptimizer:
    """The optimizer of a job, with the groups that train from the start; the others are frozen until `begin` adds them.

    Raises UserError for patterns that do not fit the model, and for several groups under LBFGS; else what `Maker` does.
    """

    def __init__(self, model: nn.Module, job: Job):
        groups = model_groups(model, job)
        self._maker = Maker(job.optimizer, model, job.initial_lr, own(job.optimizer_params))
        self.initial_lrs = tuple(group.lr for group in groups)
        """[groups], in order, also of those that are frozen."""
        self.joins_at = tuple(group.from_epoch for group in groups)
        """The epoch, from 0, from which on each group trains, [groups]."""
        self._waiting = {index: group for index, group in enumerate(groups) if group.from_epoch > 0}
        self._frozen = {index: group.freeze() for index, group in self._waiting.items()}
        started = [self._made(index, group) for index, group in enumerate(groups) if index not in self._waiting]
        self.optimizer = started[0]
        if isinstance(self.optimizer, LBFGS) and len(groups) > 1:
            raise UserError(
                f"{job.optimizer} trains all parameters as one group, and the spec has {len(groups)}; "
                f"leave {job.optimizer} out, or the groups"
            )
        for made in started[1:]:
            join(self.optimizer, made)

    def begin(self, epoch: int) -> None:
        """Adds the groups that train from this epoch (from 0) or an earlier one on, and are not there yet."""
        for index, group in list(self._waiting.items()):
            if group.from_epoch <= epoch:
                for parameter in self._frozen[index]:
                    parameter.requires_grad_()
                join(self.optimizer, self._made(index, group))
                del self._waiting[index]

    def _made(self, index: int, group: ModelGroup) -> Optimizer:
        try:
            made = self._maker.make([{"params": list(group.parameters), "lr": group.lr}], group.params)
        except UserError as error:
            raise UserError(f"group {group.name}: {error}") from error
        for each in made.param_groups:
            each[LANE_GROUP] = index
        return made
