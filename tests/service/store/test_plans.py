"""What clients ask again and again is answered from indexes, however full the store: PostgreSQL's own plans say so."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import event

from service.records import Status
from service.store import Store
from service.store.codec import pack

SWEEPS, LARGE, TRIALS, EPOCHS = 20_000, 10, 1_000, 10
"""Sweeps; how many of them have trials; the trials of each; the epochs of each trial."""
ONE, NEWEST = f"s{SWEEPS // LARGE}", f"s{SWEEPS}"
SECRET = "a token that nobody has"
EMPTY = pack(()).hex()

FILL = f"""
INSERT INTO sweeps (id, name, task, status, spec, created, cancel_requested, total_trials, unattended)
SELECT 's' || n, 'n', 'digits', CASE WHEN n % 1000 = 0 THEN 'QUEUED' ELSE 'DONE' END, '{{}}', now(), false, 1, true
FROM generate_series(1, {SWEEPS}) n;

INSERT INTO trials (sweep_id, number, optimizer, scheduler, initial_lr, optimizer_params, scheduler_params, seed,
                    origin, outcome, value, epochs, ended)
SELECT 's' || n * {SWEEPS // LARGE}, t, 'SGD', 'none', 0.1, '{{}}', '{{}}', t, 'sampled', 'COMPLETE', 0.5, {EPOCHS},
       now() - t * interval '1 minute'
FROM generate_series(1, {LARGE}) n, generate_series(0, {TRIALS - 1}) t;

INSERT INTO reports (sweep_id, number, epoch, step, metrics, lrs, objective, seconds, at)
SELECT sweep_id, number, epoch, epoch, '{{"val/loss": 0.5}}', '[0.1]', 0.5, 1, now()
FROM trials, generate_series(1, {EPOCHS}) epoch;

INSERT INTO curves (sweep_id, number, epoch, last_step, losses, lrs)
SELECT sweep_id, number, epoch, epoch, packed, packed FROM reports, (VALUES ('\\x{EMPTY}'::bytea)) empty (packed);

INSERT INTO tokens (name, sha256, scope, created)
SELECT 't' || n, 'h' || n, 'read', now() FROM generate_series(1, 2000) n;

INSERT INTO range_tests (sweep_id, optimizer, initial_lr, low, high, trusted, reasons, seeds, lengths, lrs, losses,
                         scheduler)
SELECT id, 'SGD', 0.1, 0.1, 0.1, true, '[]', '[]', '[]', packed, packed, 'none'
FROM sweeps, (VALUES ('\\x{EMPTY}'::bytea)) empty (packed);

INSERT INTO picks (sweep_id, position, optimizer, scheduler, initial_lr, value, params, trials, tried, low, high, notes)
SELECT id, 0, 'SGD', 'none', 0.1, 0.5, '{{}}', '[]', 1, 0.1, 0.1, '[]' FROM sweeps;
"""

ASKED: dict[str, Callable[[Store], Any]] = {
    "list": lambda store: store.sweeps(limit=50),
    "a later page of the list": lambda store: store.sweeps(limit=50, before=ONE),
    "list of a status": lambda store: store.sweeps(limit=50, status=Status.QUEUED),
    "show": lambda store: store.sweep(ONE),
    "whole id": lambda store: store.resolve(ONE),
    "trials": lambda store: store.trials(ONE, after=10, limit=50),
    "trials that ended lately": lambda store: store.ended_trials(ONE, since=datetime.now(UTC) - timedelta(minutes=2)),
    "one trial": lambda store: store.trial(ONE, 3),
    "reports, which events are made of": lambda store: store.reports(ONE, after=500, limit=50),
    "the first reports": lambda store: store.reports(NEWEST, limit=200),
    "whether those who follow are to be told": lambda store: store.pulses([NEWEST, ONE]),
    "curve": lambda store: store.curve(ONE, 3),
    "picks": lambda store: store.picks(ONE),
    "token": lambda store: store.token_of(SECRET),
    "what coordinators run and may take": lambda store: store.unattended(),
    "what MLflow lacks": lambda store: store.unshown(),
}


@pytest.fixture(scope="module")
def full(postgres_server: str) -> Iterator[Store]:
    """A store on PostgreSQL with 270,000 rows."""
    name = "test_plans"
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as admin:
        # In most databases a LIKE finds nothing by an ordinary index; in those of locale C it would.
        admin.execute(f"CREATE DATABASE {name} LOCALE 'C.UTF-8' TEMPLATE template0")
        with Store.open(f"{postgres_server}/{name}", upgrade=True) as store:
            with psycopg.connect(f"{postgres_server}/{name}", autocommit=True) as filler:
                filler.execute(FILL)
                filler.execute("VACUUM ANALYZE")
            yield store
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


def plans(store: Store, ask: Callable[[Store], Any]) -> list[dict[str, Any]]:
    """How PostgreSQL answers each SELECT behind a question."""
    found: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        found.append((statement, parameters))

    event.listen(store._engine, "before_cursor_execute", note)
    try:
        ask(store)
    finally:
        event.remove(store._engine, "before_cursor_execute", note)
    with psycopg.connect(store.url) as connection:
        explained = []
        for statement, parameters in found:
            row = connection.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters).fetchone()  # type: ignore[arg-type]
            assert row
            explained.append(row[0][0]["Plan"])
        return explained


def scanned(plan: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The tables that a plan reads: table, how, and by which condition of an index."""
    if "Relation Name" in plan:
        yield plan["Relation Name"], plan["Node Type"], str(plan.get("Index Cond") or plan.get("Recheck Cond") or "")
    for below in plan.get("Plans", ()):
        yield from scanned(below)


@pytest.mark.postgres
@pytest.mark.parametrize("what", ASKED)
def test_it_is_answered_from_an_index(what: str, full: Store) -> None:
    explained = plans(full, ASKED[what])
    reads = [read for plan in explained for read in scanned(plan)]
    assert reads
    assert not [read for read in reads if read[1] == "Seq Scan"], json.dumps(explained, indent=1)
    # A walk along the ids of all reports is an index's condition as well, and as slow as reading them all.
    assert all("sweep_id" in read[2] for read in reads if read[0] == "reports"), json.dumps(explained, indent=1)
    # Without a condition an index is read from its end: good for a list, which stops at its page, and where it has few.
    whole = [read for read in reads if not read[2]]
    assert not whole or what in ("list", "what MLflow lacks"), json.dumps(explained, indent=1)


@pytest.mark.postgres
def test_a_page_of_the_list_costs_the_same_wherever_it_is(full: Store) -> None:
    first = plans(full, lambda store: store.sweeps(limit=50))[-1]
    later = plans(full, lambda store: store.sweeps(limit=50, before="s200"))[-1]
    assert later["Total Cost"] < 2 * first["Total Cost"]
