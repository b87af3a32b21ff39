"""The layout holds what it promises: who may import whom, what loads what, and how large a room may be."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from service.cli.main import app

ROOT = Path(__file__).parents[1]
PACKAGES = ("sweeps", "workers", "service", "migrations")
LONGEST = 350
TABLES = {"sweeps/catalogue.py"}
"""Rows that are looked up rather than read through: only these may be longer."""


def modules() -> list[Path]:
    """The modules of our packages, relative to the root."""
    return sorted(path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def loaded_by(statements: str) -> set[str]:
    """The top-level names of what a new interpreter has loaded after these statements."""
    code = f"{statements}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_packages_import_in_one_direction() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_brain_loads_nothing_heavy() -> None:
    names = [name_of(path) for path in modules() if path.parts[0] == "sweeps"]
    assert "sweeps.proposer" in names
    loaded = loaded_by(f"import {', '.join(names)}")
    assert not {"torch", "ray", "mlflow", "sqlalchemy", "fastapi", "pydantic"} & loaded


def test_listing_and_checking_specs_load_neither_torch_nor_optuna() -> None:
    loaded = loaded_by("import sweeps.catalogue, sweeps.builtin, sweeps.specfile, sweeps.snippet, sweeps.picks")
    assert not {"torch", "ray", "mlflow", "sqlalchemy", "optuna", "numpy", "scipy", "pandas"} & loaded


def test_the_training_core_needs_torch_and_numpy_alone() -> None:
    before = loaded_by("import torch, numpy")
    core = loaded_by("import torch, numpy\nimport workers.cohort, workers.lane, workers.trial, workers.inline")
    # Python keeps its own build's settings in a module that the standard library's list does not name.
    added = {name for name in core - before - sys.stdlib_module_names if not name.startswith("_sysconfigdata")}
    assert added == {"workers", "sweeps"}


def test_queries_live_in_the_store() -> None:
    elsewhere = [path for path in modules() if path.parts[0] != "migrations" and path.parts[:2] != ("service", "store")]
    assert [str(path) for path in elsewhere if {"sqlalchemy", "psycopg", "sqlite3"} & imported_by(path)] == []


def imported_by(path: Path) -> set[str]:
    """The top-level names that a module imports, wherever in it."""
    nodes = list(ast.walk(ast.parse((ROOT / path).read_text())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return {name.partition(".")[0] for name in names}


def test_every_module_says_what_it_is_for() -> None:
    files = [*modules(), *sorted(path.relative_to(ROOT) for path in (ROOT / "tests").rglob("*.py"))]
    assert not [str(path) for path in files if not ast.get_docstring(ast.parse((ROOT / path).read_text()))]


def test_rooms_stay_small() -> None:
    lengths = {str(path): len((ROOT / path).read_text().splitlines()) for path in modules()}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST and path not in TABLES} == {}


def test_no_file_names_a_place_on_one_machine() -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    assert len(files) > 100
    # Not spelled out, so that this file is none of those it looks for.
    places = "|".join(["wo" + "rk", "ro" + "ot", "home/[a-z]+", "Users/[a-z]+"])
    absolute = re.compile(rf"(?<![\w.}}~])/(?:{places})/".encode())
    assert [str(file.relative_to(ROOT)) for file in files if absolute.search(file.read_bytes())] == []


def commands(group: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command below a group of commands, by its full name, and the groups themselves."""
    yield name, group
    for part, command in getattr(group, "commands", {}).items():
        yield from commands(command, f"{name} {part}")


COMMANDS = dict(commands(typer.main.get_command(app), "lrsweep"))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_explains_itself(name: str) -> None:
    assert COMMANDS[name].help
    assert [param.name for param in COMMANDS[name].params if not param.help and not param.hidden] == []


def pinned() -> dict[str, str]:
    """What constraints.txt says of each package, by its normal name."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {normal(name): version for name, version in pairs}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_versions_are_pinned_where_they_must_be() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needs = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {normal(re.split(r"[^\w.-]", need, maxsplit=1)[0]): need for need in needs}
    assert sorted(names.keys() - pinned().keys()) == []
    # Its database's tables change from version to version.
    assert names["mlflow"] == f"mlflow=={pinned()['mlflow']}"
    # A pattern, so that each machine takes the build that fits it.
    assert pinned()["torch"] == "2.13.*"
