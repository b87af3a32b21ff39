"""Everything dies at random, again and again, and no trial is lost, doubled or changed (`benchmarks/chaos`)."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.chaos.chaos import unleash
from benchmarks.chaos.postgres import binaries
from tests.conftest import missing


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Not under pytest's folder: PostgreSQL runs as a user of its own, and the paths of Ray's sockets stay short."""
    folder = Path(tempfile.mkdtemp(prefix="lrs-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.ray
@pytest.mark.postgres
@pytest.mark.filterwarnings("ignore::DeprecationWarning:sqlalchemy")
def test_kills_at_random_moments_cost_nothing(short_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if binaries() is None:
        missing("PostgreSQL's binaries are not installed (Debian: apt-get install postgresql)")
    outcome = unleash(short_folder, seconds=45, users=[1, 2], seed=1)
    with capsys.disabled():
        print(f"\n{outcome}")
    assert not outcome.spared, str(outcome)
    assert outcome.verdict.unharmed, "\n".join([str(outcome), *outcome.verdict.troubles])
