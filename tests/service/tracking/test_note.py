"""A note says the answer first and fits into MLflow's tag, however much there is to say."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from service.records import Status, SweepRecord
from service.tracking.note import sweep_note
from service.tracking.pick_tables import json_table
from service.tracking.view import Ways
from sweeps.finding import Finding
from sweeps.pickevidence import FolkBest, Luck, Stressed
from sweeps.records import Pick
from sweeps.specfile import parse_spec

from .conftest import SPEC

RECORD = SweepRecord(
    id="s1",
    name="demo",
    task="digits",
    status=Status.DONE,
    spec=SPEC,
    created=datetime(2026, 1, 1, tzinfo=UTC),
    started=None,
    ended=None,
    error=None,
    cancel_requested=False,
    trials=8,
    total_trials=8,
    mlflow=None,
    steps_per_epoch=10,
    lanes=None,
    lane_probe=None,
)


def pick(number: int, **fields: object) -> Pick:
    defaults: dict[str, object] = {
        "optimizer": "SGD",
        "scheduler": f"my.own.package{number}:Scheduler",
        "initial_lr": 0.0064,
        "value": 0.125,
        "params": {"SGD.momentum": 0.9, "SGD.note": "a|b"},
        "trials": (number, number + 1),
        "tried": 9,
        "low": 0.003,
        "high": 0.012,
        "notes": ("at the upper bound 0.1 of what was searched: a higher LR may be better",),
    }
    return Pick(**defaults | fields)  # type: ignore[arg-type]


def note(record: SweepRecord, *picks: Pick) -> str:
    return sweep_note(
        record,
        parse_spec(SPEC),
        [],
        picks,
        [],
        link=lambda number: f"#{number}",
        ways=Ways(charts="#charts", table="#all"),
        pictures={"LR sensitivity": "get-artifact?path=plots/a.png&run_uuid=r"},
    )


def test_the_answer_comes_first() -> None:
    lines = note(RECORD, pick(0)).splitlines()
    assert lines[0] == "## Best initial LR: 0.0064"
    assert "momentum 0.9" in lines[2]
    assert "the mean of 2 seeds" in lines[2]
    assert "LRs from 0.003 to 0.012" in lines[2]
    assert lines[4].startswith("> at the upper bound")


def test_a_row_says_in_short_what_to_mind_about_its_pick() -> None:
    minded = pick(1, notes=("pruned, not trained to the end", "at the end of the values: one beyond may be better"))
    (row,) = (line for line in note(RECORD, pick(0), minded).splitlines() if "package1" in line and line[0] == "|")
    assert "| pruned, not trained to the end; at the end of the values&ensp; |" in row


def test_it_says_what_was_left_out_and_why_and_the_first_of_many_findings() -> None:
    findings = [Finding(severity="warning", where=f"optimizers[{n}]", what="a|b", mend="drop it") for n in range(7)]
    said = note(replace(RECORD, findings=tuple(findings[:5]))).splitlines()
    assert "- `optimizers[0]`: a\\|b; drop it" in said
    assert not [line for line in said if line.endswith("in `lrsweep show`")]
    said = note(replace(RECORD, findings=tuple(findings))).splitlines()
    assert [line for line in said if line.startswith("- ")][4:] == [
        "- `optimizers[4]`: a\\|b; drop it",
        "- 2 more, in `lrsweep show`",
    ]


def test_a_bar_in_a_value_does_not_split_a_cell() -> None:
    assert "a\\|b" in note(RECORD, pick(0))


def test_what_is_too_long_loses_rows_not_its_head() -> None:
    text = note(RECORD, *(pick(number) for number in range(200)))
    assert len(text) <= 8000
    assert text.startswith("## Best initial LR")
    assert "170 more in picks.csv" in text
    assert "![LR sensitivity]" in text


def test_a_sweep_without_picks_says_so() -> None:
    assert note(RECORD).startswith("## No initial LR to recommend\n")
    running = replace(RECORD, status=Status.RUNNING)
    assert note(running).startswith("## No initial LR to recommend yet\n")


def test_a_failure_shows_its_error() -> None:
    failed = replace(RECORD, status=Status.FAILED, error="every trial failed alike:\nValueError: bad labels")
    assert "**Failed** after 8 of 8 trials" in note(failed)
    assert "ValueError: bad labels" in note(failed)


STRESSED = (
    Stressed(factor=2.0, initial_lr=0.0128, value=0.35, exploded=False),
    Stressed(factor=5.0, initial_lr=0.032, value=None, exploded=True),
)


def test_the_answer_says_what_multiples_and_the_folk_grid_came_to() -> None:
    said = note(RECORD, pick(0, stability=STRESSED, folk_grid=FolkBest(initial_lr=0.01, value=0.4))).splitlines()[2]
    assert said.endswith("At multiples of this LR: 2x 0.35, 5x explodes. The best of the folk grid, 0.01, came to 0.4.")
    own = pick(0)
    assert "It is of the folk grid itself." in note(
        RECORD, pick(0, folk_grid=FolkBest(initial_lr=own.initial_lr, value=own.value))
    )
    assert "folk grid" not in note(RECORD, own)


def test_the_table_of_picks_has_what_stands_beside_them() -> None:
    luck = Luck(noise=0.02, source="seeds", wins=0.625, optimism=0.0125, rivals=3)
    table = json.loads(json_table([pick(0, luck=luck, stability=STRESSED), pick(1)]))
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
    assert [row["wins_again"] for row in rows] == [0.625, None]
    assert [row["optimism"] for row in rows] == [0.0125, None]
    assert [row["stability"] for row in rows] == ["2x 0.35, 5x explodes", ""]
    assert [row["folk_grid"] for row in rows] == ["", ""]
