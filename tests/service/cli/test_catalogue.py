"""`lrsweep catalogue` says of every row what a person needs to write it into a spec."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.cli.catalogue import documents_by_kind
from service.cli.main import invoke
from sweeps.catalogue import OPTIMIZERS
from sweeps.decay import DECAYS
from sweeps.schedulers import SCHEDULERS
from sweeps.specfile import parse_spec, read_value

ROOT = Path(__file__).parents[3]
NAMES = [*OPTIMIZERS, *SCHEDULERS, *DECAYS]
BASE = {"task": "digits", "budget": {"epochs": 20}, "optimizers": ["SGD"], "trials": 8}


def said(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = invoke(["catalogue", *args])
    out, err = capsys.readouterr()
    return code, out, err


def document(capsys: pytest.CaptureFixture[str], *args: str) -> Any:
    code, out, _ = said(capsys, *args, "--json")
    assert code == 0
    return json.loads(out)


def test_everything_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    listed = document(capsys)
    assert [row["name"] for row in listed["optimizers"]] == list(OPTIMIZERS)
    assert [row["name"] for row in listed["schedulers"]] == list(SCHEDULERS)
    assert [row["name"] for row in listed["decays"]] == list(DECAYS)
    code, out, err = said(capsys)
    assert (code, err) == (0, "")
    assert [name for name in NAMES if name not in out] == []


@pytest.mark.parametrize("name", [*OPTIMIZERS, *SCHEDULERS])
def test_every_example_is_a_valid_spec(name: str) -> None:
    documents = documents_by_kind()
    row = (documents["optimizers"] | documents["schedulers"])[name]
    (section, entries), *rest = yaml.safe_load(row["example"]).items()
    assert rest == []
    line = row["example"].removeprefix(f"{section}: ")
    spec = parse_spec({**BASE, section: read_value(line)})
    assert [entry.name for entry in getattr(spec, section)] == [name]
    assert len(entries) == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_name_shows_its_arguments(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    row = document(capsys, name)
    code, out, err = said(capsys, name)
    assert (code, err) == (0, "")
    assert out.startswith(f"{name}: {row['kind']}")
    for argument in row["arguments"]:
        assert argument["name"] in out
    for text in (row["care"], row["example"]):
        assert not text or text.split()[0] in out


def test_a_row_says_kind_bounds_default_and_clock(capsys: pytest.CaptureFixture[str]) -> None:
    row = document(capsys, "SGD")
    assert row["arguments"][0] == {
        "name": "momentum",
        "kind": "float",
        "default": 0.0,
        "low": 0,
        "high": 1,
        "choices": [],
        "allowed": "a number with 0 <= value < 1",
    }
    assert row["default_lr"] == 1e-3
    assert row["lr"] == {"low": 1e-5, "high": 10.0, "log": True}
    assert "one_minus_momentum" in [argument["name"] for argument in row["also"]]
    assert document(capsys, "LBFGS")["needs"] == ["closure"]
    assert document(capsys, "StepLR")["unasked"] == {"step_size": "6 for 20 epochs"}
    assert [document(capsys, name)["clock"] for name in ("none", "StepLR", "ReduceLROnPlateau")] == [
        None,
        "epoch",
        "metric",
    ]
    arguments = {argument["name"]: argument for argument in document(capsys, "cosine_decay_restarts")["arguments"]}
    assert (arguments["t_mul"]["default"], arguments["first_decay_steps"]["default"]) == (2.0, None)


def test_a_scheduler_shows_its_warm_up(capsys: pytest.CaptureFixture[str]) -> None:
    row = document(capsys, "StepLR")
    assert {argument["name"]: argument["default"] for argument in row["also"]} == {
        "warmup": None,
        "warmup_factor": 0.01,
    }
    assert "a linear warm-up in front: warmup, a number with 0 < value" in said(capsys, "StepLR")[1]
    assert "warmup" in said(capsys)[1]


@pytest.mark.parametrize(
    ("name", "nearest"), [("Sdg", "SGD"), ("steplr", "StepLR"), ("cosine_deca", "cosine_decay"), ("xyzzy", None)]
)
def test_an_unknown_name_is_answered_with_the_nearest(
    name: str, nearest: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = said(capsys, name)
    assert (code, out) == (2, "")
    assert f"'{name}'" in err
    assert (f"did you mean '{nearest}'?" in err) is (nearest is not None)
    assert "choose one of" in err


def test_it_loads_nothing_that_is_slow() -> None:
    code = (
        "import sys; from service.cli.main import invoke; invoke(['catalogue', '--json']); "
        "print(*{'torch', 'ray', 'optuna', 'mlflow', 'numpy', 'matplotlib'} & sys.modules.keys(), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.split() == []
