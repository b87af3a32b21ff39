"""A sweep's parent run: what was asked for, how far it is, and at the end the picks in every form MLflow shows."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import yaml

from service.passports import Passports
from service.plots.palette import SWEEP_COLOUR
from service.records import Status, SweepRecord, TrialRecord
from service.tracking.context import Context, began, status_of_unfinished
from service.tracking.links import artifact_address, curves_path, run_path
from service.tracking.naming import budget_text, lane_tags
from service.tracking.note import RANGE_TESTS, outcome_counts, passport_text, sweep_note
from service.tracking.pick_tables import csv_table, json_table, pick_params, pick_points
from service.tracking.pictures import Pictures
from service.tracking.runs import Run, Runs, sweep_key
from service.tracking.view import publish_view
from sweeps.passport import Passport
from sweeps.records import Pick, RangeTest, TrialResult
from sweeps.spec import SweepSpec

_ENDED = {Status.DONE: "FINISHED", Status.FAILED: "FAILED", Status.CANCELLED: "KILLED"}

_OUTDATED = (
    "the sweep went on after it had ended: params still hold what was picked then; "
    "the metrics, the note and picks.json hold what is picked now"
)


def open_parent(runs: Runs, sweep: SweepRecord) -> Run:
    """The parent run of a sweep, found or made."""
    return runs.open(
        sweep_key(),
        name=f"{sweep.name} {sweep.id}",
        tags={"mlflow.runColor": SWEEP_COLOUR, "spec": sweep.name},
        started=began(sweep),
        shown=None,
    )


class ParentRun:
    """The parent run of one sweep."""

    def __init__(self, context: Context, run: Run, sweep: SweepRecord):
        self._context, self._run, self._status = context, run, run.status
        self._told: Mapping[str, str] = {}
        self._pictures = Pictures(context.spec.objective)
        self._runs_of_trials: Mapping[int, str] = {}
        self._params(_spec_params(context.spec, sweep.task))
        self._ways = publish_view(context.writer, context.runs, sweep, context.spec)
        as_text = yaml.safe_dump(_plain(sweep.spec), sort_keys=False)
        context.writer.later(run.id, lambda: {"spec.yaml": as_text.encode()}, {})

    def follow(
        self,
        sweep: SweepRecord,
        trials: Sequence[TrialRecord],
        tests: Sequence[RangeTest],
        runs_of_trials: Mapping[int, str],
    ) -> None:
        """Keeps status, counts and note up to date while the sweep runs."""
        self._runs_of_trials = runs_of_trials
        self._tell(self._tags(sweep, trials, [], tests, {}))
        self._set_status(status_of_unfinished(sweep.status) if not sweep.status.ended else self._status)

    def draw_ahead(
        self,
        sweep: SweepRecord,
        trials: Sequence[TrialRecord],
        tests: Sequence[RangeTest],
        picks: Callable[[], Sequence[Pick]],
        history: Callable[[], Sequence[TrialResult]],
    ) -> None:
        """Draws what is final while others train: at the end somebody waits.

        Once all trials have ended, only how stable the picks are is still tried, which no picture shows.
        """
        if trials:
            self._pictures.range_tests(tests)
        if sweep.trials == sweep.total_trials and (found := picks()):
            self._pictures.sensitivity(trials, found)
            self._pictures.best_curves(trials, found, history)

    def conclude(
        self,
        sweep: SweepRecord,
        trials: Sequence[TrialRecord],
        tests: Sequence[RangeTest],
        picks: Sequence[Pick],
        history: Sequence[TrialResult],
    ) -> None:
        """Logs what the sweep found: picks as metrics, params, tables, plots and note; and how it ended."""
        spec, writer = self._context.spec, self._context.writer
        if any(value <= 0 for result in history for value in result.objectives):
            publish_view(writer, self._context.runs, sweep, spec, logarithmic=False)
        drawn = {
            "LR sensitivity": ("plots/lr_sensitivity.png", self._pictures.sensitivity(trials, picks)),
            "Best curves": ("plots/best_curves.png", self._pictures.best_curves(trials, picks, lambda: history)),
            RANGE_TESTS: ("plots/range_tests.png", self._pictures.range_tests(tests)),
        }
        files = {path: png for path, png in drawn.values() if png is not None}
        pictures = {
            caption: artifact_address(self._run.id, path) for caption, (path, _) in drawn.items() if path in files
        }
        passports = Passports.of(sweep)
        found = [*map(passports.of_pick, picks)] or [*map(passports.of_range_test, tests)]
        if found:
            files["passport.json"] = json.dumps([asdict(each) for each in found], indent=2).encode()
        tags = self._tags(sweep, trials, picks, tests, pictures, found[0] if picks else None)
        if picks:
            files |= {"picks.json": json_table(picks), "picks.csv": csv_table(picks)}
            # How MLflow's own log_table marks what its UI shows as a table.
            tags["mlflow.loggedArtifacts"] = json.dumps([{"path": "picks.json", "type": "table"}])
            writer.metrics(self._run.id, pick_points(picks, sweep.ended or began(sweep)))
        if picks and sweep.status.ended:
            self._params(pick_params(picks))
        self._tell(tags)
        # Who waits for a sweep to be FINISHED finds there what it came to.
        writer.send()
        self._set_status(_ENDED.get(sweep.status) or status_of_unfinished(sweep.status), sweep.ended)
        writer.later(self._run.id, lambda: files, {})

    def _tags(
        self,
        sweep: SweepRecord,
        trials: Sequence[TrialRecord],
        picks: Sequence[Pick],
        tests: Sequence[RangeTest],
        pictures: Mapping[str, str],
        passport: Passport | None = None,
    ) -> dict[str, str]:
        spec = self._context.spec
        note = sweep_note(
            sweep,
            spec,
            trials,
            picks,
            tests,
            link=self._link,
            ways=self._ways,
            pictures=pictures,
            passport=passport,
        )
        counts = outcome_counts(trials)
        tags = {"mlflow.note.content": note, "outcome": sweep.status.value, "trials": counts}
        if sweep.lanes is not None:
            tags |= lane_tags(sweep.lanes, sweep.lane_probe)
        if passport is not None:
            tags["passport"] = passport_text(passport)
        if sweep.error:
            tags["error"] = sweep.error.strip().rpartition("\n")[2]
        return tags

    def _link(self, number: int) -> str:
        experiment, trial = self._context.runs.experiment_id, self._runs_of_trials.get(number)
        return run_path(experiment, self._run.id) if trial is None else curves_path(experiment, trial)

    def _tell(self, tags: Mapping[str, str]) -> None:
        new = {key: value for key, value in tags.items() if self._told.get(key) != value}
        self._context.writer.tags(self._run.id, new)
        self._told = {**self._told, **new}

    def _params(self, params: Mapping[str, str]) -> None:
        """Sets params that are not there yet: MLflow lets none be changed, and a retried sweep may pick anew."""
        known = self._run.params
        self._context.writer.params(self._run.id, {k: v for k, v in params.items() if k not in known})
        if any(known.get(key, value) != value for key, value in params.items()):
            self._tell({"params.outdated": _OUTDATED})

    def _set_status(self, status: str, ended: datetime | None = None) -> None:
        if status != self._status or ended is not None:
            self._context.writer.status(self._run.id, status, ended)
            self._status = status


def _spec_params(spec: SweepSpec, task: str) -> dict[str, str]:
    objective = spec.objective
    return {
        "task": task,
        "budget": budget_text(spec.budget),
        "objective": f"{objective.direction} {objective.value} {objective.metric}",
        "optimizers": ", ".join(optimizer.name for optimizer in spec.optimizers),
        "schedulers": ", ".join(scheduler.name for scheduler in spec.schedulers),
        "sampler": spec.sampler.name,
        "pruner": spec.pruner.name,
        "trials": str(spec.total_trials),
        "seed": str(spec.seed),
    }


def _plain(value: Any) -> Any:
    """What YAML can write without tags of its own: mappings as dicts, tuples as lists."""
    match value:
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    return value
