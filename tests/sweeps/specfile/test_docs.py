"""What the documentation shows can be pasted into a spec."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeps.specfile import parse_spec

PAGE = (Path(__file__).parents[3] / "docs" / "spec.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
AROUND = {
    "task": "digits",
    "budget": {"epochs": 20},
    "optimizers": ["SGD", "AdamW"],
    "schedulers": ["none", {"StepLR": {"gamma": [0.1, 0.5]}}],
    "trials": 8,
}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.partition("\n")[0])
def test_every_block_is_a_valid_spec_or_a_part_of_one(read: Callable[[str], dict[str, Any]], block: str) -> None:
    raw = read(block)
    parse_spec(raw if "task" in raw else AROUND | raw, check=lambda use, noun: None)


def test_there_are_blocks() -> None:
    assert len(BLOCKS) >= 6
