"""How a pick lies in its row: what stands beside it as one document, everything else as it is."""

from dataclasses import asdict
from typing import Any

from service.store.codec import to_json, to_values
from service.store.tables import PickRow
from sweeps.pickevidence import FolkBest, Luck, Stressed
from sweeps.records import Pick


def pick_values(pick: Pick) -> dict[str, Any]:
    """The columns of a pick, but for the sweep that it belongs to and its place among the picks."""
    return {
        "optimizer": pick.optimizer,
        "scheduler": pick.scheduler,
        "initial_lr": pick.initial_lr,
        "value": pick.value,
        "params": to_json(pick.params),
        "trials": list(pick.trials),
        "tried": pick.tried,
        "low": pick.low,
        "high": pick.high,
        "notes": list(pick.notes),
        "evidence": {
            "luck": pick.luck and asdict(pick.luck),
            "stability": [asdict(each) for each in pick.stability],
            "folk_grid": pick.folk_grid and asdict(pick.folk_grid),
        },
    }


def pick_of(row: PickRow) -> Pick:
    """The pick of a row; one that was stored before luck and stability were looked at has neither."""
    evidence = row.evidence or {}
    luck, folk_grid = evidence.get("luck"), evidence.get("folk_grid")
    return Pick(
        optimizer=row.optimizer,
        scheduler=row.scheduler,
        initial_lr=row.initial_lr,
        value=row.value,
        params=to_values(row.params),
        trials=tuple(row.trials),
        tried=row.tried,
        low=row.low,
        high=row.high,
        notes=tuple(row.notes),
        luck=luck and Luck(**luck),
        stability=tuple(Stressed(**each) for each in evidence.get("stability", ())),
        folk_grid=folk_grid and FolkBest(**folk_grid),
    )
