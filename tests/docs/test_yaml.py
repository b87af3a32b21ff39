"""The specs of the documentation are such as `lrsweep validate` takes; pieces of specs are laid over a whole one."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from service.cli.main import invoke
from sweeps.errors import SpecError
from sweeps.specfile import parse_spec
from tests.docs.pages import ROOT, Block, blocks

BLOCKS = blocks("yaml")
KEYS = frozenset(
    re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/spec.md").read_text().partition("## Optimizers")[0], re.MULTILINE)
)
"""The keys of a spec, as docs/spec.md lists them."""
WHOLE = {
    "task": "digits-cnn",
    "budget": "{epochs: 30}",
    "optimizers": "[SGD: {momentum: {low: 0.5, high: 0.99}}]",
    "schedulers": "[StepLR: {gamma: {low: 0.1, high: 0.9}}]",
    "trials": "400",
}
"""What a piece of a spec is laid over."""
MINE = {
    "my_task.py": "class MyTask: ...",
    "my_optimizers.py": "class Careful: ...",
    "lion_pytorch.py": "class Lion: ...",
}
"""Files and packages that the reader is said to have."""


def pieces(block: Block) -> Iterator[str]:
    """The block, or its lines one by one where the same key stands in it again and again: they are alternatives."""
    found = re.findall(r"^(\w+):", block.text, re.MULTILINE)
    yield from [block.text] if len(set(found)) == len(found) else block.text.splitlines()


def keys(text: str) -> set[str]:
    """The keys of a mapping, whatever their values are."""
    return {key.value for key, _ in yaml.compose(text).value}


def of_a_spec(piece: str) -> bool:
    """True if all its keys are those of a spec."""
    return keys(piece) <= KEYS


SPECS = [
    pytest.param(piece, id=f"{block} {number}")
    for block in BLOCKS
    for number, piece in enumerate(pieces(block))
    if of_a_spec(piece)
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in MINE.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def problems(here: Path, text: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What `lrsweep validate` says against a spec, or a piece of one."""
    under = "".join(f"{key}: {value}\n" for key, value in WHOLE.items() if key not in keys(text))
    file = here / "spec.yaml"
    file.write_text(text if keys(text) >= {"task", "budget"} else under + text)
    invoke(["validate", str(file), "--json"])
    return [f"{each['path']}: {each['message']}" for each in json.loads(capsys.readouterr().out)["problems"]]


@pytest.mark.parametrize("text", SPECS)
def test_a_spec_is_valid(here: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert problems(here, text, capsys) == []


def test_most_yaml_is_specs_and_the_rest_says_whose_it_is() -> None:
    assert len(SPECS) > 12
    others = {block.page for block in BLOCKS for piece in pieces(block) if not of_a_spec(piece)}
    assert others <= {"docs/deploy.md"}


def test_a_spec_that_is_wrong_is_found(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert problems(here, "lanes: 4", capsys) == []
    assert problems(here, "lanes: many", capsys)
    assert problems(here, "task: digits\nbudget: {epoch: 3}\noptimizers: [SGD]\ntrials: 3", capsys)


def test_all_keys_are_listed() -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec({"nonsense": 1})
    [said] = [problem.message for problem in caught.value.problems if problem.path == "nonsense"]
    assert frozenset(said.partition("choose one of: ")[2].split(", ")) == KEYS
