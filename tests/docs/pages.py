"""The documentation as a parser of Markdown sees it: blocks of code, links, and GitHub's anchors of headings."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Block:
    """A block of code: its page, the line of its first line (from 1), and its language ('' where none is named)."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def names() -> list[str]:
    """Every page, as a path from the root."""
    top = (ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md"))
    folders = (page for folder in ("benchmarks", "docs") for page in sorted((ROOT / folder).rglob("*.md")))
    return [path.relative_to(ROOT).as_posix() for path in (*top, *folders)]


def blocks(*languages: str) -> list[Block]:
    """The blocks of these languages, on all pages."""
    return [block for name in names() for block in _blocks(name) if block.language in languages]


def _blocks(name: str) -> Iterator[Block]:
    for token in tokens(name):
        if token.type in ("fence", "code_block") and token.map is not None:
            first = token.map[0] + (2 if token.type == "fence" else 1)
            yield Block(page=name, line=first, language=token.info.strip(), text=token.content)


def links(name: str) -> list[str]:
    """Where the links and pictures of a page point."""
    children = [child for token in tokens(name) for child in token.children or ()]
    return [str(child.attrs[at]) for child in children for at in ("href", "src") if at in child.attrs]


def code_words(name: str) -> list[str]:
    """What stands in the text of a page as code."""
    return [child.content for token in tokens(name) for child in token.children or () if child.type == "code_inline"]


@cache
def anchors(name: str) -> frozenset[str]:
    """The fragments that a link may end in."""
    found = list(tokens(name))
    titles = [inline for heading, inline in pairwise(found) if heading.type == "heading_open"]
    seen: Counter[str] = Counter()
    slugs = set()
    for title in titles:
        text = "".join(child.content for child in title.children or () if child.type in ("text", "code_inline"))
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        slugs.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return frozenset(slugs)


@cache
def tokens(name: str) -> tuple[Token, ...]:
    """A page, parsed as GitHub parses it as far as we use it: CommonMark with tables."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return tuple(MarkdownIt("commonmark").enable("table").parse(text))
