"""What the tests of the spec file share: a way to write one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeps.specfile import read_spec


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """Writes a spec file and reads it."""

    def write_and_read(text: str) -> dict[str, Any]:
        (tmp_path / "sweep.yaml").write_text(text, encoding="utf-8")
        return read_spec(tmp_path / "sweep.yaml")

    return write_and_read
