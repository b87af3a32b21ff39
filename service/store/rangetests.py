"""How a range test lies in its row: curves packed, everything else as it is."""

from typing import Any

from service.store.codec import pack, pack_curves, split, unpack, unpack_curves
from service.store.tables import RangeTestRow
from sweeps.records import Probed, RangeTest


def range_test_values(test: RangeTest) -> dict[str, Any]:
    """The columns of a range test, but for the sweep that it belongs to."""
    low, high = test.interval or (None, None)
    return {
        "optimizer": test.optimizer,
        "scheduler": test.scheduler,
        "initial_lr": test.initial_lr,
        "low": test.low,
        "high": test.high,
        "interval_low": low,
        "interval_high": high,
        "trusted": test.trusted,
        "reasons": list(test.reasons),
        "seeds": list(test.seeds),
        "lengths": [len(losses) for losses in test.losses],
        "lrs": pack(test.lrs),
        "losses": pack(loss for losses in test.losses for loss in losses),
        "metric_steps": list(test.metric_steps),
        "metrics": pack_curves(test.metrics),
        "probe": [[lane.lr, lane.seed, lane.exploded, len(lane.values)] for lane in test.probe],
        "probe_values": pack(value for lane in test.probe for value in lane.values) if test.probe else None,
    }


def range_test(row: RangeTestRow) -> RangeTest:
    """The range test of a row; one that was stored before there were probes and intervals has none."""
    known = row.interval_low is not None and row.interval_high is not None
    return RangeTest(
        optimizer=row.optimizer,
        scheduler=row.scheduler,
        initial_lr=row.initial_lr,
        low=row.low,
        high=row.high,
        interval=(row.interval_low, row.interval_high) if known else None,  # type: ignore[arg-type]
        trusted=row.trusted,
        reasons=tuple(row.reasons),
        seeds=tuple(row.seeds),
        lrs=unpack(row.lrs),
        losses=split(unpack(row.losses), row.lengths),
        metric_steps=tuple(row.metric_steps or ()),
        metrics=unpack_curves(row.metrics),
        probe=_probe(row),
    )


def _probe(row: RangeTestRow) -> tuple[Probed, ...]:
    if row.probe_values is None or row.probe is None:
        return ()
    values = split(unpack(row.probe_values), [length for *_, length in row.probe])
    return tuple(
        Probed(lr=lr, seed=seed, values=of_lane, exploded=exploded)
        for (lr, seed, exploded, _), of_lane in zip(row.probe, values, strict=True)
    )
