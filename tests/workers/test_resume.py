"""A trial that was interrupted goes on to the very same end, and no damage to a checkpoint can harm it."""

import os
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from sweeps.domains import Value
from sweeps.objective import EarlyStopping
from sweeps.records import Budget, Ended, Job, Outcome, Stop
from tests.workers.fused.told import tell
from tests.workers.small import Heard, Regression, a_job, hear, prepared, stop_at, train
from workers import checkpoint, cohort
from workers.prepared import PreparedTask

OPTIMIZERS: list[tuple[str, dict[str, Value]]] = [("SGD", {"momentum": 0.9}), ("AdamW", {})]
SCHEDULERS: list[tuple[str, dict[str, Value]]] = [
    ("none", {}),
    ("StepLR", {"step_size": 2, "gamma": 0.5}),
    ("ReduceLROnPlateau", {"patience": 1, "factor": 0.5, "threshold": 0.5, "cooldown": 1}),
    ("OneCycleLR", {}),
    ("SequentialLR", {"schedulers": ("LinearLR", "SWALR"), "milestones": (2,), "1.anneal_epochs": 2}),
    ("ChainedScheduler", {"schedulers": ("ConstantLR", "LambdaLR"), "1.lr_lambda": "0.9 ** epoch"}),
    ("CosineAnnealingLR", {"warmup": 1.5}),
    ("ReduceLROnPlateau", {"patience": 0, "factor": 0.5, "threshold": 0.9, "warmup": 2.5}),
]
EPOCHS = 6
every_schedule = pytest.mark.parametrize(
    ("optimizer", "scheduler"),
    [(optimizer, scheduler) for optimizer in OPTIMIZERS for scheduler in SCHEDULERS],
    ids=lambda pair: pair[0] + "+warmup" * ("warmup" in pair[1]),
)


@pytest.fixture
def ready() -> PreparedTask:
    return prepared(Regression(dropout=0.3, norm=True))


def job_of(optimizer: tuple[str, Any], scheduler: tuple[str, Any], folder: Path | None = None, **given: Any) -> Job:
    return a_job(
        optimizer=optimizer[0],
        optimizer_params=optimizer[1],
        scheduler=scheduler[0],
        scheduler_params=scheduler[1],
        budget=Budget(epochs=EPOCHS),
        checkpoint=str(folder / "deep" / "trial-0.pt") if folder else None,
        **given,
    )


def plateau_job(folder: Path | None = None, **given: Any) -> Job:
    return job_of(OPTIMIZERS[0], SCHEDULERS[2], folder, **given)


def other_work() -> None:
    """What another trial leaves behind in a process."""
    torch.rand(11), np.random.rand(3), random.random()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


COMPLETE = Ended(key="trial 0", outcome=Outcome.COMPLETE)
INTERRUPTED = Ended(key="trial 0", outcome=Outcome.CANCELLED, interrupted=True)


@every_schedule
@pytest.mark.parametrize("epoch", range(1, EPOCHS))
def test_interrupted_after_any_epoch_it_goes_on_bit_for_bit(
    ready: PreparedTask, optimizer: Any, scheduler: Any, epoch: int, tmp_path: Path
) -> None:
    whole = hear(train(ready, job_of(optimizer, scheduler)))
    job = job_of(optimizer, scheduler, tmp_path)
    first = hear(train(ready, job), stop_at(epoch, Stop.INTERRUPTED))
    assert (first.ended, len(first.reports)) == (INTERRUPTED, epoch)
    assert files(tmp_path) == [Path(str(job.checkpoint))]
    other_work()
    rest = hear(train(ready, job))
    assert [started.epoch for started in rest.started] == [epoch]
    assert first.said + rest.said == whole.said
    assert rest.ended == whole.ended == COMPLETE
    assert files(tmp_path) == []


@pytest.mark.parametrize(("known", "begins"), [(None, 3), (2, 0), (3, 3), (4, 3)])
def test_a_checkpoint_from_beyond_what_is_known_is_of_no_use(
    ready: PreparedTask, known: int | None, begins: int, tmp_path: Path
) -> None:
    whole = hear(train(ready, plateau_job()))
    hear(train(ready, plateau_job(tmp_path)), stop_at(3, Stop.INTERRUPTED))
    rest = hear(train(ready, plateau_job(tmp_path, known=known)))
    assert [started.epoch for started in rest.started] == [begins]
    assert rest.said == whole.said[begins:]


@every_schedule
def test_interrupted_after_every_epoch_it_still_goes_on_bit_for_bit(
    ready: PreparedTask, optimizer: Any, scheduler: Any, tmp_path: Path
) -> None:
    whole = hear(train(ready, job_of(optimizer, scheduler)))
    job = job_of(optimizer, scheduler, tmp_path)
    pieces = []
    for epoch in range(1, EPOCHS + 1):
        pieces.append(hear(train(ready, job), stop_at(epoch, Stop.INTERRUPTED)))
        other_work()
    assert [entry for piece in pieces for entry in piece.said] == whole.said
    assert [piece.ended for piece in pieces] == [INTERRUPTED] * (EPOCHS - 1) + [COMPLETE]
    assert len({report.lrs for report in whole.reports}) > 1 or scheduler[0] == "none"


def killed_after(ready: PreparedTask, job: Job, epoch: int) -> list[Any]:
    """What a job said whose worker died while it trained the epoch after this one."""
    life, said = train(ready, job), []
    for event in life:
        said.append(event)
        if getattr(event, "step", None) is not None and event.epoch == epoch:
            break
    life.send(None)
    life.close()
    return said[1:]


@pytest.mark.parametrize("epoch", range(1, EPOCHS))
def test_a_trial_whose_worker_dies_goes_on_from_its_last_checkpoint(
    ready: PreparedTask, epoch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cohort, "_SAVE_EVERY", -1.0)
    whole = hear(train(ready, plateau_job()))
    killed_after(ready, plateau_job(tmp_path), epoch)
    rest = hear(train(ready, plateau_job(tmp_path)))
    assert [started.epoch for started in rest.started] == [epoch]
    assert rest.said == whole.said[epoch:]
    assert files(tmp_path) == []


def test_a_checkpoint_is_kept_from_time_to_time_only(ready: PreparedTask, tmp_path: Path) -> None:
    killed_after(ready, plateau_job(tmp_path), 3)
    assert files(tmp_path) == []


def test_early_stopping_remembers_the_epochs_before_the_interruption(ready: PreparedTask, tmp_path: Path) -> None:
    stopping = {"early_stopping": EarlyStopping(patience=3, min_delta=100.0)}
    assert len(hear(train(ready, plateau_job(**stopping))).reports) == 4
    first = hear(train(ready, plateau_job(tmp_path, **stopping)), stop_at(2, Stop.INTERRUPTED))
    rest = hear(train(ready, plateau_job(tmp_path, **stopping)))
    assert (len(first.reports), len(rest.reports), rest.ended) == (2, 2, COMPLETE)


@pytest.mark.parametrize("stop", [Stop.PRUNED, Stop.CANCELLED])
def test_a_trial_that_has_ended_leaves_no_checkpoint(
    ready: PreparedTask, stop: Stop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cohort, "_SAVE_EVERY", -1.0)
    hear(train(ready, plateau_job(tmp_path)), stop_at(3, stop))
    assert files(tmp_path) == []


def test_without_a_checkpoint_it_starts_over(ready: PreparedTask) -> None:
    whole = hear(train(ready, plateau_job()))
    first = hear(train(ready, plateau_job()), stop_at(2, Stop.INTERRUPTED))
    assert first.ended == INTERRUPTED
    again = hear(train(ready, plateau_job()))
    assert [started.epoch for started in again.started] == [0]
    assert again.said == whole.said


# --- damage


class Trap:
    """Pickled, it would run code in whoever reads it."""

    def __reduce__(self) -> Any:
        return (Path("trapped").touch, ())


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def of_another_model(path: Path) -> None:
    path.unlink()
    job = plateau_job(path.parent.parent)
    hear(train(prepared(Regression(norm=False)), job), stop_at(2, Stop.INTERRUPTED))
    assert path.exists()


def with_nothing_known(path: Path) -> None:
    torch.save({"something": torch.zeros(3)}, path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no checkpoint at all"),
        cut,
        with_nothing_known,
        of_another_model,
        lambda path: path.write_bytes(pickle.dumps(Trap())),
        lambda path: torch.save(Trap(), path),
        lambda path: (path.unlink(), path.mkdir()),
    ],
    ids=["empty", "junk", "half", "something else", "another model", "a trap", "a saved trap", "a folder"],
)
def test_a_damaged_checkpoint_costs_time_and_nothing_else(
    ready: PreparedTask, damage: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = hear(train(ready, plateau_job()))
    job = plateau_job(tmp_path)
    hear(train(ready, job), stop_at(2, Stop.INTERRUPTED))
    damage(Path(str(job.checkpoint)))
    again = hear(train(ready, job))
    assert [started.epoch for started in again.started] == [0]
    assert again.said == whole.said
    assert again.ended == COMPLETE
    assert not (tmp_path / "trapped").exists()


def test_a_checkpoint_of_other_data_is_of_no_use(tmp_path: Path) -> None:
    class Fewer(Regression):
        def data(self) -> Any:
            (x, y), val = super().data()
            return (x[:12], y[:12]), val

    job = plateau_job(tmp_path)
    hear(train(prepared(), job), stop_at(2, Stop.INTERRUPTED))
    again, whole = hear(train(prepared(Fewer()), job)), hear(train(prepared(Fewer()), plateau_job()))
    assert [started.epoch for started in again.started] == [0]
    assert again.said == whole.said


def interrupted_and_again(ready: PreparedTask, job: Job) -> tuple[Heard, Heard]:
    first = hear(train(ready, job), stop_at(3, Stop.INTERRUPTED))
    return first, hear(train(ready, job))


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        # What torch's own writer raises then.
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0"),
    ],
    ids=["os", "torch"],
)
def test_a_full_disk_costs_time_and_nothing_else(
    ready: PreparedTask, error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save(state: Any, path: Path) -> None:
        Path(path).write_bytes(b"half of it")
        raise error

    whole = hear(train(ready, plateau_job()))
    monkeypatch.setattr(checkpoint.torch, "save", save)
    first, again = interrupted_and_again(ready, plateau_job(tmp_path))
    assert (first.ended, again.ended) == (INTERRUPTED, COMPLETE)
    assert [started.epoch for started in again.started] == [0]
    assert again.said == whole.said
    assert files(tmp_path) == []


def test_what_cannot_be_written_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.cohort._SAVE_EVERY", -1.0)
    (tmp_path / "deep").write_text("a file where the folder should be")
    job = a_job(checkpoint=str(tmp_path / "deep" / "file"), budget=Budget(epochs=4))
    [notice] = tell(prepared(), [job]).notices
    assert notice.startswith("no checkpoint can be written")


def test_a_checkpoint_is_on_the_disk_before_it_takes_the_others_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("fsync", "replace"):
        own = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, name=name, own=own: (calls.append(name), own(*args))[1])
    checkpoint.save(tmp_path / "state.pt", {"epoch": 1})
    assert calls == ["fsync", "replace"]


def test_on_a_full_disk_the_older_checkpoint_is_kept(
    ready: PreparedTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = hear(train(ready, plateau_job()))
    job = plateau_job(tmp_path)
    hear(train(ready, job), stop_at(2, Stop.INTERRUPTED))
    with monkeypatch.context() as full:
        full.setattr(checkpoint.torch, "save", lambda state, path: (_ for _ in ()).throw(OSError(28, "full")))
        hear(train(ready, job), stop_at(4, Stop.INTERRUPTED))
    rest = hear(train(ready, job))
    assert [started.epoch for started in rest.started] == [2]
    assert rest.said == whole.said[2:]


def test_a_folder_that_cannot_be_made_costs_time_and_nothing_else(ready: PreparedTask, tmp_path: Path) -> None:
    (tmp_path / "deep").write_text("a file where the folder should be")
    first, again = interrupted_and_again(ready, plateau_job(tmp_path))
    assert (first.ended, again.ended) == (INTERRUPTED, COMPLETE)
    assert [started.epoch for started in again.started] == [0]


# --- the file itself


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    state = {"weights": torch.randn(3), "epoch": 2, "best": float("inf"), "lrs": [0.1, 0.2], "name": None}
    path = tmp_path / "deep" / "state.pt"
    checkpoint.save(path, state)
    loaded = checkpoint.load(path, torch.device("cpu"))
    assert loaded is not None
    assert torch.equal(loaded.pop("weights"), state.pop("weights"))
    assert loaded == state
    assert checkpoint.load(tmp_path / "missing.pt", torch.device("cpu")) is None


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.pt"
    checkpoint.save(path, {"epoch": 1})
    before = path.read_bytes()

    def save(state: Any, scratch: Path) -> None:
        assert scratch != path
        Path(scratch).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", save)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(path, {"epoch": 2})
    assert path.read_bytes() == before
    assert files(tmp_path) == [path]


def test_removing_twice_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    checkpoint.save(path, {"epoch": 1})
    checkpoint.remove(path)
    checkpoint.remove(path)
    assert files(tmp_path) == []


@pytest.mark.parametrize("persistent", [True, False])
def test_a_models_own_buffers_are_kept(tmp_path: Path, persistent: bool) -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(4, 2)
            self.register_buffer("calls", torch.zeros(()), persistent=persistent)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.training:
                self.calls += 1
            return self.inner(x) / (1 + self.calls)

    class Task(Regression):
        def model(self) -> nn.Module:
            return Counting()

    ready = prepared(Task())
    whole = hear(train(ready, plateau_job()))
    first, rest = interrupted_and_again(ready, plateau_job(tmp_path))
    assert first.said + rest.said == whole.said
