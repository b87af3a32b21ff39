"""The picks in the forms that MLflow shows: params to copy, metrics to compare, tables to read."""

import csv
import io
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from service.pickwords import folk_words, stability_words
from service.tracking.naming import key_name
from service.tracking.writer import Point
from sweeps.records import Pick


def pick_params(picks: Sequence[Pick]) -> dict[str, str]:
    """The best initial LR of all, and of each optimizer and scheduler."""
    best = picks[0]
    params = {
        "best.optimizer": best.optimizer,
        "best.scheduler": best.scheduler,
        "best.initial_lr": repr(best.initial_lr),
    }
    return params | {
        key_name(f"best.{pick.optimizer}.{pick.scheduler}.initial_lr"): repr(pick.initial_lr) for pick in picks
    }


def pick_points(picks: Sequence[Pick], at: datetime) -> list[Point]:
    """The same as metrics, which the runs table can sort and later picks can overtake."""
    values = {"best_objective": picks[0].value, "best_initial_lr": picks[0].initial_lr}
    for pick in picks:
        pair = f"{pick.optimizer}.{pick.scheduler}"
        values[key_name(f"best_objective/{pair}")] = pick.value
        values[key_name(f"best_initial_lr/{pair}")] = pick.initial_lr
    return [Point(name=name, value=value, step=0, at=at) for name, value in values.items()]


_OWN = ("optimizer", "scheduler", "initial_lr", "value", "low", "high", "tried")
_COLUMNS = (*_OWN, "trials", "params", "notes", "wins_again", "optimism", "stability", "folk_grid")


def _rows(picks: Sequence[Pick]) -> list[list[Any]]:
    return [
        [
            *(getattr(pick, name) for name in _OWN),
            ", ".join(map(str, pick.trials)),
            json.dumps(dict(pick.params)),
            "; ".join(pick.notes),
            pick.luck and pick.luck.wins,
            pick.luck and pick.luck.optimism,
            stability_words(pick),
            folk_words(pick),
        ]
        for pick in picks
    ]


def json_table(picks: Sequence[Pick]) -> bytes:
    """The picks as MLflow's UI shows a table."""
    return json.dumps({"columns": _COLUMNS, "data": _rows(picks)}).encode()


def csv_table(picks: Sequence[Pick]) -> bytes:
    """The picks for a spreadsheet."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(_COLUMNS)
    table.writerows(_rows(picks))
    return out.getvalue().encode()
