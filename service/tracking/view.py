"""A sweep's preset view of MLflow's runs: charts of its trials and range tests, and their table, flat, best first.

MLflow's UI keeps a view that somebody shares as a tag of the experiment, in a format that is not documented. What is
known of it (MLflow 3.17) is all here, and `tests/service/test_browser.py` sees it in the real UI.
"""

import base64
import json
import zlib
from dataclasses import dataclass
from typing import Any

from service.records import SweepRecord
from service.tracking.charts import charts, sections
from service.tracking.links import plain_path, runs_filter, view_path, view_slug
from service.tracking.runs import Runs
from service.tracking.writer import Writer, milliseconds
from sweeps.spec import SweepSpec

_TAG = "mlflow.sharedViewState."

_COLUMNS = {
    "params.`optimizer`": 80,
    "params.`scheduler`": 140,
    "metrics.`initial_lr`": 155,
    "metrics.`objective`": 155,
    "tags.`outcome`": 95,
    "tags.`epochs`": 65,
}
"""Columns from the left, with their widths in pixels: all of them fit beside the UI's side bars."""

_NAME = 100
"""Characters of a view's name: the value of an experiment's tag may have 5000 in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """The ways to a sweep's view within the UI."""

    charts: str
    table: str


def publish_view(writer: Writer, runs: Runs, sweep: SweepRecord, spec: SweepSpec, *, logarithmic: bool = True) -> Ways:
    """Publishes a sweep's view and returns the ways to it: where MLflow takes none, to the same runs without it.

    Published again, it is the same view. `logarithmic` is how curves of an objective that is minimized are drawn.
    Raises MlflowException for all but a refusal.
    """
    from mlflow.exceptions import MlflowException

    experiment, ascending = runs.experiment_id, spec.objective.direction == "minimize"
    shown = charts(spec, logarithmic=logarithmic and ascending)
    view = _view(sweep, shown, ascending=ascending)
    try:
        writer.experiment_tag(experiment, f"{_TAG}{view_slug(sweep.id)}", view)
    except MlflowException as error:
        if error.error_code not in ("INVALID_PARAMETER_VALUE", "PERMISSION_DENIED"):
            raise
        return Ways(
            charts=plain_path(experiment, sweep.id, charts=True, ascending=ascending),
            table=plain_path(experiment, sweep.id, charts=False, ascending=ascending),
        )
    return Ways(
        charts=view_path(experiment, sweep.id, charts=True),
        table=view_path(experiment, sweep.id, charts=False),
    )


def _view(sweep: SweepRecord, shown: list[dict[str, Any]], *, ascending: bool) -> str:
    made = milliseconds(sweep.created)
    state = {
        "searchFilter": runs_filter(sweep.id),
        "orderByKey": "metrics.`objective`",
        "orderByAsc": ascending,
        "selectedColumns": list(_COLUMNS),
        # The UI looks up the widths of those columns only that it has an order for.
        "columnOrder": list(_COLUMNS),
        "columnWidths": _COLUMNS,
        "runsHiddenMode": "SHOW_ALL",
        "compareRunSections": sections(),
        "compareRunCharts": shown,
        # Else the UI sorts sections by name.
        "isAccordionReordered": True,
        "hideEmptyCharts": True,
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
