"""A file is read as plain JSON, and what cannot be read says where."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from sweeps.errors import SpecError, UserError
from sweeps.specfile import apply_override, read_spec

Read = Callable[[str], dict[str, Any]]

GOOD = {"task": "digits", "budget": {"epochs": 20}, "optimizers": ["SGD"], "trials": 4}

YAML_VALUES = [
    ("1e-5", 1e-5),
    ("1E3", 1000.0),
    ("-.5", -0.5),
    ("1.", 1.0),
    ("1_000", 1000),
    ("010", 10),
    ("off", "off"),
    ("no", "no"),
    ("12:30", "12:30"),
    ("2024-01-01", "2024-01-01"),
    ("True", True),
    ("~", None),
    ("e5", "e5"),
]


@pytest.mark.parametrize(("text", "value"), YAML_VALUES, ids=[text for text, _ in YAML_VALUES])
def test_plain_scalars_are_those_of_yaml_1_2(read: Read, text: str, value: object) -> None:
    read_value = read(f"key: {text}")["key"]
    assert read_value == value
    assert type(read_value) is type(value)


def test_anchors_let_optimizers_share_a_range(read: Read) -> None:
    raw = read("a: &range {low: 1, high: 2}\nb: *range\nc: {<<: *range, high: 3}\n")
    assert raw["b"] == {"low": 1, "high": 2}
    assert raw["c"] == {"low": 1, "high": 3}


NOT_A_SPEC = {
    "duplicate": ("task: digits\nbudget:\n  epochs: 1\n  epochs: 2\n", "sweep.yaml, line 4: 'epochs' stands twice"),
    "syntax": ("task: digits\nbudget: {epochs: 1\ntrials: 3\n", "sweep.yaml, line 3: "),
    "list": ("- task\n", "sweep.yaml: must be a mapping, such as 'task: digits' and so on line by line, got ['task']"),
    "empty": ("", "got nothing"),
    "object": ("task: !!python/name:os.system\n", "sweep.yaml, line 1: could not determine a constructor"),
    "itself": ("task: &a [*a]\n", "recursive"),
    "deep": ("task: " + "[" * 5000, "nested too deeply"),
    "control": ("task: \x01\n", "not valid YAML"),
    "long number": ("task: " + "9" * 5000, "not valid YAML"),
}


@pytest.mark.parametrize(("text", "words"), NOT_A_SPEC.values(), ids=NOT_A_SPEC.keys())
def test_a_file_that_is_no_spec_says_where(read: Read, text: str, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        read(text)
    assert words in str(caught.value)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no spec file at .*nothing\.yaml"):
        read_spec(tmp_path / "nothing.yaml")
    with pytest.raises(UserError, match=r"cannot read the spec file .*: Is a directory"):
        read_spec(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9")
    with pytest.raises(UserError, match="not UTF-8"):
        read_spec(tmp_path / "latin.yaml")


def test_overrides_lie_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump(GOOD | {"budget": {"steps": 100}, "workers": 3}), encoding="utf-8")
    raw = read_spec(
        path, {"budget.epochs": 5, "workers.threads": 2, "sampler.window": 8, "trials": 9, "pruner": "none"}
    )
    assert raw == GOOD | {
        "budget": {"epochs": 5},
        "workers": {"count": 3, "threads": 2},
        "sampler": {"window": 8},
        "trials": 9,
        "pruner": "none",
    }


def test_an_override_changes_nothing_in_place() -> None:
    raw = {"sampler": {"name": "tpe"}}
    assert apply_override(raw, "sampler.window", 4) == {"sampler": {"name": "tpe", "window": 4}}
    assert raw == {"sampler": {"name": "tpe"}}


def test_an_override_into_a_list_is_refused() -> None:
    with pytest.raises(SpecError, match=r"optimizers: is \['SGD'\], so 'optimizers.SGD' cannot be set in it"):
        apply_override(GOOD, "optimizers.SGD", 1)
