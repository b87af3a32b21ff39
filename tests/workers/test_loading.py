"""Tasks are loaded from built-in names, modules and files, and what is wrong is said in the user's terms."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from sweeps.errors import TaskError, UserError
from workers.loading import LoadedTask, load_task
from workers.task import Task
from workers.tasks.digits import DigitsMLP

MY_TASK = """
import math
import helpers

class Half:
    def model(self): ...
    def data(self): ...

class MyTask(Half):
    def __init__(self, width=8, *, depth=1):
        self.width, self.depth = width, depth
    def loss(self, model, batch): ...

class Needs(MyTask):
    def __init__(self, folder, width=8): ...

class SetsItsLoss(Half):
    def __init__(self):
        self.loss = lambda model, batch: 0

class Network:
    def __init__(self, inputs): ...

class Fails(MyTask):
    def __init__(self):
        helpers.fail()

made = MyTask(width=3)
number = 3

def train(trial, width=8):
    return helpers.double(trial) + width

def train_all(trial, **options):
    return options

def lazy(trial):
    import later
    return later.WORD

def no_trial(): ...
def only_keywords(*, trial): ...
"""

HELPERS = """
def double(x):
    return 2 * x

def fail():
    raise KeyError("lost")
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the user's where lrsweep runs; imports are undone after the test."""
    for name, text in {
        "my_task.py": MY_TASK,
        "helpers.py": HELPERS,
        "later.py": "WORD = 'late'\n",
        "exits.py": "import sys\nsys.exit(3)\n",
        "raises.py": "import helpers\n\nhelpers.fail()\n",
        "broken.py": "class MyTask(:\n",
        "imports.py": "import no_such_module_here\n",
        "hidden.py": "from workers import my_helper\n",
        "shop/__init__.py": "",
        "shop/tasks.py": "from shop.prices import Prices\n",
        "shop/prices.py": MY_TASK.replace("MyTask", "Prices"),
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def test_a_builtin_task_is_made_with_its_arguments() -> None:
    loaded = load_task("digits", {"hidden": [16], "batch_size": 8})

    assert isinstance(loaded.task, DigitsMLP)
    assert loaded.task.widths == (64, 16, 10)
    assert (loaded.name, loaded.is_function, loaded.local_modules) == ("digits", False, ())


@pytest.mark.parametrize(
    ("use", "modules"),
    [
        ("my_task.py:MyTask", ("helpers", "my_task")),
        ("./shop/../my_task.py:MyTask", ("helpers", "my_task")),
        ("my_task:MyTask", ("helpers", "my_task")),
        ("shop.tasks:Prices", ("helpers", "shop", "shop.prices", "shop.tasks")),
        ("shop.prices:Prices", ("helpers", "shop", "shop.prices")),
    ],
)
def test_a_class_is_made_and_its_modules_are_told(use: str, modules: tuple[str, ...]) -> None:
    loaded = load_task(use, {"width": 5, "depth": 2})

    assert isinstance(loaded.task, Task)
    assert (loaded.task.width, loaded.task.depth) == (5, 2)
    assert (loaded.name, loaded.is_function) == (use.rpartition(":")[2], False)
    assert loaded.local_modules == modules


def test_an_object_is_taken_as_it_is() -> None:
    assert load_task("my_task.py:made", {}).task.width == 3
    assert load_task("my_task.py:SetsItsLoss", {}).task.loss(None, None) == 0


def test_a_training_function_gets_its_arguments() -> None:
    plain, wide = load_task("my_task.py:train", {}), load_task("my_task.py:train", {"width": 100})

    assert (plain.is_function, wide.is_function) == (True, True)
    assert (plain.task(1), wide.task(1)) == (10, 102)
    assert (wide.name, wide.task.__name__) == ("train", "train")
    assert load_task("my_task.py:train_all", {"any": 1}).task(None) == {"any": 1}


def test_imports_inside_of_functions_work_later(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)

    assert load_task(f"{folder}/my_task.py:lazy", {}).task(None) == "late"


@pytest.mark.parametrize(
    ("use", "args", "message"),
    [
        ("digitz", {}, "unknown task 'digitz'; did you mean 'digits'?"),
        ("digits", {"batch_size": 0}, "task 'digits': batch_size: got 0; allowed is a whole number from 1"),
        ("images", {"modell": "lenet5"}, "task 'images': folder: the task 'images' needs it: give the path"),
        ("quadratic", {"mu": 3.0, "L": 1.0}, "got mu 3 and L 1"),
        ("my_task.py", {}, "names no attribute; write 'my_task.py:MyTask'"),
        ("your_task.py:MyTask", {}, "no task file at "),
        ("no_such_module_here:MyTask", {}, "no module 'no_such_module_here', looked in "),
        ("shop.nothing:MyTask", {}, "no module 'shop.nothing', looked in "),
        ("my_task.py:MyTsk", {}, "my_task.py: unknown attribute 'MyTsk'; did you mean 'MyTask'? choose one of: "),
        ("my_task.py:MyTask", {"widht": 3}, "unknown argument 'widht'; did you mean 'width'? choose one of: width"),
        ("my_task.py:Needs", {"width": 3}, "task 'my_task.py:Needs' needs the argument folder: give it beside"),
        ("my_task.py:SetsItsLoss", {"a": 1}, "got argument 'a' but takes none: remove it"),
        ("my_task.py:made", {"width": 3}, "is an object, made already, but got arguments: width; name its class"),
        ("my_task.py:Half", {}, "'my_task.py:Half' lacks loss(); a task has the methods"),
        ("my_task.py:Network", {}, "'my_task.py:Network' lacks model(), data(), loss(); a task has the methods"),
        ("my_task.py:number", {}, "'my_task.py:number' lacks model(), data(), loss()"),
        ("my_task.py:math", {}, "'my_task.py:math' lacks model(), data(), loss()"),
        ("my_task.py:no_trial", {}, "does not take the trial; write it as `def no_trial(trial)`"),
        ("my_task.py:only_keywords", {}, "does not take the trial"),
        ("my_task.py:train", {"widht": 3}, "unknown argument 'widht'; did you mean 'width'?"),
        ("my_task.py:lazy", {"trial": 3}, "got argument 'trial' but takes none"),
        ("workers.py:MyTask", {}, "'workers' is a package of lrsweep's own"),
        ("sweeps:MyTask", {}, "'sweeps' is a package of lrsweep's own"),
    ],
)
def test_the_users_mistakes(use: str, args: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as raised:
        load_task(use, args)

    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("use", "summary", "first_frame"),
    [
        ("raises.py:MyTask", "raises.py failed while it was imported: KeyError: 'lost'", "raises.py"),
        ("raises:MyTask", "raises failed while it was imported: KeyError: 'lost'", "raises.py"),
        ("exits.py:MyTask", "exits.py failed while it was imported: SystemExit: 3", "exits.py"),
        ("broken.py:MyTask", "broken.py failed while it was imported: SyntaxError: ", "broken.py"),
        ("imports:MyTask", "imports failed while it was imported: ModuleNotFoundError: No module", "imports.py"),
        ("my_task.py:Fails", "task 'my_task.py:Fails' failed while it was made: KeyError: 'lost'", "my_task.py"),
        ("hidden.py:MyTask", "(lrsweep's own packages hide modules called sweeps, workers, service", "hidden.py"),
    ],
)
def test_errors_of_the_users_own_code(use: str, summary: str, first_frame: str, folder: Path) -> None:
    with pytest.raises(TaskError) as raised:
        load_task(use, {})

    assert summary in raised.value.summary
    first = next(line for line in raised.value.traceback.splitlines() if line.startswith("  File "))
    assert f'"{folder / first_frame}"' in first


def test_each_load_imports_afresh(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    load_task("my_task.py:MyTask", {})
    other = tmp_path_factory.mktemp("other")
    (other / "my_task.py").write_text(MY_TASK)
    (other / "helpers.py").write_text(HELPERS.replace("2 * x", "1000 * x"))

    assert load_task(f"{other}/my_task.py:train", {}).task(1) == 1008
    assert load_task("my_task.py:train", {}).task(1) == 10
    (folder / "helpers.py").write_text(HELPERS.replace("2 * x", "3000 * x"))
    assert load_task("my_task.py:train", {}).task(1) == 3008


def test_a_repaired_helper_is_read_again(folder: Path) -> None:
    (folder / "helpers.py").write_text("1 / 0\n")
    with pytest.raises(TaskError, match="ZeroDivisionError"):
        load_task("my_task.py:MyTask", {})
    (folder / "helpers.py").write_text(HELPERS)

    assert load_task("my_task.py:train", {}).task(1) == 10


@pytest.mark.parametrize("stem", ["json", "torch", "my-task", "2nd", "cloudpickle"])
def test_a_file_may_be_called_like_another_module(folder: Path, stem: str) -> None:
    (folder / f"{stem}.py").write_text(MY_TASK)
    before = sys.modules.get(stem)
    loaded = load_task(f"{stem}.py:MyTask", {})

    assert sys.modules.get(stem) is before
    (name,) = set(loaded.local_modules) - {"helpers"}
    assert name.isidentifier()
    assert type(loaded.task).__module__ == name


def test_a_folder_called_like_our_package_does_not_hide_it(folder: Path) -> None:
    (folder / "migrations").mkdir()
    (folder / "migrations" / "__init__.py").write_text("raise RuntimeError('not this one')\n")
    load_task("my_task.py:MyTask", {})

    import migrations

    assert migrations.__file__ is None or not migrations.__file__.startswith(str(folder))


@pytest.mark.parametrize("args", [{}, {"width": 100}])
def test_the_users_code_reaches_a_machine_without_it(tmp_path: Path, args: dict[str, Any]) -> None:
    loaded: LoadedTask = load_task("my_task.py:train", args)
    modules = [sys.modules[name] for name in loaded.local_modules]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        (tmp_path / "task.pickle").write_bytes(cloudpickle.dumps(loaded.task))
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)

    code = f"import pickle; task = pickle.load(open({str(tmp_path / 'task.pickle')!r}, 'rb')); print(task(1))"
    elsewhere = tmp_path / "shop"
    result = subprocess.run([sys.executable, "-c", code], cwd=elsewhere, check=True, capture_output=True, text=True)
    assert result.stdout.strip() == str(load_task("my_task.py:train", args).task(1))
