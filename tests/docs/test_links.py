"""Whoever follows a link within the documentation arrives."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, anchors, links, names

PAGES = names()


def complaint(page: str, link: str) -> str | None:
    """What is wrong with a link, if it is one within the project."""
    if re.match(r"[a-z]+:", link):
        return None if link.startswith("https://") else f"{link}: is not an https link"
    path, _, fragment = link.partition("#")
    target = (ROOT / page).parent / path if path else ROOT / page
    if not target.resolve().is_relative_to(ROOT) or not target.exists():
        return f"{link}: there is no {path}"
    if fragment and (target.suffix != ".md" or fragment not in anchors(relative(target))):
        return f"{link}: {path or page} has no heading #{fragment}"
    return None


def relative(path: Path) -> str:
    return path.resolve().relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    assert [found for link in links(page) if (found := complaint(page, link))] == []


def test_links_that_lead_nowhere_are_found() -> None:
    assert complaint("README.md", "docs/spec.md#warnings") is None
    assert complaint("docs/cli/run.md", "../spec.md") is None
    for wrong in (
        "docs/spek.md",
        "docs/spec.md#warning",
        "#nowhere",
        "../elsewhere",
        "http://example.com",
        "Makefile#x",
    ):
        assert complaint("README.md", wrong), wrong


def test_every_page_is_reached_from_the_readme() -> None:
    reached, new = set[str](), {"README.md"}
    while new:
        reached |= new
        found = {(page, link.partition("#")[0]) for page in new for link in links(page)}
        paths = [(ROOT / page).parent / path for page, path in found if path.endswith(".md") and ":" not in path]
        new = set(map(relative, paths)) - reached
    assert sorted(set(PAGES) - reached) == []


def test_pages_that_the_code_names_are_there() -> None:
    files = [path for package in ("sweeps", "workers", "service") for path in (ROOT / package).rglob("*.py")]
    files += [ROOT / "docker-compose.yml", ROOT / "Makefile", *(ROOT / "examples").glob("*")]
    named = {
        (path.name, page)
        for path in files
        if path.is_file()
        for page in re.findall(r"\bdocs/[\w/-]+\.md", path.read_text(encoding="utf-8"))
    }
    assert ("options.py", "docs/spec.md") in named
    assert [(file, page) for file, page in sorted(named) if not (ROOT / page).exists()] == []
