"""Every path that a spec names is collected, wherever it stands."""

from typing import Any

from sweeps.coderefs import code_references
from sweeps.specfile import parse_spec

SPEC: dict[str, Any] = {
    "task": "mine:Task",
    "budget": {"epochs": 20},
    "optimizers": ["SGD", "mine.opt:Lion", {"opt.py:Careful": {"mode": "a.py:b"}}],
    "schedulers": [
        "StepLR",
        {"LambdaLR": {"lr_lambda": ["0.9 ** epoch", "mine:one", ["mine:two", "1"]]}},
        {"ChainedScheduler": {"schedulers": [{"MultiplicativeLR": {"lr_lambda": "mine:three"}}, "ConstantLR"]}},
    ],
    "groups": {
        "head": {"parameters": "fc.*", "scheduler": {"LambdaLR": {"lr_lambda": "four.py:four"}}},
        "tail": {"parameters": "*.bias"},
    },
    "trials": 9,
}


def test_optimizers_and_functions_of_schedulers_parts_and_groups_are_found() -> None:
    asked: list[tuple[str, str]] = []

    def check(use: str, noun: str) -> None:
        asked.append((use, noun))

    references = code_references(parse_spec(SPEC, check=check))
    assert references == {
        "mine.opt:Lion": "optimizer",
        "opt.py:Careful": "optimizer",
        "mine:one": "function",
        "mine:two": "function",
        "mine:three": "function",
        "four.py:four": "function",
    }
    assert set(asked) == {("mine:Task", "task"), *references.items()}


def test_a_spec_of_the_catalogues_own_names_none() -> None:
    spec = {**SPEC, "optimizers": ["SGD"], "schedulers": ["none", "LambdaLR"], "groups": {}}
    assert code_references(parse_spec(spec, check=lambda use, noun: None)) == {}
