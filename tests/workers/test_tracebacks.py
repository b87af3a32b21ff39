"""Tracebacks start at the user's own code, however they came there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sweeps.catalogue import optimizer_row
from workers.tasks.digits import DigitsMLP
from workers.tracebacks import user_traceback

USERS = """
def fail(x):
    raise ValueError("wrong here")

def fail_in_library(json):
    json.loads("{")

def fail_again():
    try:
        fail(0)
    except ValueError as error:
        raise RuntimeError("wrong there") from error
"""


@pytest.fixture
def users(tmp_path: Path) -> dict[str, Any]:
    """What the user's file defines."""
    names: dict[str, Any] = {}
    exec(compile(USERS, str(tmp_path / "users.py"), "exec"), names)
    return names


def error_of(function: Callable[..., Any], *args: Any) -> Exception:
    """The error of a call; its first frame, the one here, counts as lrsweep's."""
    try:
        function(*args)
    except Exception as error:
        return error
    raise AssertionError("no error")


def files(text: str) -> list[str]:
    return [line.split('"')[1].rpartition("/")[2] for line in text.splitlines() if line.startswith("  File ")]


def test_frames_before_the_users_are_dropped_and_later_ones_kept(users: dict[str, Any]) -> None:
    through_torch = user_traceback(error_of(torch.func.vmap(users["fail"]), torch.ones(2)))
    in_library = user_traceback(error_of(users["fail_in_library"], json))

    assert files(through_torch) == ["users.py"]
    assert through_torch.startswith("Traceback (most recent call last):\n")
    assert through_torch.endswith("ValueError: wrong here\n")
    assert files(in_library)[:2] == ["users.py", "__init__.py"]


def test_causes_are_shown(users: dict[str, Any]) -> None:
    text = user_traceback(error_of(users["fail_again"]))

    assert "ValueError: wrong here\n\nThe above exception was the direct cause" in text
    assert set(files(text)) == {"users.py"}


def test_a_syntax_error_names_its_place() -> None:
    text = user_traceback(error_of(compile, "x = (", "users.py", "exec"))

    assert files(text) == ["users.py"]


def test_a_builtin_task_counts_as_the_task() -> None:
    task = DigitsMLP()
    text = user_traceback(error_of(task.loss, task.model(), (torch.ones(2, 63), torch.zeros(2).long())))

    assert files(text)[0] == "digits.py"


def test_a_bug_of_ours_is_shown_whole() -> None:
    text = user_traceback(error_of(optimizer_row, "adamx"))

    assert files(text)[-1] == "catalogue.py"
    assert files(text)[0] == "test_tracebacks.py"
