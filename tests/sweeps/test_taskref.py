"""Task references are read and checked without running anything of the user's."""

import sys
from pathlib import Path

import pytest

from sweeps.taskref import FileReference, check_reference, parse_reference

TASK_FILE = """
raise RuntimeError("must not run")
import helpers, shop.prices
from helpers import Borrowed as Lent
class MyTask: ...
def train(trial): ...
made, (left, right) = MyTask(), (1, 2)
noted: int = 3
only_noted: int
if made:
    class Sometimes: ...
try:
    import fast
except ImportError:
    fast = None
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the user's with a task file, a broken one, a module and a package, and lrsweep running in it."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "my_task.py").write_text(TASK_FILE)
    (tmp_path / "star.py").write_text("from helpers import *\n")
    (tmp_path / "broken.py").write_text("class MyTask(:\n")
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "beside_here.py").write_text("raise RuntimeError('must not run')\n")
    (tmp_path / "pack_here").mkdir()
    (tmp_path / "pack_here" / "__init__.py").write_text("raise RuntimeError('must not run')\n")
    (tmp_path / "workers.py").write_text("class MyTask: ...\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "use",
    [
        "digits",
        "images",
        "star.py:Anything",
        "beside_here:MyTask",
        "pack_here.deep.inside:MyTask",
        "json:loads",
        *(
            f"tasks/my_task.py:{name}"
            for name in (
                *("MyTask", "train", "made", "left", "right", "noted"),
                *("Sometimes", "fast", "helpers", "shop", "Lent"),
            )
        ),
    ],
)
def test_good_references(use: str) -> None:
    before = list(sys.path)

    assert check_reference(use) is None
    assert sys.path == before


@pytest.mark.parametrize(
    ("use", "message"),
    [
        ("digitz", "unknown task 'digitz'; did you mean 'digits'? choose one of: digits, digits-cnn, images"),
        ("", "unknown task ''; choose one of"),
        ("tasks/my_task.py", "names no attribute; write 'tasks/my_task.py:MyTask'"),
        ("shop.tasks", "names no attribute; write 'shop.tasks:MyTask'"),
        (":MyTask", "bad task reference ':MyTask'; give a built-in name, 'module:attribute' or"),
        ("shop:", "bad task reference 'shop:'"),
        ("shop:My Task", "bad task reference 'shop:My Task'"),
        ("shop..tasks:MyTask", "'shop..tasks' is no module name"),
        ("tasks/my_task:MyTask", "a file's name ends in .py; write 'tasks/my_task.py:MyTask'"),
        ("tasks/your_task.py:MyTask", "no task file at "),
        ("tasks/my_task.py:MyTsk", "unknown attribute 'MyTsk'; did you mean 'MyTask'? choose one of: MyTask, "),
        ("tasks/my_task.py:only_noted", "unknown attribute 'only_noted'"),
        ("empty.py:MyTask", "does not define 'MyTask', or anything else"),
        ("broken.py:MyTask", "broken.py is not valid Python: invalid syntax (broken.py, line 1)"),
        ("no_such_module_here.tasks:MyTask", "no module 'no_such_module_here.tasks', looked in "),
        ("no_such_module_here.tasks:MyTask", "or give its file: 'path/to/tasks.py:MyTask'"),
        ("workers.py:MyTask", "'workers' is a package of lrsweep's own and hides yours; rename yours"),
        ("service.tasks:MyTask", "'service' is a package of lrsweep's own"),
        ("migrations:MyTask", "'migrations' is a package of lrsweep's own"),
    ],
)
def test_bad_references_say_what_to_do(use: str, message: str, folder: Path) -> None:
    found = check_reference(use)

    assert found is not None
    assert message in found.replace(f"{folder}/", "")


def test_a_file_may_be_absolute_or_in_the_home_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    file = folder / "tasks" / "my_task.py"

    for use in (f"{file}:MyTask", "~/tasks/my_task.py:MyTask", "tasks/../tasks/my_task.py:MyTask"):
        assert parse_reference(use) == FileReference(file=file, attribute="MyTask")


@pytest.mark.parametrize("use", ["~no_such_user/x.py:a", f"{'x' * 300}.py:a"])
def test_names_that_nothing_can_have_are_a_message_and_no_exception(use: str) -> None:
    message = check_reference(use)
    assert message is not None
    assert use in message
