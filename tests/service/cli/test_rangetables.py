"""What a terminal says of a range test: the answer in a line, no number that nobody knows, LRs under the curve."""

import math
from dataclasses import replace

from service.cli.rangetables import answer, curve_plot, rules_table
from sweeps.rules import RuleReading
from tests.doubles import a_range_test

TEST = a_range_test("SGD", 0.0123)


def test_the_answer_is_one_line_with_how_sure_it_is() -> None:
    assert answer(TEST, None) == "SGD: start at 1.23e-02 (trusted)"
    sure = replace(TEST, interval=(0.01, 0.05))
    assert answer(sure, None) == "SGD: start at 1.23e-02, anything from 1.0e-02 to 5.0e-02 may do (trusted)"
    assert answer(TEST, "head").startswith("SGD, group head: start at ")


def test_what_cannot_be_trusted_says_why_and_calls_its_number_a_guess() -> None:
    doubted = replace(TEST, trusted=False, reasons=("the rules disagree", "no seed learned"))
    said = answer(doubted, None).splitlines()
    assert said[0].startswith("SGD: not to be trusted; 1.23e-02 is no more than a guess")
    assert said[1:] == ["  the rules disagree", "  no seed learned"]


def test_a_rule_without_an_answer_has_a_dash_in_the_table() -> None:
    def reading(lr: float | None) -> RuleReading:
        return RuleReading(rule="valley", lr=lr, interval=None, seeds=(lr,), read_from="train/loss")

    table = rules_table({"SGD": {"valley": reading(0.1)}, "Adam": {"valley": reading(None)}})
    rule, sgd, adam, meaning = ([*column.cells] for column in table.columns)
    assert (rule, sgd, adam) == (["valley"], ["1.0e-01 (1.0e-01 to 1.0e-01)"], ["-"])
    assert "fastai" in str(meaning[0])


def test_the_curve_stands_over_its_lrs_and_stops_where_it_explodes() -> None:
    lrs = tuple(10.0 ** (-5 + step / 10) for step in range(60))
    fall = tuple(2.0 - step / 40 for step in range(50))
    test = replace(TEST, lrs=lrs, losses=((*fall, *(1e6**step for step in range(1, 11))),) * 3, seeds=(0, 1, 2))
    text = curve_plot(test, 100).splitlines()
    assert text[0] == "SGD: training loss over the LR, median of 3 seeds"
    heights = [float(line.partition("|")[0]) for line in text[2:-2]]
    assert max(heights) < 4
    ticks = [float(word) for word in text[-1].split() if word != "|"]
    assert ticks[0] == 1e-5
    assert max(ticks) < lrs[53]


def test_a_test_that_failed_on_every_seed_draws_nothing() -> None:
    for losses in ((), ((), ())):
        assert "nothing to draw" in curve_plot(replace(TEST, losses=losses), 80)
    assert "nothing to draw" in curve_plot(replace(TEST, losses=((math.nan, math.nan),)), 80)
