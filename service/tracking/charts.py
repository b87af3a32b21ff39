"""The charts of a sweep's view in MLflow: range tests over the LR, the objective over the initial LR, the curves.

How MLflow's UI names what a chart shows is not documented; what is known of it (MLflow 3.17) is here and in `view.py`.
"""

from collections.abc import Sequence
from typing import Any

from service.tracking.naming import key_name
from sweeps.groups import REST
from sweeps.spec import SweepSpec

Json = dict[str, Any]

_SECTIONS = {
    "Range tests, over log10 of the LR": (2, 360),
    "Initial LR against the objective": (1, 420),
    "Curves": (2, 360),
}
"""The headings that charts stand under: how many stand in a row, and how high they are in pixels. In less room
than this, MLflow cuts the names in legends and on the axes of parallel coordinates.
"""

_LR, _OBJECTIVE, _LOG_OBJECTIVE = "log10_initial_lr", "objective", "log10_objective"

_TAKEN_AS_X = (
    "initial_lr",
    _LR,
    _OBJECTIVE,
    _LOG_OBJECTIVE,
    "range_test/log10_lr",
    "range_test/loss",
    "probe/log10_lr",
)
"""Metrics of one point a run, or that others are drawn over: left alone, MLflow adds a chart of bars for each."""


def sections() -> list[Json]:
    """The headings that charts stand under, in order, all of them unfolded."""
    return [
        {"uuid": name, "name": name, "display": True, "isReordered": False, "columns": columns, "cardHeight": height}
        for name, (columns, height) in _SECTIONS.items()
    ]


def charts(spec: SweepSpec, *, logarithmic: bool) -> list[Json]:
    """The charts of all sections: the objective and curves of losses on a logarithmic scale, or not.

    Those without data are hidden by the view, such as a probe's where there was none.
    """
    range_tests, against, curves = _SECTIONS
    objective, scale = spec.objective.metric, "log" if logarithmic else "linear"
    came_to = _LOG_OBJECTIVE if logarithmic else _OBJECTIVE
    shown = [
        _over_lr(range_tests, "range_test/loss_smoothed", "range_test/log10_lr"),
        _over_lr(range_tests, f"probe/{objective.replace('/', '_')}", "probe/log10_lr"),
        _chart("SCATTER", against, xaxis=_metric(_LR), yaxis=_metric(came_to), runsCountToCompare=100),
        _chart(
            "PARALLEL",
            against,
            # Lines run over the labels of every axis but the first, so that names stand there alone.
            selectedParams=["pair"],
            selectedMetrics=[_LR, came_to],
            showAllRuns=True,
        ),
        *(_over_steps(curves, [name], scale) for name in dict.fromkeys((objective, "val/loss"))),
        _over_steps(curves, _lr_names(spec), "log"),
        _over_steps(curves, ["train/loss"], scale),
        *(_chart("BAR", against, metricKey=name, deleted=True) for name in _TAKEN_AS_X),
    ]
    return [{**chart, "uuid": f"lrsweep-{place}"} for place, chart in enumerate(shown)]


def _lr_names(spec: SweepSpec) -> list[str]:
    groups = [each.group.name for each in spec.groups]
    return [f"lr/{name}" for name in (REST, *groups)] if groups else ["lr"]


def _over_lr(section: str, metric: str, x: str) -> Json:
    return _line(section, [metric], xAxisKey="metric", selectedXAxisMetricKey=x)


def _over_steps(section: str, metrics: Sequence[str], scale: str) -> Json:
    return _line(section, metrics, xAxisKey="step", scaleType=scale)


def _line(section: str, metrics: Sequence[str], **more: Any) -> Json:
    names = list(map(key_name, metrics))
    return _chart(
        "LINE",
        section,
        metricKey=names[0],
        selectedMetricKeys=names,
        lineSmoothness=0,
        useGlobalXaxisKey=False,
        useGlobalLineSmoothing=False,
        **more,
    )


def _metric(name: str) -> Json:
    return {"key": name, "type": "METRIC"}


def _chart(kind: str, section: str, **more: Any) -> Json:
    return {"type": kind, "metricSectionId": section, "isGenerated": False, "deleted": False, **more}
