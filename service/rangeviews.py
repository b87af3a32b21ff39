"""A range test as JSON: what it recommends, what every rule says, and the curves that all of it was read off."""

import hashlib
import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from service.passports import Passports
from sweeps.passport import Passport
from sweeps.records import RangeTest
from sweeps.rules import RuleReading, apply_rules
from sweeps.rules.curvature import curvature

_READ: dict[bytes, Mapping[str, RuleReading]] = {}
"""Readings by what was read; last the one that was asked for last."""
_MOST = 500
_LOCK = threading.Lock()


def range_test_document(test: RangeTest, passports: Passports, mlflow_run_id: str | None) -> dict[str, Any]:
    """One range test of `lrsweep range-test --json` and `lrsweep show --json`."""
    readings, passport = _readings(test), passports.of_range_test(test)
    return {
        "optimizer": test.optimizer,
        "scheduler": test.scheduler,
        "group": passport.group,
        "initial_lr": test.initial_lr,
        "low": test.low,
        "high": test.high,
        "trusted": test.trusted,
        "reasons": test.reasons,
        "interval": test.interval,
        "rules": {name: reading.lr for name, reading in readings.items()},
        "rule_intervals": {name: reading.interval for name, reading in readings.items()},
        "seeds": test.seeds,
        "metrics": list(test.metrics),
        "metric_steps": test.metric_steps,
        "curve": _curve(test),
        "gradient_descent": _gradient_descent(test, passport),
        "probe": [{**asdict(lane), "values": finite_numbers(lane.values)} for lane in test.probe],
        "passport": asdict(passport),
        "mlflow_run_id": mlflow_run_id,
    }


def _readings(test: RangeTest) -> Mapping[str, RuleReading]:
    """What every rule reads: computed once, for it takes long, and the same test always gives the same."""
    content = hashlib.sha256(repr(test).encode()).digest()
    with _LOCK:
        known = _READ.pop(content, None)
    if known is None:
        known = apply_rules(test)
    with _LOCK:
        _READ[content] = known
        if len(_READ) > _MOST:
            del _READ[next(iter(_READ))]
    return known


def _gradient_descent(test: RangeTest, passport: Passport) -> dict[str, float] | None:
    """The largest stable LR and the best constant one, where it was plain gradient descent and blew up; else null."""
    plain = test.optimizer == "SGD" and not passport.optimizer_params.get("momentum") and passport.group is None
    met = curvature(test) if plain else None
    return None if met is None else {"largest_stable_lr": met.largest_stable_lr, "best_lr": met.best_lr}


def rule_document(test: RangeTest, reading: RuleReading, passports: Passports) -> dict[str, Any]:
    """What one rule reads off one range test, of `lrsweep pick --rule --json`; null where it gives no LR."""
    passport = passports.of_rule(test, reading)
    return {
        "optimizer": test.optimizer,
        "rule": reading.rule,
        "initial_lr": reading.lr,
        "interval": reading.interval,
        "per_seed": dict(zip(map(str, test.seeds), reading.seeds, strict=True)),
        "read_from": reading.read_from,
        "passport": passport and asdict(passport),
    }


def _curve(test: RangeTest) -> dict[str, Any]:
    """Every seed's curves: `train_loss` over `lr`, and what was validated over `metric_lr`; null where not finite."""
    validated = {name.replace("/", "_"): _seeds(curves) for name, curves in test.metrics.items()}
    points = {"metric_lr": [test.lrs[step - 1] for step in test.metric_steps]} if validated else {}
    return {"lr": test.lrs, "train_loss": _seeds(test.losses), **points, **validated}


def _seeds(curves: Sequence[Sequence[float]]) -> list[list[float | None]]:
    return [finite_numbers(curve) for curve in curves]


def finite_numbers(values: Sequence[float]) -> list[float | None]:
    """JSON has no NaN and no infinity."""
    return [value if math.isfinite(value) else None for value in values]
