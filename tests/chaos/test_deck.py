"""Everybody has a turn, also who is there seldom."""

import random

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.chaos.deck import Deck

NAMES = ["a", "b", "c", "d"]


@given(st.integers())
def test_each_is_struck_before_any_is_struck_again(seed: int) -> None:
    deck = Deck(dict.fromkeys(NAMES, lambda: True), random.Random(seed))
    rounds = [{deck.strike() for _ in NAMES} for _ in range(5)]
    assert rounds == [set(NAMES)] * 5
    assert deck.kills == dict.fromkeys(NAMES, 5)


@given(st.integers(), st.integers(min_value=0, max_value=1000))
def test_who_was_never_struck_is_waited_for_without_end(seed: int, absent: int) -> None:
    now = 0.0
    deck = Deck({"late": lambda: now > 10 * absent, "other": lambda: True}, random.Random(seed), clock=lambda: now)
    struck = []
    while "late" in deck.spared:
        struck.append(deck.strike())
        now += 10
    assert [each for each in struck if each] == ["other", "late"]


def test_later_who_is_away_holds_the_others_up_for_a_while_only() -> None:
    now, there = 0.0, True
    deck = Deck({"seldom": lambda: there, "other": lambda: True}, random.Random(0), clock=lambda: now)
    assert {deck.strike(), deck.strike()} == {"seldom", "other"}
    there = False
    struck = []
    while now < 600:
        struck.append(deck.strike())
        now += 10
    assert struck.count("other") > 3
    assert struck.count(None) > 30
    assert deck.spared == []
