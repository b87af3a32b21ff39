"""A trial's run: params and colour at the start, points as reports come, outcome at the end."""

from collections.abc import Callable, Mapping, Sequence

from service.records import Curve, ReportRecord, SweepRecord, TrialRecord
from service.tracking.context import Context, began, status_of_unfinished
from service.tracking.metrics import diverged_at, epoch_points, lr_points, objective_points, step_points, stride
from service.tracking.naming import run_name, trial_params
from service.tracking.note import trial_note
from service.tracking.runs import SHOWN_TAG, trial_key
from sweeps.records import Outcome

_STATUS = {
    Outcome.COMPLETE: "FINISHED",
    Outcome.PRUNED: "FINISHED",
    Outcome.DIVERGED: "FINISHED",
    Outcome.FAILED: "FAILED",
    Outcome.CANCELLED: "KILLED",
}
"""A diverged trial has done its work, as a pruned one has: a red cross is for what went wrong."""

_LAST_LINE = 500


class TrialRun:
    """One trial in MLflow. `id` is its run."""

    def __init__(self, context: Context, sweep: SweepRecord, trial: TrialRecord):
        self._context, self._proposal = context, trial.proposal
        proposal = trial.proposal
        run = context.runs.open(
            trial_key(proposal.number),
            name=run_name(proposal, seeds=len(context.spec.seeds)),
            tags={
                "mlflow.parentRunId": context.parent,
                "mlflow.runColor": context.colours.get(proposal.scheduler, ""),
                "origin": proposal.origin,
            },
            started=trial.started or began(sweep),
            shown=_state(trial),
        )
        self.id, self._status, self._complete = run.id, run.status, run.complete
        self._step = 0
        self._every: int | None = None
        self._diverged: str | None = None
        if not run.complete:
            self._introduce(trial, sweep, run.params)

    def _introduce(self, trial: TrialRecord, sweep: SweepRecord, known: Mapping[str, str]) -> None:
        proposal, at = trial.proposal, trial.started or began(sweep)
        params = trial_params(proposal, self._context.budget)
        writer = self._context.writer
        writer.params(self.id, {key: value for key, value in params.items() if key not in known})
        writer.metrics(self.id, lr_points(proposal.initial_lr, at=at))

    def advance(self, reports: Sequence[ReportRecord], curve: Callable[[], Curve], steps_per_epoch: int | None) -> None:
        """Logs what reports, the trial's next in order, and its curve say."""
        if self._complete:
            return
        if self._every is None:
            # A plain training function says only by its reports how long its epochs are.
            per_epoch = steps_per_epoch or max(1, reports[0].step // reports[0].epoch)
            self._every = stride(self._context.spec.budget.total_steps(per_epoch))
        groups = self._context.groups
        points = [point for report in reports for point in epoch_points(report, groups)]
        last = reports[-1].step
        if self._step == 0 or last // self._every > self._step // self._every:
            points += step_points(reports, curve(), groups, after=self._step, every=self._every)
        self._context.writer.metrics(self.id, points)
        self._step = last
        if self._diverged is None and (sentence := next(filter(None, map(diverged_at, reports)), None)):
            self._diverged = sentence
            self._context.writer.tags(self.id, {"diverged": sentence})

    def settle(self, trial: TrialRecord, sweep: SweepRecord) -> None:
        """Brings the run's status in line with the trial's, and shows the outcome once there is one."""
        if self._complete:
            return
        if trial.outcome is None:
            wanted = status_of_unfinished(sweep.status)
            if wanted != self._status:
                self._context.writer.status(self.id, wanted, sweep.ended if wanted == "KILLED" else None)
                self._status = wanted
            return
        self._conclude(trial, sweep, trial.outcome)
        self._complete = True

    def _conclude(self, trial: TrialRecord, sweep: SweepRecord, outcome: Outcome) -> None:
        writer, ended = self._context.writer, trial.ended or began(sweep)
        if trial.value is not None:
            losses = self._context.spec.objective.direction == "minimize"
            writer.metrics(self.id, objective_points(trial.value, logarithmic=losses, at=ended))
        tags = {
            "outcome": outcome.value,
            "outcome.meaning": outcome.sentence,
            # No metric: that would be one more chart on every trial's page, of a single point.
            "epochs": str(trial.epochs),
            "mlflow.note.content": trial_note(trial, outcome, self._context.spec.objective),
        }
        if outcome is Outcome.DIVERGED and self._diverged is None:
            tags["diverged"] = f"the training loss, after {trial.epochs} whole epochs"
        shown = {SHOWN_TAG: _state(trial) or ""}
        if error := trial.error:
            tags["error"] = error.strip().rpartition("\n")[2][:_LAST_LINE]
            writer.later(self.id, lambda: {"error.txt": error.encode()}, shown)
        else:
            # The last of them: it arrives when all else has.
            tags |= shown
        writer.status(self.id, _STATUS[outcome], ended)
        writer.tags(self.id, tags)


def _state(trial: TrialRecord) -> str | None:
    if trial.outcome is None or trial.ended is None:
        return None
    return f"{trial.outcome.value} {trial.ended.isoformat()}"
