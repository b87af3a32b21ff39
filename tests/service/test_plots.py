"""Plots come out for whatever a sweep may hold, at the size that MLflow's notes have room for."""

import io
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from PIL import Image

from service import plots
from service.plots.figure import CARD, NOTE, legend_below, log_lr_axis, panels, plain_log_y, printed, stack
from service.plots.palette import range_test_colours, scheduler_colours
from service.records import Curve, TrialRecord
from sweeps.catalogue import SCHEDULERS
from sweeps.objective import Objective
from sweeps.records import Outcome, Pick, Probed, Proposal, RangeTest
from sweeps.rules import apply_rules

NOTE_WIDTH = 760
ACCURACY = Objective(metric="val/accuracy", direction="maximize")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def image(png: bytes | None) -> Image.Image:
    assert png is not None
    return Image.open(io.BytesIO(png))


def is_drawn(png: bytes | None, colour: str) -> bool:
    """True if some pixels have exactly that colour."""
    wanted = [int(colour[place : place + 2], 16) for place in (1, 3, 5)]
    pixels = np.asarray(image(png).convert("RGB")).astype(int)
    return int((np.abs(pixels - wanted).sum(axis=2) <= 30).sum()) > 20


def trial(
    number: int, value: float | None = 0.5, outcome: Outcome | None = Outcome.COMPLETE, **fields: Any
) -> TrialRecord:
    defaults: dict[str, Any] = {"optimizer": "SGD", "scheduler": "StepLR", "initial_lr": 0.01 * 2.0**number}
    return TrialRecord(
        proposal=Proposal(number=number, seed=0, **defaults | fields),
        outcome=outcome,
        value=value,
        epochs=3,
        error=None,
        started=NOW,
        ended=NOW,
        mlflow_run_id=None,
    )


def pick(*trials: int, **fields: Any) -> Pick:
    defaults: dict[str, Any] = {"optimizer": "SGD", "scheduler": "StepLR"}
    return Pick(
        initial_lr=0.02,
        value=0.4,
        params={},
        trials=trials or (1,),
        tried=2,
        low=0.01,
        high=0.1,
        **defaults | fields,
    )


def range_test(optimizer: str = "SGD", **fields: Any) -> RangeTest:
    lrs = tuple(1e-5 * 1.2**step for step in range(60))
    defaults: dict[str, Any] = {
        "initial_lr": 0.01,
        "low": 0.001,
        "high": 0.1,
        "trusted": True,
        "reasons": (),
        "seeds": (0, 1),
        "lrs": lrs,
        "losses": (tuple(2 - step / 40 for step in range(60)), tuple(2 - step / 50 for step in range(40))),
    }
    return RangeTest(optimizer=optimizer, **defaults | fields)


@pytest.mark.parametrize("panels", [1, 2, 3, 11])
def test_pictures_fit_into_a_note(panels: int) -> None:
    names = [f"Optimizer{number}" for number in range(panels)]
    trials = [trial(number, optimizer=name) for number, name in enumerate(names)]
    series = {number: [(1, 1.0), (2, 0.5)] for number in range(panels)}
    for png in (
        plots.range_tests([range_test(name) for name in names]),
        plots.sensitivity(trials, [], Objective()),
        plots.best_curves(trials, [pick(*range(panels))], series, Objective()),
    ):
        drawn = image(png)
        assert drawn.format == "PNG"
        assert 500 <= drawn.width <= NOTE_WIDTH
        assert drawn.height >= 250 * math.ceil(panels / 2)


def test_nothing_to_draw_is_no_picture() -> None:
    running = [trial(0, None, None), trial(1, None, Outcome.FAILED), trial(2, 0.5, Outcome.CANCELLED)]
    assert plots.range_tests([]) is None
    assert plots.sensitivity(running, [], Objective()) is None
    assert plots.best_curves([trial(0)], [], {0: [(1, 0.5)]}, Objective()) is None
    assert plots.best_curves([trial(0)], [pick(0)], {0: [(1, math.nan)]}, Objective()) is None


@pytest.mark.parametrize(
    "losses",
    [
        ((2.0, 1.0, 3.0), (), (2.5, math.inf)),
        ((), (), ()),
        ((1.0, 1.0, 1.0),),
        ((0.0, 0.0, 0.0),),
        ((math.nan, math.nan, math.nan),),
        ((1.0, 1e30, 1e300),),
    ],
)
def test_a_range_test_with_broken_curves(losses: tuple[tuple[float, ...], ...]) -> None:
    metrics = {"val/loss": tuple(curve[:2] for curve in losses)}
    test = range_test(lrs=(0.01, 0.1, 1.0), losses=losses, trusted=False, reasons=("the loss never fell",))
    image(plots.range_tests([test]))
    image(plots.range_test(replace(test, metric_steps=(1, 3), metrics=metrics), {}, Objective()))


def test_a_range_test_in_full_fits_into_a_note_and_grows_by_what_it_has() -> None:
    test = range_test()
    probe = tuple(
        Probed(lr=0.01 * 2.0**k, seed=0, values=(1.0, 0.5) if k < 4 else (), exploded=k > 3) for k in range(6)
    )
    validated = {"metric_steps": (10, 20, 40), "metrics": {"val/loss": ((2.0, 1.5, 1.0), (2.0,))}}
    drawn = [
        image(plots.range_test(each, readings, Objective()))
        for each, readings in (
            (test, {}),
            (test, apply_rules(test)),
            (replace(test, interval=(0.05, 0.2), **validated), apply_rules(test)),
            (replace(test, probe=probe, interval=(0.05, 0.2), **validated), apply_rules(test)),
        )
    ]
    assert all(500 <= each.width <= NOTE_WIDTH for each in drawn)
    assert len({each.height for each in drawn}) == len(drawn)
    assert [each.height for each in drawn] == sorted(each.height for each in drawn)


@pytest.mark.parametrize(
    "probe",
    [
        (Probed(lr=0.1, seed=0, exploded=True),),
        (Probed(lr=0.1, seed=0),),
        (Probed(lr=0.1, seed=0, values=(math.inf,)), Probed(lr=0.1, seed=1, values=(1.0,))),
        (Probed(lr=1e-12, seed=0, values=(-1.0, -2.0)), Probed(lr=1e6, seed=0, values=(0.0,))),
    ],
)
def test_probes_of_every_kind(probe: tuple[Probed, ...]) -> None:
    image(plots.range_test(range_test(probe=probe), {}, Objective()))


@pytest.mark.parametrize("objective", [Objective(), ACCURACY])
@pytest.mark.parametrize(
    "values",
    [(0.5,), (0.5, 0.5), (0.0, 1.0), (-3.0, 2.0), (1e-9, 1e300), (0.5, math.inf), (None, None), (math.nan, 1.0)],
)
def test_objectives_of_every_size(values: tuple[float | None, ...], objective: Objective) -> None:
    trials = [trial(number, value) for number, value in enumerate(values)]
    trials.append(trial(9, None, Outcome.DIVERGED))
    assert is_drawn(plots.sensitivity(trials, [pick()], objective), scheduler_colours(["StepLR"])["StepLR"])
    series = {number: [(1, 1.0), (2, -1.0 if value is None else value)] for number, value in enumerate(values)}
    plots.best_curves(trials, [pick(*series)], series, objective)


def test_every_scheduler_has_its_colour_in_every_plot() -> None:
    names = ["none", "StepLR", "CosineAnnealingLR"]
    trials = [trial(number, scheduler=name) for number, name in enumerate(names)]
    series = {number: [(1, 1.0), (2, 0.4 + number / 10)] for number in range(3)}
    for name, colour in scheduler_colours(names).items():
        assert is_drawn(plots.sensitivity(trials, [], Objective()), colour), name
        assert is_drawn(plots.best_curves(trials, [pick(0, 1, 2)], series, Objective()), colour), name


def test_the_curves_are_those_of_the_picks() -> None:
    names = ["none", "StepLR", "CosineAnnealingLR"]
    trials = [trial(number, scheduler=name) for number, name in enumerate(names)]
    series = {number: [(1, 1.0), (2, 0.4 + number / 10)] for number in range(3)}
    drawn = plots.best_curves(trials, [pick(0, scheduler="none"), pick(2, scheduler=names[2])], series, Objective())
    colours = scheduler_colours(names)
    assert [is_drawn(drawn, colours[name]) for name in names] == [True, False, True]


def test_a_pruned_picks_curve_is_dashed() -> None:
    series = {0: [(1, 1.0), (2, 0.5)]}
    whole, pruned = (
        plots.best_curves([trial(0, outcome=outcome)], [pick(0)], series, Objective())
        for outcome in (Outcome.COMPLETE, Outcome.PRUNED)
    )
    ink = [int((np.asarray(image(png).convert("L"))[:250] < 200).sum()) for png in (whole, pruned)]
    assert ink[1] < ink[0]


@pytest.mark.parametrize("titles", [["alone"], ["one", "another", "a third"]])
@pytest.mark.parametrize("make", [panels, lambda titles, paper: stack(dict.fromkeys(titles, 2.0), paper)])
@pytest.mark.parametrize("bounds", [(0.015, 9.5), (0.02, 7.0), (1e-9, 3e9), (0.31, 0.39)])
def test_pictures_are_those_that_savefig_makes_with_constrained_layout(
    titles: list[str], make: Callable[..., tuple[Figure, list[Axes]]], bounds: tuple[float, float]
) -> None:
    def drawn() -> Figure:
        figure, axes = make(titles, NOTE)
        for ax in axes:
            ax.plot([1e-5, 1e-3, 1.0], [2.3, 0.02, 7.0])
            ax.set_ylim(bounds)
            log_lr_axis(ax, [1e-5, 1.0], "LR")
            plain_log_y(ax)
        legend_below(figure, [Line2D([], [], label="a curve")], NOTE)
        return figure

    stock, out = drawn(), io.BytesIO()
    stock.set_layout_engine(ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08))
    stock.savefig(out, format="png", facecolor="white")
    np.testing.assert_array_equal(np.asarray(image(printed(drawn(), NOTE))), np.asarray(image(out.getvalue())))


def test_threads_may_draw_at_once() -> None:
    test = range_test()
    alone = plots.range_tests([test])
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(lambda _: plots.range_tests([test]), range(8))) == {alone}


def test_colours_tell_the_catalogues_schedulers_apart() -> None:
    colours = scheduler_colours(SCHEDULERS)
    assert len(set(colours.values())) == len(SCHEDULERS)
    alone = {name: scheduler_colours([name])[name] for name in SCHEDULERS}
    assert alone == colours, "a scheduler has one colour, whatever it is compared with"


def test_range_tests_have_colours_of_their_own() -> None:
    schedulers = list(SCHEDULERS)[:6]
    colours = range_test_colours(["SGD", "AdamW", "my:Lion"], schedulers)
    assert len({*colours.values(), *scheduler_colours(schedulers).values()}) == 3 + 6
    assert len(range_test_colours(map(str, range(40)), SCHEDULERS)) == 40


def test_more_schedulers_than_colours_share_them() -> None:
    names = [f"package{number}:Scheduler" for number in range(40)]
    assert set(scheduler_colours(names)) == set(names)


def test_named_and_unnamed_schedulers_do_not_collide() -> None:
    for known, other in product(SCHEDULERS, ("my:Schedule", "other:Schedule")):
        colours = scheduler_colours([other, known])
        assert colours[other] != colours[known]


def test_a_card_is_one_clear_picture_in_the_width_of_a_phone() -> None:
    drawn = plots.sensitivity([trial(0), trial(1, optimizer="AdamW")], [], Objective(), optimizers=["SGD"], paper=CARD)
    assert drawn is not None
    assert b"<!-- SGD -->" in drawn
    assert b"<!-- AdamW -->" not in drawn
    width = float(drawn.split(b'width="')[1].split(b"pt")[0])
    assert width == pytest.approx(270)


def test_the_timeline_leaves_out_what_has_not_ended() -> None:
    assert plots.timeline([trial(0, outcome=None)], (1,), 3) is None
    drawn = plots.timeline([trial(0), trial(1, outcome=Outcome.PRUNED), trial(2, outcome=None)], (1,), 3)
    assert drawn is not None
    assert b"<!-- pruned -->" in drawn
    assert b"<!-- failed -->" not in drawn


def test_importance_shows_the_first_dozen() -> None:
    assert plots.importance({}) is None
    drawn = plots.importance({f"SGD.p{place}": place / 210 for place in range(21)})
    assert drawn is not None
    assert drawn.count(b"<!-- SGD.p") == 12
    assert b"<!-- SGD.p20 -->" in drawn


def test_a_schedule_is_drawn_as_it_was_recorded() -> None:
    proposal = trial(0).proposal
    assert plots.shape(proposal, Curve(steps=(), losses=(), lrs=()), 2, ["StepLR"]) is None
    curve = Curve(steps=(1, 2, 3, 4), losses=(1.0,) * 4, lrs=(0.1, 0.1, 0.05, 0.05))
    assert b"<!-- StepLR -->" in (plots.shape(proposal, curve, 2, ["StepLR"]) or b"")


@pytest.mark.parametrize("name", ["val/$x$", "$", "$\\frac{$", "a" * 300, "<b>&"])
def test_users_words_are_no_mathematics(name: str) -> None:
    objective = Objective(metric=name)
    for paper in (NOTE, CARD):
        assert plots.sensitivity([trial(0, optimizer=name)], [], objective, paper=paper)
