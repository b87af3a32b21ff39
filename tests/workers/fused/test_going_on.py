"""A lane that was interrupted among stacked ones goes on alone, one taken turns with among stacked ones, and so on."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sweeps.catalogue import SCHEDULERS
from sweeps.records import Budget, Ended, Job, Outcome, Stop
from tests.workers.fused.company import Precise, PreciseParts, hear_all
from tests.workers.fused.lanetable import PARAMS, lane
from tests.workers.parts import LAYOUTS, a_trial
from tests.workers.small import Heard, prepared
from workers.prepared import PreparedTask

EPOCHS = 4


def lanes() -> list[Job]:
    """Every optimizer with all its hyperparameters, schedulers in turn."""
    schedulers = list(SCHEDULERS)
    pairs = [
        (optimizer, schedulers[(place + shift) % len(schedulers)])
        for place, (optimizer, each) in enumerate(PARAMS.items())
        for shift in range(len(each))
    ]
    return [lane(*pair, budget=Budget(epochs=EPOCHS)) for pair in pairs]


def in_pieces(ready: PreparedTask, jobs: Sequence[Job], folder: Path, pieces: Sequence[bool]) -> dict[str, list[Any]]:
    """What jobs say that are interrupted after every epoch; `pieces` says whether each epoch is fused."""
    kept = [replace(job, checkpoint=str(folder / f"{number}.pt")) for number, job in enumerate(jobs)]
    said: dict[str, list[Any]] = {job.key: [] for job in jobs}
    for epoch, fused in enumerate(pieces):
        # In another order each time, so that every lane stands elsewhere.
        kept = [*kept[5:], *kept[:5]]
        heard = hear_all(ready, kept, fused=fused, word=lambda report: Stop.INTERRUPTED)
        for key, each in heard.items():
            assert [started.epoch for started in each.started] == [epoch]
            over = epoch + 1 == len(pieces)
            outcome = Outcome.COMPLETE if over else Outcome.CANCELLED
            assert each.ended == Ended(key=key, outcome=outcome, interrupted=not over)
            said[key] += each.said
    return said


@pytest.fixture(scope="module")
def ready() -> PreparedTask:
    return prepared(Precise())


@pytest.fixture(scope="module")
def fused(ready: PreparedTask) -> dict[str, Heard]:
    """All lanes in one go."""
    return hear_all(ready, lanes())


def test_stacked_lanes_go_on_bit_for_bit(ready: PreparedTask, fused: dict[str, Heard], tmp_path: Path) -> None:
    said = in_pieces(ready, lanes(), tmp_path, [True] * EPOCHS)
    for key, whole in fused.items():
        assert said[key] == whole.said, key
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "pieces", [(True, True, False, False), (False, True, False, True)], ids=["stacked, then turns", "turn about"]
)
def test_a_lane_may_change_over(
    ready: PreparedTask, fused: dict[str, Heard], tmp_path: Path, pieces: Sequence[bool]
) -> None:
    said = in_pieces(ready, lanes(), tmp_path, pieces)
    for key, whole in fused.items():
        for (*counts, ours), (*others, theirs) in zip(_numbers(said[key]), _numbers(whole.said), strict=True):
            assert counts == others
            assert ours == pytest.approx(theirs, rel=1e-8), key


def _numbers(said: Sequence[Any]) -> list[Any]:
    """Epoch, step, LRs and other series of each report, and last its losses and metrics."""
    return [
        (epoch, step, lrs, step_lrs, more, [*losses, *metrics.values()])
        for epoch, step, metrics, lrs, losses, step_lrs, more in said
    ]


@pytest.mark.parametrize("fused", [True, False], ids=["stacked", "turns"])
def test_lanes_with_groups_go_on_before_and_after_one_joins(fused: bool, tmp_path: Path) -> None:
    ready = prepared(PreciseParts())
    jobs = [
        a_trial(optimizer, key=f"{optimizer} {layout}", groups=(group,), optimizer_params=params)
        for optimizer in ("SGD", "AdamW", "Muon", "Adagrad")
        for layout, (group, params) in LAYOUTS.items()
    ]
    whole = hear_all(ready, jobs)
    said = in_pieces(ready, jobs, tmp_path, [True, fused, fused])
    for key, each in whole.items():
        if fused:
            assert said[key] == each.said
        assert [row[-1] for row in _numbers(said[key])] == [
            pytest.approx(row[-1], rel=1e-8) for row in _numbers(each.said)
        ]


def test_the_file_of_a_lane_holds_no_other_lane(ready: PreparedTask, tmp_path: Path) -> None:
    jobs = [lane("Adam", "none", key=f"{n}", seed=n, checkpoint=str(tmp_path / f"{n}.pt")) for n in range(20)]
    sizes = []
    for fused in (True, False):
        hear_all(ready, jobs, fused=fused, word=lambda report: Stop.INTERRUPTED)
        sizes.append({file.stat().st_size for file in tmp_path.iterdir()})
        for file in tmp_path.iterdir():
            file.unlink()
    assert max(sizes[0]) == pytest.approx(max(sizes[1]), rel=0.1)
