"""The pages of docs/cli are those that the commands write today."""

from pathlib import Path

from service.cli.pages import pages, write
from tests.docs.pages import ROOT


def test_no_page_is_stale() -> None:
    there = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs/cli").iterdir()}
    written = pages()
    assert sorted(there) == sorted(written)
    stale = [name for name, text in written.items() if there[name] != text]
    assert stale == [], "run `make docs`"


def test_every_option_stands_on_its_commands_page() -> None:
    page = pages()["run.md"]
    for words in ("`--resume ID`", "`--runner <auto\\|ray\\|inline>`", "`FILE`", "[docs/spec.md](../spec.md)"):
        assert words in page
    assert "## lrsweep db sync" in pages()["db.md"]


def test_a_command_that_is_gone_takes_its_page_along(tmp_path: Path) -> None:
    (tmp_path / "gone.md").write_text("once a command")
    write(tmp_path)
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == pages()
