"""Whatever is stored comes back the same."""

import json
import math
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.store.codec import (
    from_json,
    pack,
    pack_curves,
    pack_named,
    storable,
    to_json,
    unpack,
    unpack_curves,
    unpack_named,
)
from sweeps.errors import UserError

busy = settings(deadline=None)
"""A busy machine is no counterexample."""


def bits(series: tuple[float, ...] | list[float]) -> list[bytes]:
    return [struct.pack("<d", value) for value in series]


@busy
@given(st.lists(st.floats()))
def test_a_series_comes_back_bit_for_bit(series: list[float]) -> None:
    assert bits(unpack(pack(series))) == bits(series)


@busy
@given(st.dictionaries(st.text(), st.lists(st.floats())))
def test_series_by_name_come_back_bit_for_bit(series: dict[str, list[float]]) -> None:
    back = unpack_named(pack_named(series))
    assert list(back) == list(series)
    assert [bits(values) for values in back.values()] == [bits(values) for values in series.values()]


def test_no_series_take_no_place() -> None:
    assert pack_named({}) is pack_curves({}) is None
    assert unpack_named(None) == unpack_curves(None) == {}


@busy
@given(st.dictionaries(st.text(), st.lists(st.lists(st.floats()))))
def test_curves_of_several_seeds_come_back_bit_for_bit(curves: dict[str, list[list[float]]]) -> None:
    back = unpack_curves(pack_curves(curves))
    assert list(back) == list(curves)
    for name, seeds in curves.items():
        assert [bits(curve) for curve in back[name]] == [bits(curve) for curve in seeds]


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


@busy
@given(plain)
def test_plain_values_come_back_through_strict_json(value: object) -> None:
    assert from_json(json.loads(json.dumps(to_json(value), allow_nan=False))) == value


def test_text_that_looks_like_nan_stays_text_and_nan_stays_a_number() -> None:
    back = from_json(to_json({"text": "nan", "number": math.nan}))
    assert back["text"] == "nan"
    assert math.isnan(back["number"])


def test_encoding_twice_changes_nothing() -> None:
    once = to_json({"a": [math.inf]})
    assert to_json(once) == once


def test_what_json_cannot_hold_is_refused_with_its_place() -> None:
    with pytest.raises(UserError, match=r"task\.args\.sizes\[1\]: .*\(complex\) cannot be stored"):
        to_json({"task": {"args": {"sizes": [1, 2j]}}})
    with pytest.raises(UserError, match="task: the key 0 cannot be stored; keys must be text"):
        to_json({"task": {0: "cat"}})


@busy
@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
def test_ordinary_text_is_stored_as_it_is(text: str) -> None:
    assert storable(text) == text
