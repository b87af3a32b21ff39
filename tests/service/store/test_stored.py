"""Database files that older versions left behind are read right.

Each revision has its file, made when it was the newest by `python tests/service/store/test_stored.py`.
"""

import math
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import MetaData, create_engine

from migrations.config import config
from service.records import Curve, MlflowPlace, Scope, Status
from service.store import Store, upgrade
from service.store.engine import connect, parse, writing
from service.store.schema import HEAD, REVISIONS, VERSION_TABLE
from sweeps.finding import Finding
from sweeps.lanerecords import LanePlan, LaneProbe
from sweeps.pickevidence import FolkBest, Luck, Stressed
from sweeps.records import CodeVersion, Ended, Outcome, Pick, Probed, Proposal, RangeTest, Report, TaskInfo

DATA = Path(__file__).parent / "data"

SPEC = {"name": "stored", "task": "digits-mlp", "optimizers": [{"name": "SGD", "lr": [1e-4, 0.1]}], "timeout": math.inf}
PROPOSALS = [
    Proposal(
        number=number,
        optimizer="SGD",
        scheduler="MultiStepLR",
        initial_lr=0.1 / 3**number,
        optimizer_params={"momentum": 0.9, "nesterov": True},
        scheduler_params={"milestones": (2, 4), "gamma": 0.1},
        seed=7,
        origin="range test",
    )
    for number in range(3)
]
REPORTS = [
    Report(
        key="trial 0",
        epoch=epoch,
        step=2 * epoch,
        metrics={"val/loss": 0.5 / epoch, "gain": math.inf},
        lrs=(0.1, 0.01),
        step_losses=(1.0 / epoch, 0.75 / epoch),
        step_lrs=(0.1, 0.1),
        step_more={"momentum": (0.9, 0.85), "lr/head": (0.01, 0.02)},
        seconds=0.5 * epoch,
    )
    for epoch in (1, 2)
]
RANGE_TEST = RangeTest(
    optimizer="SGD",
    initial_lr=0.1,
    low=0.01,
    high=1.0,
    trusted=False,
    reasons=("noisy",),
    seeds=(0, 1),
    lrs=(0.01, 0.1, 1.0),
    losses=((2.0, 1.0, 3.0), (2.5,)),
)
WHOLE_RANGE_TEST = replace(
    RANGE_TEST,
    scheduler="CosineAnnealingLR",
    interval=(0.05, 0.3),
    metric_steps=(1, 3),
    metrics={"val/loss": ((2.0, 1.5), (2.25,)), "val/accuracy": ((0.5, 0.75), (math.nan,))},
    probe=(Probed(lr=0.1, seed=0, values=(0.5, 0.25)), Probed(lr=0.3, seed=1, exploded=True)),
)
CODE = CodeVersion(task="my_task.py:MyTask", sha256="ab" * 32, lrsweep="0.1.0", torch="2.13.0")
PICK = Pick(
    optimizer="SGD",
    scheduler="MultiStepLR",
    initial_lr=0.1,
    value=0.25,
    params={"MultiStepLR.milestones": (2, 4)},
    trials=(0,),
    tried=3,
    low=0.05,
    high=0.2,
    notes=("few trials",),
)
WHOLE_PICK = replace(
    PICK,
    luck=Luck(noise=0.02, source="seeds", wins=0.625, optimism=0.0125, rivals=3),
    stability=(
        Stressed(factor=2.0, initial_lr=0.2, value=0.5, exploded=False),
        Stressed(factor=5.0, initial_lr=0.5, value=None, exploded=True),
    ),
    folk_grid=FolkBest(initial_lr=0.01, value=0.375),
)
LACKS_EVIDENCE = ("0001", "0002", "0003", "0004", "0005")
"""Revisions whose picks stood alone."""
PROBE = LaneProbe(most=64, alone=0.25, stacked={4: 0.2, 16: 0.125})
PLAN = LanePlan(count=8, fused=True, reason="it pays")
FINDINGS = (
    Finding(rule="a", severity="warning", where="optimizers[0].Muon", what="left out: it cannot", mend="drop it"),
    Finding(rule="b", severity="warning", where="trials", what="are 3", mend="give more"),
)
MORE = {"momentum": (0.9, 0.85, 0.9, 0.85), "lr/head": (0.01, 0.02, 0.01, 0.02)}
LACKS_MORE = ("0001",)
"""Revisions that did not keep it."""
LACKS_PROBES = ("0001", "0002")
"""Revisions whose range tests had no interval, no validation and no probe, and whose sweeps no passport."""
PLACE = MlflowPlace(tracking_uri="http://127.0.0.1:5000", experiment_id="1", run_id="parent")


SUBMISSION = {
    "name": "submitted",
    "task": "digits",
    "spec": {"trials": 1},
    "total_trials": 1,
    "submitted_by": "ann",
    "key": "monday",
}
LACKS_SUBMISSIONS = ("0001", "0002", "0003")
"""Revisions without tokens and submissions."""


def fill(store: Store) -> None:
    store.create_token("ann", Scope.SUBMIT)
    store.submit(**SUBMISSION)
    sweep_id = store.create_sweep(name="stored", task="digits-mlp", spec=SPEC, total_trials=3)
    store.claim(sweep_id, "1@here", 60)
    recorder = store.recorder(sweep_id)
    recorder.probed(TaskInfo(steps_per_epoch=2, batch_size=64, accumulation=2))
    store.set_code(sweep_id, CODE)
    recorder.planned(PLAN, PROBE)
    store.add_findings(sweep_id, FINDINGS[:1])
    store.add_findings(sweep_id, FINDINGS)
    recorder.range_tested(WHOLE_RANGE_TEST)
    for proposal in PROPOSALS:
        recorder.proposed(proposal)
    for report in REPORTS:
        recorder.reported([(0, report, report.metrics["val/loss"])])
    recorder.ended(0, Ended(key="trial 0", outcome=Outcome.COMPLETE), 0.25)
    recorder.ended(1, Ended(key="trial 1", outcome=Outcome.FAILED, error="Traceback: boom"), None)
    recorder.picked([WHOLE_PICK])
    store.set_mlflow_place(sweep_id, PLACE)
    store.set_mlflow_run(sweep_id, 0, "child")
    store.set_range_test_run(sweep_id, "SGD", "ramp")
    store.finish(sweep_id, Status.INTERRUPTED, "stopped by hand")


def check(store: Store, revision: str = HEAD) -> None:
    sweep_id = store.resolve("last")
    sweep = store.sweep(sweep_id)
    assert (sweep.name, sweep.status, sweep.error) == ("stored", Status.INTERRUPTED, "stopped by hand")
    assert (sweep.spec, sweep.mlflow, sweep.steps_per_epoch) == (SPEC, PLACE, 2)
    assert (sweep.trials, sweep.total_trials) == (2, 3)
    assert (sweep.lanes, sweep.lane_probe) == ((None, None) if revision in LACKS_MORE else (PLAN, PROBE))
    assert sweep.findings == (() if revision in LACKS_MORE else FINDINGS)
    assert sweep.started is not None
    trials = store.trials(sweep_id)
    assert [trial.proposal for trial in trials] == PROPOSALS
    assert [trial.outcome for trial in trials] == [Outcome.COMPLETE, Outcome.FAILED, None]
    assert [trial.error for trial in trials] == [None, "Traceback: boom", None]
    assert [trial.mlflow_run_id for trial in trials] == ["child", None, None]
    assert [result.objectives for result in store.history(sweep_id)] == [(0.5, 0.25), (), ()]
    for record, report in zip(store.reports(sweep_id), REPORTS, strict=True):
        assert (record.metrics, record.lrs, record.step) == (report.metrics, report.lrs, report.step)
        assert record.at >= sweep.started
    assert store.curve(sweep_id, 0) == Curve(
        steps=(1, 2, 3, 4),
        losses=(1.0, 0.75, 0.5, 0.375),
        lrs=(0.1, 0.1, 0.1, 0.1),
        more={} if revision in LACKS_MORE else MORE,
    )
    lacks = revision in LACKS_PROBES
    assert (sweep.batch_size, sweep.code) == ((None, None) if lacks else (64, CODE))
    assert sweep.accumulation == (2 if revision == HEAD else 1)
    # NaN is not equal to itself, but their texts are.
    assert repr(store.range_tests(sweep_id)) == repr([RANGE_TEST if lacks else WHOLE_RANGE_TEST])
    assert store.range_test_runs(sweep_id) == {"SGD": "ramp"}
    assert store.picks(sweep_id) == [PICK if revision in LACKS_EVIDENCE else WHOLE_PICK]
    kept = revision not in LACKS_SUBMISSIONS
    assert [(token.name, token.scope) for token in store.tokens()] == [("ann", Scope.SUBMIT)] * kept
    if kept:
        submitted, is_new = store.submit(**SUBMISSION)
        assert (submitted.submitted_by, is_new) == ("ann", False)
    store.claim(sweep_id, "2@there", 60)


def test_a_store_of_this_version_holds_all_of_it(store: Store) -> None:
    fill(store)
    check(store)


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_file_of_a_revision_opens_and_reads_right(revision: str, tmp_path: Path) -> None:
    file = shutil.copy(DATA / f"{revision}.db", tmp_path)
    with Store.open(f"sqlite:///{file}") as store:
        check(store, revision)
    assert upgrade(f"sqlite:///{file}") == HEAD


@pytest.mark.postgres
@pytest.mark.parametrize("revision", REVISIONS)
def test_the_rows_of_a_revision_are_upgraded_on_postgresql_too(
    revision: str, postgres_url: str, tmp_path: Path
) -> None:
    copy = shutil.copy(DATA / f"{revision}.db", tmp_path)
    engine, file = connect(parse(postgres_url)), create_engine(f"sqlite:///{copy}")
    tables = MetaData()
    tables.reflect(file)
    with writing(engine).begin() as target, file.connect() as source:
        command.upgrade(config(target), revision)
        for table in tables.sorted_tables:
            if table.name != VERSION_TABLE:
                rows = [dict(row._mapping) for row in source.execute(table.select())]
                target.execute(table.insert(), [{key: in_utc(value) for key, value in row.items()} for row in rows])
    for each in (engine, file):
        each.dispose()
    assert upgrade(postgres_url) == revision
    with Store.open(postgres_url) as store:
        check(store, revision)


def in_utc(value: Any) -> Any:
    """SQLite's moments have lost their time zone."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


if __name__ == "__main__":
    with Store.open(f"sqlite:///{DATA / HEAD}.db") as newest:
        fill(newest)
