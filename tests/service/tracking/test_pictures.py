"""Pictures are drawn when nobody waits for them, and not again unless what they show is another."""

from dataclasses import replace
from typing import Any

import pytest

from service import plots
from service.home import Home
from service.tracking.pictures import Pictures
from service.tracking.projection import Projector
from sweeps.objective import Objective
from sweeps.pickevidence import Stressed

from .conftest import SPEC, Sweep


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is drawn, in order."""
    names: list[str] = []

    def noted(name: str) -> Any:
        return lambda *_: names.append(name) or name.encode()  # type: ignore[func-returns-value]

    for name in ("range_tests", "sensitivity", "best_curves"):
        monkeypatch.setattr(plots, name, noted(name))
    return names


def test_what_is_final_is_drawn_before_the_end(sweep: Sweep, home: Home, drawn: list[str]) -> None:
    projector = Projector(sweep.store, sweep.id, home)
    sweep.range_test()
    projector.sync()
    assert drawn == []
    for number in range(SPEC["trials"] - 1):
        sweep.train(number)
    projector.sync()
    projector.sync()
    assert drawn == ["range_tests"]
    sweep.train(SPEC["trials"] - 1)
    projector.sync()
    assert drawn == ["range_tests"]
    sweep.pick(0)
    projector.sync()
    assert drawn == ["range_tests", "sensitivity", "best_curves"]
    sweep.pick(0, stability=(Stressed(factor=2.0, initial_lr=0.2, value=None, exploded=True),))
    sweep.finish()
    projector.finish()
    assert drawn == ["range_tests", "sensitivity", "best_curves"]


def test_what_shows_something_else_is_drawn_anew(sweep: Sweep, drawn: list[str]) -> None:
    pictures = Pictures(Objective())
    for number in range(2):
        sweep.train(number)
    sweep.pick(0)
    trials, picks = sweep.store.trials(sweep.id), sweep.store.picks(sweep.id)
    for shown in (
        trials,
        trials[:1],
        [replace(trials[0], value=9.0)],
        [replace(trials[0], mlflow_run_id="r", value=9.0)],
    ):
        assert pictures.sensitivity(shown, picks) == b"sensitivity"
    assert len(drawn) == 3
    for pick in (picks[0], replace(picks[0], initial_lr=9.0), replace(picks[0], initial_lr=9.0, notes=("a note",))):
        pictures.best_curves(trials, [pick], lambda: sweep.store.history(sweep.id))
    assert len(drawn) == 5
