"""What a curve does is told by thresholds that can be worked out by hand."""

import pytest

from sweeps.rules.shape import explosion, shape_of

STEPS = 100


@pytest.mark.parametrize(
    ("curve", "step"),
    [
        ([2.0, 1.0, 4.0], 3),
        ([2.0, 1.0, 4.01], 2),
        # A curve of one step says nothing.
        ([1.0, 4.01], 2),
        # Below zero, four times the lowest is three times its distance from zero above it.
        ([-2.0, -3.0, -1.0, 5.9], 4),
        ([-2.0, -3.0, -1.0, 6.1], 3),
    ],
)
def test_a_loss_explodes_above_four_times_the_lowest_before_it(curve: list[float], step: int) -> None:
    assert explosion(curve) == step


@pytest.mark.parametrize(
    ("start", "low", "learned"), [(1.0, 0.981, False), (1.0, 0.979, True), (-1.0, -1.019, False), (-1.0, -1.021, True)]
)
def test_a_fall_by_more_than_a_fiftieth_is_learning(start: float, low: float, learned: bool) -> None:
    shape = shape_of([start] * 20 + [low] * 80, STEPS)
    assert shape is not None
    assert shape.learned is learned


def test_a_fall_after_the_explosion_is_none() -> None:
    shape = shape_of([1.0] * 30 + [300.0] + [0.0] * 69, STEPS)
    assert shape is not None
    assert (shape.learned, shape.exploded, len(shape.curve)) == (False, True, 30)


@pytest.mark.parametrize(("noise", "learned"), [(0.0092, True), (0.0108, False)])
def test_a_late_fall_is_learning_where_three_steps_of_noise_are_less(noise: float, learned: bool) -> None:
    # Ten steps move an average of ten by 0.65 of the fall, 0.059, and one of fifty by less than a fiftieth. Losses
    # move by twice the noise from step to step.
    losses = [fall - (-1) ** step * noise for step, fall in enumerate([1.0] * 90 + [0.91] * 10)]
    shape = shape_of(losses, STEPS)
    assert shape is not None
    assert shape.learned is learned


@pytest.mark.parametrize(("end", "turned_up"), [(1.21, False), (1.23, True)])
def test_a_loss_that_gives_back_a_fifth_of_its_fall_has_turned_up(end: float, turned_up: bool) -> None:
    # Their averages fall to 1.015 and come to 1.202 and 1.221: a fifth of the fall is 0.197.
    shape = shape_of([2.0] * 30 + [1.0] * 40 + [end] * 30, STEPS)
    assert shape is not None
    assert (shape.turned_up, shape.exploded) == (turned_up, False)


@pytest.mark.parametrize(
    ("validation", "turned_up"),
    [
        ([], False),
        ([5.0], False),
        ([2.0, 1.0, 1.19, 1.19, 1.19], False),
        ([2.0, 1.0, 1.21, 1.21, 1.21], True),
        # One look of three is not enough.
        ([2.0, 1.0, 1.0, 1.0, 9.0], False),
        ([2.0, 1.0, 9.0, 1.0, 9.0], True),
        # It never fell: then a fiftieth of the first is a turn.
        ([1.0, 1.019, 1.019, 1.019], False),
        ([1.0, 1.021, 1.021, 1.021], True),
        ([-1.0, -0.981, -0.981, -0.981], False),
        ([-1.0, -0.979, -0.979, -0.979], True),
    ],
)
def test_a_validation_loss_turns_up_by_the_median_of_its_last_three_looks(
    validation: list[float], turned_up: bool
) -> None:
    shape = shape_of([2.0 - 0.01 * step for step in range(STEPS)], STEPS, validation)
    assert shape is not None
    assert shape.turned_up is turned_up


def test_a_curve_of_two_losses_has_a_shape() -> None:
    shape = shape_of([2.0, 1.0], STEPS)
    assert shape is not None
    assert (shape.lowest, shape.learned, shape.exploded) == (1, True, True)
    assert shape_of([2.0], STEPS) is None
