"""Which code was trained is known by its file's content, not by its name."""

import hashlib
from importlib.metadata import version
from pathlib import Path

import pytest

from service.codeversion import code_version
from service.launch import _note_code
from service.store import Store
from sweeps.spec import TaskSpec
from tests.doubles import a_spec


def test_a_tasks_file_is_hashed_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "task.py"
    file.write_text("class Mine: ...\n")
    use = f"{file}:Mine"
    before = code_version(TaskSpec(use=use))
    assert before.sha256 == hashlib.sha256(b"class Mine: ...\n").hexdigest()
    assert (before.task, before.lrsweep, before.torch) == (use, version("lrsweep"), version("torch"))
    file.write_text("class Mine: pass\n")
    assert code_version(TaskSpec(use=use)).sha256 != before.sha256


@pytest.mark.parametrize("use", ["digits", "json:loads", "gone.py:Task", "no reference"])
def test_what_is_no_file_has_no_hash(use: str) -> None:
    assert code_version(TaskSpec(use=use)).sha256 is None


def test_a_sweep_that_goes_on_with_other_code_warns_once_and_keeps_the_newest(tmp_path: Path) -> None:
    file = tmp_path / "task.py"
    file.write_text("class Mine: ...\n")
    spec, said = a_spec(task=TaskSpec(use=f"{file}:Mine")), list[str]()
    with Store.open(f"sqlite:///{tmp_path}/lrsweep.db") as store:
        sweep_id = store.create_sweep(name="x", task=spec.task.use, spec={}, total_trials=1)
        for _ in range(2):
            _note_code(store, sweep_id, spec, said.append)
        assert (said, store.sweep(sweep_id).findings) == ([], ())
        file.write_text("class Mine: pass\n")
        for _ in range(2):
            _note_code(store, sweep_id, spec, said.append)
        assert len(said) == len(store.sweep(sweep_id).findings) == 1
        assert "task: its code, lrsweep or torch has changed" in said[0]
        assert store.sweep(sweep_id).code == code_version(spec.task)
