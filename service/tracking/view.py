"""A sweep's preset view of MLflow's runs table: its trials, flat, best first, in the columns that matter.

MLflow's UI keeps a view that somebody shares as a tag of the experiment, in a format that is not documented. What is
known of it (MLflow 3.17) is all here, and `tests/service/test_browser.py` sees it in the real UI.
"""

import base64
import json
import zlib
from typing import Any

from service.records import SweepRecord
from service.tracking.links import trials_filter, trials_path, view_path
from service.tracking.runs import Runs
from service.tracking.writer import Writer, milliseconds
from sweeps.objective import Objective

_TAG = "mlflow.sharedViewState."

_COLUMNS = {
    "params.`optimizer`": 80,
    "params.`scheduler`": 90,
    "metrics.`initial_lr`": 80,
    "metrics.`objective`": 90,
    "tags.`outcome`": 100,
    "tags.`epochs`": 65,
}
"""Columns from the left, with their widths in pixels: all of them fit beside the UI's side bars."""

_NAME = 100
"""Characters of a view's name: the value of an experiment's tag may have 5000 in all."""


def publish_view(writer: Writer, runs: Runs, sweep: SweepRecord, objective: Objective) -> str:
    """Publishes the view of a sweep's trials and returns the way to it: where MLflow takes none, to the plain table.

    Published again, it is the same view. Raises MlflowException for all but a refusal.
    """
    from mlflow.exceptions import MlflowException

    ascending = objective.direction == "minimize"
    slug = f"lrsweep-{sweep.id}"
    try:
        writer.experiment_tag(runs.experiment_id, f"{_TAG}{slug}", _view(sweep, ascending=ascending))
    except MlflowException as error:
        if error.error_code not in ("INVALID_PARAMETER_VALUE", "PERMISSION_DENIED"):
            raise
        return trials_path(runs.experiment_id, sweep.id, ascending=ascending)
    return view_path(runs.experiment_id, slug)


def _view(sweep: SweepRecord, *, ascending: bool) -> str:
    made = milliseconds(sweep.created)
    state = {
        "searchFilter": trials_filter(sweep.id),
        "orderByKey": "metrics.`objective`",
        "orderByAsc": ascending,
        "selectedColumns": list(_COLUMNS),
        # The UI looks up the widths of those columns only that it has an order for.
        "columnOrder": list(_COLUMNS),
        "columnWidths": _COLUMNS,
        "runsHiddenMode": "SHOW_ALL",
    }
    return json.dumps(
        {
            "name": f"{sweep.name} {sweep.id}"[-_NAME:],
            "createdAt": made,
            "updatedAt": made,
            "state": _packed(state),
        }
    )


def _packed(state: dict[str, Any]) -> str:
    return "deflate;" + base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()
