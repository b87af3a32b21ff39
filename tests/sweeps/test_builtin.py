"""The table of built-in tasks agrees with the classes, and finds the mistakes in a spec's arguments."""

import importlib
import inspect
import subprocess
import sys

import pytest

from sweeps.builtin import BUILTIN_TASKS, IMAGE_MODELS, BuiltinTask


@pytest.mark.parametrize("row", BUILTIN_TASKS.values(), ids=lambda row: row.name)
def test_arguments_and_defaults_are_those_of_the_class(row: BuiltinTask) -> None:
    module, _, attribute = row.path.partition(":")
    parameters = inspect.signature(getattr(importlib.import_module(module), attribute)).parameters.values()

    assert [p.name for p in parameters] == list(row.args)
    for parameter in parameters:
        arg = row.args[parameter.name]
        assert arg.required == (parameter.default is parameter.empty)
        if not arg.required:
            assert arg.default == parameter.default
            assert arg.accepts(parameter.default)


def test_image_models_are_those_of_the_task() -> None:
    from workers.tasks.images import ARCHITECTURES

    assert tuple(ARCHITECTURES) == IMAGE_MODELS


@pytest.mark.parametrize(
    ("task", "args", "mistakes"),
    [
        ("digits", {}, []),
        ("digits", {"hidden": [32, 16], "batch_size": 8}, []),
        ("digits", {"hidden": []}, []),
        ("digits", {"hidden": [0]}, ["hidden: got [0]; allowed is a list of layer widths"]),
        ("digits", {"hidden": "64"}, ["hidden: got '64'"]),
        ("digits", {"batch_size": True}, ["batch_size: got True; allowed is a whole number from 1"]),
        ("digits", {"batchsize": 8}, ["batchsize: unknown argument 'batchsize'; did you mean 'batch_size'?"]),
        ("images", {}, ["folder: the task 'images' needs it"]),
        ("images", {"folder": "x", "model": "vgg"}, ["model: got 'vgg'; allowed is one of: lenet5, alexnet"]),
        ("images", {"folder": "x", "val_fraction": 1.0}, ["val_fraction: got 1.0"]),
        ("images", {"folder": 3, "size": 0}, ["folder: got 3", "size: got 0"]),
        ("quadratic", {"mu": 1, "L": 10, "dimensions": 2}, []),
        ("quadratic", {"mu": 0, "L": float("nan")}, ["mu: got 0; allowed is a number above 0", "L: got nan"]),
        ("quadratic", {"L": float("inf"), "dimensions": 1}, ["L: got inf", "dimensions: got 1"]),
    ],
)
def test_mistakes_in_arguments(task: str, args: dict[str, object], mistakes: list[str]) -> None:
    found = [str(problem) for problem in BUILTIN_TASKS[task].mistakes(args)]

    assert len(found) == len(mistakes)
    for problem, start in zip(found, mistakes, strict=True):
        assert problem.startswith(start)


def test_listing_and_checking_load_no_torch() -> None:
    code = (
        "import sys; from sweeps.taskref import check_reference; from sweeps.builtin import BUILTIN_TASKS; "
        "assert check_reference('digits') is None; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
