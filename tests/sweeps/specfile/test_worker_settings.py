"""How workers compute: lanes, compiling and precision, as a spec says them."""

from collections.abc import Callable
from typing import Any

import pytest

from sweeps.errors import SpecError
from sweeps.spec import LanesSpec, WorkersSpec
from sweeps.specfile import parse_spec

BASE = "task: digits\nbudget: {epochs: 2}\noptimizers: [SGD]\ntrials: 4\n"


@pytest.mark.parametrize(
    ("written", "lanes"),
    [
        ("lanes: auto", LanesSpec()),
        ("lanes: 16", LanesSpec(count=16)),
        ("lanes: off", LanesSpec(count=1, mode="looped")),
        ("lanes: {count: 16, mode: fused, compile: on}", LanesSpec(count=16, mode="fused", compile="on")),
        ("lanes: {compile: off}", LanesSpec(compile="off")),
        ("lanes: {compile: auto}", LanesSpec()),
    ],
)
def test_lanes(read: Callable[[str], dict[str, Any]], written: str, lanes: LanesSpec) -> None:
    assert parse_spec(read(BASE + written)).lanes == lanes


@pytest.mark.parametrize("precision", ["float32", "tf32", "bf16"])
def test_precision(read: Callable[[str], dict[str, Any]], precision: Any) -> None:
    spec = parse_spec(read(f"{BASE}workers: {{precision: {precision}}}"))
    assert spec.workers == WorkersSpec(precision=precision)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("lanes: {compile: maybe}", "one of: auto, on, off"),
        ("workers: {precision: fp16}", "one of: float32, tf32, bf16"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(
    read: Callable[[str], dict[str, Any]], written: str, said: str
) -> None:
    with pytest.raises(SpecError, match=said):
        parse_spec(read(BASE + written))
