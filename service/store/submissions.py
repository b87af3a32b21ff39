"""Sweeps that are handed in for a coordinator: once per idempotency key, and again after an interruption or failure."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.records import Status, SweepRecord
from service.store.codec import to_json
from service.store.database import Database, clock, insert_new
from service.store.lifecycle import lease_is_live, reset_failed
from service.store.refusals import Conflict
from service.store.sweeps import locked_sweep, new_sweep, sweep_record
from service.store.tables import SubmissionRow
from sweeps.finding import Finding


class Submissions(Database):
    """Puts sweeps into the queue."""

    def submit(
        self,
        *,
        name: str,
        task: str,
        spec: Mapping[str, Any],
        total_trials: int,
        findings: Sequence[Finding] = (),
        submitted_by: str | None = None,
        key: str | None = None,
    ) -> tuple[SweepRecord, bool]:
        """Queues a sweep; the same submitter's same key and spec give the sweep of the first time, and False.

        Raises Conflict for a key that stood for another spec.
        """
        digest = hashlib.sha256(json.dumps(to_json(spec), sort_keys=True).encode()).hexdigest()
        mine = {"submitter": submitted_by or "", "key": key}
        with self.write() as session:
            if key is not None and (known := _known(session, mine, digest)):
                return known, False
            row = new_sweep(
                name=name,
                task=task,
                spec=spec,
                total_trials=total_trials,
                submitted_by=submitted_by,
                unattended=True,
            )
            row.findings = [asdict(each) for each in findings]
            session.add(row)
            session.flush()
            if key is not None and not insert_new(
                session, SubmissionRow, {**mine, "digest": digest, "sweep_id": row.id}
            ):
                # Another came first with the same key, and has made its sweep by now.
                session.delete(row)
                session.flush()
                known = _known(session, mine, digest)
                assert known is not None
                return known, False
            return sweep_record(session, row.id), True

    def requeue(self, sweep_id: str, *, retry_failed: bool = False) -> SweepRecord:
        """Queues a sweep again that was interrupted or has failed; with `retry_failed` its FAILED trials run anew.

        Raises Conflict while somebody runs it, for one that was cancelled, and for one that has nothing left to do.
        """
        with self.write() as session:
            sweep = locked_sweep(session, sweep_id)
            status = Status(sweep.status)
            if status is Status.QUEUED or lease_is_live(sweep, clock(session)):
                raise Conflict(f"sweep {sweep_id} is {status.value} already; follow it, or cancel it")
            if status is Status.CANCELLED:
                raise Conflict(f"sweep {sweep_id} was cancelled; submit its spec again to start over")
            again = reset_failed(session, sweep_id) if retry_failed else 0
            if status is Status.DONE and not again:
                raise Conflict(
                    f"sweep {sweep_id} is DONE and has no FAILED trial to train again; see its picks"
                    if retry_failed
                    else f"sweep {sweep_id} is DONE: see its picks, or retry its FAILED trials"
                )
            sweep.status, sweep.cancel_requested = Status.QUEUED, False
            sweep.unattended, sweep.deaths = True, 0
            sweep.ended = sweep.error = sweep.owner = sweep.lease_until = None
            session.flush()
            return sweep_record(session, sweep_id)


def _known(session: Session, mine: Mapping[str, Any], digest: str) -> SweepRecord | None:
    """The sweep that a key stands for. Raises Conflict if its spec was another."""
    known = session.scalars(select(SubmissionRow).filter_by(**mine)).one_or_none()
    if known is None:
        return None
    if known.digest != digest:
        raise Conflict(
            f"the idempotency key '{known.key}' stood for another spec, of sweep {known.sweep_id}: send the same spec "
            "again, or a new key with a new spec"
        )
    return sweep_record(session, known.sweep_id)
