"""The Python of the documentation runs: page by page, one block after another, as a reader would type it."""

import builtins
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

from service.cli.main import invoke
from service.store import Store
from tests.docs.pages import blocks
from tests.service.api.conftest import fill

BLOCKS = blocks("python")
PAGES = sorted({block.page for block in BLOCKS})


def held() -> dict[str, Any]:
    """What a page may take for granted: `a model, optimizer and batches that you hold already`."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    x = torch.randn(256, 4)
    batches = [(part, (part[:, 0] > 0).long()) for part in x.split(32)]
    return {"model": model, "optimizer": torch.optim.SGD(model.parameters(), lr=0.1), "batches": batches}


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a sweep in its store."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".lrsweep").mkdir()
    with Store.open(f"sqlite:///{tmp_path}/.lrsweep/lrsweep.db") as store:
        fill(store)
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs(page: str, recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = held()
    for block in BLOCKS:
        if block.page == page:
            # The padding gives errors the line that the block has on its page.
            code = compile("\n" * (block.line - 1) + block.text, page, "exec")
            exec(code, names)
    assert set(names) - {"model", "optimizer", "batches", *dir(builtins)}


def test_pages_with_python_are_found() -> None:
    assert {"README.md", "docs/notebook.md", "docs/tasks.md"} <= set(PAGES)


def test_the_readmes_task_is_swept_by_the_readmes_spec(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [task] = [block.text for block in BLOCKS if block.page == "README.md" and "class MyTask" in block.text]
    [spec] = [block.text for block in blocks("yaml") if block.page == "README.md" and "my_task.py" in block.text]
    (recorded / "my_task.py").write_text(task)
    (recorded / "spec.yaml").write_text(spec)
    small = ["trials=2", "budget.epochs=1", "pruner=none", "workers=1", "stability=off", "range_test.steps=10"]
    settings = [word for setting in small for word in ("--set", setting)]
    assert invoke(["run", "spec.yaml", *settings, "--runner", "inline", "--json"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["trials"][0]["outcome"] == "COMPLETE"
