"""Finds the runs that show a sweep, and makes those that are missing: MLflow itself is asked which there are."""

import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.tracking.writer import milliseconds

SWEEP_TAG = "lrsweep.sweep"
KIND_TAG = "lrsweep.kind"
SHOWN_TAG = "lrsweep.shown"
"""Says which state of a trial or range test a run shows completely; the last thing that is written to it."""

_EXPERIMENT_NAME = 500


def sweep_key() -> dict[str, str]:
    """The tags that tell a sweep's parent run from its other runs."""
    return {KIND_TAG: "sweep"}


def trial_key(number: int) -> dict[str, str]:
    """The tags that tell a trial's run from the sweep's other runs."""
    return {KIND_TAG: "trial", "lrsweep.trial": str(number)}


def range_test_key(optimizer: str) -> dict[str, str]:
    """The tags that tell a range test's run from the sweep's other runs."""
    return {KIND_TAG: "range_test", "lrsweep.range_test": optimizer}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as it was found or made. `complete` if it shows all that was asked for; `params` are set for good."""

    id: str
    status: str
    complete: bool
    params: Mapping[str, str]


def open_experiment(client: Any, name: str, artifact_location: str | None) -> str:
    """The id of the experiment of that name, which is made if there is none, and restored if it was deleted."""
    from mlflow.exceptions import MlflowException

    name = name[-_EXPERIMENT_NAME:]
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, artifact_location=artifact_location))
        except MlflowException:
            # Another sweep of the same task may have made it in this very moment.
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage != "active":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


class Runs:
    """The runs of one sweep in one experiment.

    They are known by their tags, not by the ids in the store: a crash between making a run and noting its id
    must not leave two runs of one trial. `made` counts those that were missing.
    """

    def __init__(self, client: Any, experiment_id: str, sweep_id: str):
        self._client, self._sweep_id = client, sweep_id
        self.experiment_id = experiment_id
        self.made = 0
        self._found: dict[frozenset[tuple[str, str]], Any] = {}
        token = None
        while True:
            page = client.search_runs(
                [experiment_id],
                f"tags.`{SWEEP_TAG}` = '{sweep_id}'",
                max_results=1000,
                order_by=["attributes.start_time DESC"],
                page_token=token,
            )
            for run in page:
                self._add(run)
            token = page.token
            if not token:
                break

    def _add(self, run: Any) -> None:
        """Notes a run. Of two with one key, which writers that died in the very moment may leave, the newer goes."""
        key = _key_of(run.data.tags)
        newer = self._found.get(key)
        if newer is not None:
            self._client.delete_run(newer.info.run_id)
        self._found[key] = run

    def open(
        self, key: Mapping[str, str], *, name: str, tags: Mapping[str, str], started: datetime, shown: str | None
    ) -> Run:
        """The run of that key, or a new one.

        `shown` names the state that the run will show once the trial or range test has ended, None before. A run
        that shows another state completely is of an attempt that was taken back: what was logged cannot be
        changed, so it is deleted and a new one made.
        """
        found = self._found.get(frozenset(key.items()))
        if found is not None:
            showing = found.data.tags.get(SHOWN_TAG)
            if showing is None or showing == shown:
                return Run(
                    id=found.info.run_id,
                    status=found.info.status,
                    complete=showing is not None,
                    params=found.data.params,
                )
            self._client.delete_run(found.info.run_id)
        made = self._client.create_run(
            self.experiment_id,
            start_time=milliseconds(started),
            tags={**tags, **key, SWEEP_TAG: self._sweep_id, "mlflow.source.name": "lrsweep", **_user()},
            run_name=name,
        )
        self.made += 1
        return Run(id=made.info.run_id, status=made.info.status, complete=False, params={})


def _key_of(tags: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    names = (KIND_TAG, "lrsweep.trial", "lrsweep.range_test")
    return frozenset((name, tags[name]) for name in names if name in tags)


def _user() -> dict[str, str]:
    try:
        return {"mlflow.user": getpass.getuser()}
    except (OSError, KeyError):
        # A container's user need not have a name.
        return {}
