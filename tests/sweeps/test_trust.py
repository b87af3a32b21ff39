"""A range test says in a sentence with numbers why it must not be trusted, and then bounds nothing away."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweeps.catalogue import OPTIMIZERS, optimizer_row
from sweeps.rangetest import read_range_test
from sweeps.records import RangeTest
from sweeps.rules.shape import Shape
from sweeps.trust import Evidence, doubts
from tests.sweeps.rules.curves import LRS, STEPS, drawn, typical

FULL_LRS = [float(lr) for lr in np.geomspace(1e-5, 10, STEPS)]


def read(curves: Sequence[list[float]], optimizer: str = "SGD", lrs: list[float] = FULL_LRS) -> RangeTest:
    return read_range_test(optimizer, seeds=range(len(curves)), lrs=lrs, losses=curves)


def good(noise: float = 0.02) -> list[list[float]]:
    return [typical(seed, noise) for seed in range(3)]


def peak_then_edge() -> list[float]:
    """Falls from the very first step to the third, and rises from then on."""
    return [5.0, 3.0, 1.0, *(1.0 + 0.3 * step for step in range(STEPS - 3))]


CASES: list[tuple[str, list[list[float]], str, list[str]]] = [
    ("good", good(), "SGD", []),
    ("good at once", [typical()] * 3, "SGD", []),
    (
        "no divergence",
        [typical(seed, blows=2.0) for seed in range(3)],
        "SGD",
        [
            "on 3 of 3 seeds the loss never turned up, up to an LR of 10: larger ones may do as well",
            # Two of them read the turn that is not there.
            "the rules disagree",
        ],
    ),
    ("divergence on most", [typical(0, blows=2.0), *good()[1:]], "SGD", []),
    (
        "an edge",
        [peak_then_edge()] * 3,
        "SGD",
        ["lies at the lower end of its ramp, 1e-05 to 10"],
    ),
    (
        "seeds apart",
        [typical(0), typical(1), typical(2)[40:]],
        "SGD",
        ["the seeds disagree"],
    ),
    ("first step", good(), "Rprop", ["the LR is only the size of Rprop's first step, which then sets its own"]),
    (
        "clamped",
        [typical(seed, blows=2.0) for seed in range(3)],
        "Adafactor",
        [
            "Adafactor clamps the LR at 1/sqrt(step), which its ramp reached at 0.13: it shows no end of LRs",
            "the rules disagree",
        ],
    ),
    ("flat", [[2.3] * STEPS] * 3, "SGD", ["only 0 of 3 seeds lowered the loss anywhere on the ramp"]),
]


@pytest.mark.parametrize(
    ("curves", "optimizer", "words"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_every_doubt_has_its_reason(curves: list[list[float]], optimizer: str, words: list[str]) -> None:
    test = read(curves, optimizer)
    assert len(test.reasons) == len(words), test.reasons
    for reason, expected in zip(test.reasons, words, strict=True):
        assert expected in reason
    assert test.trusted is (not words)


def test_rules_that_disagree_are_named_with_what_they_say() -> None:
    # A loss that falls by the same share at every step: the longest fall begins far below where it ends.
    lrs = [float(lr) for lr in np.geomspace(1e-7, 1e3, STEPS)]
    curve = [2.0 * 0.9**step for step in range(90)]
    [reason] = read([curve] * 3, lrs=lrs).reasons
    assert reason.startswith("the rules disagree ")
    assert "-fold: valley " in reason
    assert reason.index("minimum ") < reason.index("max/3 ")


UP = Shape(curve=(2.0, 1.0, 2.0), lowest=1, learned=True, exploded=False, turned_up=True)
CALM = replace(UP, curve=(2.0, 1.0, 1.0), turned_up=False)
# Adafactor's clamp: 0.65 at the second step lies below 1/sqrt(2), 0.7 at the third above 1/sqrt(3).
CLAMPED = [0.1, 0.65, 0.7, 10.0]


@pytest.mark.parametrize(
    ("optimizer", "given", "words"),
    [
        ("SGD", {}, None),
        ("SGD", {"picks": [0.01, 0.099]}, None),
        ("SGD", {"picks": [0.01, 0.101]}, "the seeds disagree 10-fold: 0.01 to 0.1"),
        ("SGD", {"rules": {"steep": 0.99, "slide": 0.01}}, None),
        (
            "SGD",
            {"rules": {"steep": 0.5, "slide": 1.01, "valley": 0.01}},
            "the rules disagree 101-fold: valley 0.01, steep 0.5, slide 1",
        ),
        ("SGD", {"shapes": [CALM, UP]}, None),
        ("SGD", {"shapes": [CALM, UP, CALM, UP, UP]}, None),
        (
            "SGD",
            {"shapes": [CALM, UP, CALM]},
            "on 2 of 3 seeds the loss never turned up, up to an LR of 10: larger ones may do as well",
        ),
        ("Adafactor", {"pick": 0.69, "lrs": CLAMPED}, None),
        ("Adafactor", {"pick": 0.7, "lrs": CLAMPED}, "clamps the LR at 1/sqrt(step), which its ramp reached at 0.7: "),
        ("Adafactor", {"pick": 0.5, "lrs": CLAMPED, "shapes": [CALM]}, "which its ramp reached at 0.7: "),
        ("Adafactor", {"pick": 0.1, "lrs": [0.01, 0.1, 0.5]}, None),
    ],
)
def test_each_doubt_begins_where_it_says(optimizer: str, given: dict[str, Any], words: str | None) -> None:
    calm: dict[str, Any] = {"lrs": [1e-3, 10.0], "shapes": [UP], "picks": [0.1], "pick": 0.1, "rules": {}}
    said = doubts(Evidence(row=optimizer_row(optimizer), **{**calm, **given}))
    assert len(said) == (words is not None), said
    assert words is None or words in said[0]


@given(curves=st.lists(drawn, min_size=1, max_size=3), optimizer=st.sampled_from(sorted(OPTIMIZERS)))
@settings(max_examples=30)
def test_the_bounds_hold_the_interval_which_holds_the_pick_and_doubts_bound_nothing_away(
    curves: list[list[float]], optimizer: str
) -> None:
    row = optimizer_row(optimizer)
    test = read(curves, optimizer, LRS)
    if test.interval is None:
        assert not test.trusted
        assert (test.low, test.initial_lr, test.high) == (row.lr.low, row.default_lr, row.lr.high)
        return
    assert test.low <= test.interval[0] <= test.initial_lr <= test.interval[1] <= test.high
    if not test.trusted:
        assert test.low <= min(row.lr.low, LRS[0])
        assert test.high >= max(row.lr.high, LRS[-1])


def test_noise_alone_is_not_learning() -> None:
    learned = 0
    for seed in range(100):
        noise = np.random.default_rng(seed).normal(size=STEPS)
        learned += read([[float(2.3 + 0.02 * each) for each in noise]]).interval is not None
    assert learned <= 5


def test_a_net_that_only_begins_to_learn_before_it_blows_up_has_learned() -> None:
    curves = []
    for seed in range(3):
        noise = 0.013 * np.random.default_rng(seed).normal(size=STEPS)
        curve = np.full(STEPS, 2.303)
        curve[80:88] -= np.linspace(0, 0.25, 8)
        curve[88:] = 8.0
        curves.append([float(loss) for loss in curve + noise])
    test = read(curves)
    assert test.trusted
    assert FULL_LRS[60] <= test.initial_lr <= FULL_LRS[88]


def test_metrics_are_kept_whole_and_accuracy_has_its_say() -> None:
    accuracy = {"val/accuracy": [[0.1, 0.9, 0.2, 0.1]] * 3, "val/loss": [[2.3, 1.0], [2.3], []]}
    plain = read(good())
    test = read_range_test(
        "SGD", seeds=range(3), lrs=FULL_LRS, losses=good(), metric_steps=[25, 50, 75, 100], metrics=accuracy
    )
    assert test.metric_steps == (25, 50, 75, 100)
    assert test.metrics == {"val/accuracy": ((0.1, 0.9, 0.2, 0.1),) * 3, "val/loss": ((2.3, 1.0), (2.3,), ())}
    assert plain.interval is not None
    assert test.interval is not None
    # Where accuracy was highest, divided by three.
    assert test.interval[0] == pytest.approx(FULL_LRS[49] / 3)
    assert test.initial_lr == plain.initial_lr
