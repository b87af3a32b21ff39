"""What tables show in terminals of any width: numbers and names whole, or not at all."""

import io
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console, RenderableType

from service.cli.tables import PicksTable, SweepsTable, TrialsTable
from service.records import Status, SweepSummary, TrialRecord
from sweeps.objective import Objective
from sweeps.pickevidence import FolkBest, Stressed
from sweeps.records import Outcome, Pick, Proposal

WIDTHS = (60, 80, 100, 120, 160, 240)


def shown(table: RenderableType, width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    assert max(map(len, out.getvalue().splitlines())) <= width
    return out.getvalue()


def a_pick(**fields: Any) -> Pick:
    defaults: dict[str, Any] = {
        "optimizer": "AdamW",
        "scheduler": "CosineAnnealingLR",
        "initial_lr": 0.01234,
        "value": 0.0625,
        "params": {"AdamW.weight_decay": 0.02, "CosineAnnealingLR.T_max": 12},
        "trials": (3,),
        "tried": 17,
        "low": 0.011,
        "high": 0.022,
    }
    return Pick(**{**defaults, **fields})


@pytest.mark.parametrize("width", WIDTHS)
def test_all_of_a_pick_is_said_whole_in_any_width(width: int) -> None:
    evidence = Stressed(factor=2.0, initial_lr=0.0247, value=0.35, exploded=False)
    pick = a_pick(
        stability=(evidence,),
        folk_grid=FolkBest(initial_lr=0.01, value=0.4),
        notes=("near the [edge] of what was tried",),
    )
    screen = shown(PicksTable([pick, a_pick(optimizer="SGD", params={})], Objective(metric="val/loss")), width)
    assert "…" not in screen
    said = re.sub(r"\s+", " ", screen)
    for word in (
        "1.234e-02",
        "0.0625",
        "1.1e-02 to 2.2e-02",
        "17",
        "weight_decay=0.02, T_max=12",
        "2x 0.35",
        "0.01: 0.4",
    ):
        assert word in said
    assert "AdamW, CosineAnnealingLR: " in said
    assert "near the [edge] of what was tried" in said


def test_a_pick_stands_alone_where_there_is_nothing_to_add() -> None:
    screen = shown(PicksTable([a_pick(low=0.01234, high=0.01234)], Objective(metric="val/loss")), 160)
    for word in ("as good", "at multiples", "folk grid", "AdamW, "):
        assert word not in screen


@pytest.mark.parametrize("width", WIDTHS[1:])
def test_a_trials_numbers_are_whole_and_what_has_no_room_is_named(width: int) -> None:
    proposal = Proposal(
        number=117,
        optimizer="AdamW",
        scheduler="CosineAnnealingLR",
        initial_lr=0.01234,
        seed=71,
        optimizer_params={"weight_decay": 0.02},
    )
    trial = TrialRecord(
        proposal=proposal,
        outcome=Outcome.COMPLETE,
        value=0.0625,
        epochs=12,
        error=None,
        started=None,
        ended=None,
        mlflow_run_id=None,
    )
    screen = shown(TrialsTable([trial], Objective(metric="val/loss"), {117: [1.0, 0.5, 0.0625]}), width)
    assert "…" not in screen
    for word in ("117", "AdamW", "CosineAnnealingLR", "1.234e-02", "0.0625"):
        assert word in screen
    table, _, left_out = screen.partition("A wider terminal also shows:")
    for column, cell in (("with", "weight_decay=0.02"), ("seed", " 71 "), ("curve", "▁"), ("outcome", "COMPLETE")):
        assert (cell in table) != (column in left_out), column


@pytest.mark.parametrize("width", WIDTHS)
def test_a_sweeps_id_and_status_are_whole_and_what_has_no_room_is_named(width: int) -> None:
    sweep = SweepSummary(
        id="td4utqxy",
        name="a sweep of the large one",
        task="my_folder/my_task.py:MyTask",
        status=Status.INTERRUPTED,
        created=datetime(2026, 11, 22, 17, 1, tzinfo=UTC),
        ended=None,
        error=None,
        trials=297,
        total_trials=300,
    )
    screen = shown(SweepsTable([sweep]), width)
    for word in ("td4utqxy", "INTERRUPTED", "297/300"):
        assert word in screen
    assert "…" not in screen
    assert ("A wider terminal also shows" in screen) == ("MyTask" not in screen)
