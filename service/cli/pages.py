"""The pages of docs/cli, written from the commands themselves: `python -m service.cli.pages docs/cli`."""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

from service.cli.main import app

_HEAD = "<!-- `make docs` writes this page from the command itself: change the command, not the page. -->"


def pages() -> dict[str, str]:
    """The text of every page by its file's name: one a command, and README.md, which lists them all."""
    root: Any = typer.main.get_command(app)
    top = root.context_class(root, info_name="lrsweep")
    commands = {name: _context(command, top) for name, command in root.commands.items()}
    found = {f"{name}.md": _page(context) for name, context in commands.items()}
    return {"README.md": _index(commands), **found}


def write(folder: Path) -> None:
    """Makes a folder hold these pages and no others."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = pages()
    for stale in {each.name for each in folder.glob("*.md")} - texts.keys():
        (folder / stale).unlink()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def _context(command: Any, parent: Any) -> Any:
    return command.context_class(command, info_name=command.name, parent=parent)


def _index(commands: dict[str, Any]) -> str:
    rows = [
        (f"[`{context.command_path}`]({name}.md)", _linked(context.command.help).partition("\n")[0])
        for name, context in commands.items()
    ]
    return _text("# Commands", _table(("command", "what it does"), rows))


def _page(context: Any) -> str:
    parts = [f"# {context.command_path}", *_command(context)]
    for command in getattr(context.command, "commands", {}).values():
        inner = _context(command, context)
        parts += [f"## {inner.command_path}", *_command(inner)]
    return _text(*parts)


def _command(context: Any) -> Iterator[str]:
    """What a command does, how it is called, and what it takes."""
    command = context.command
    yield _linked(command.help)
    pieces = (piece.replace("{", "").replace("}", "") for piece in command.collect_usage_pieces(context))
    yield f"```text\n{context.command_path} {' '.join(pieces)}\n```"
    for kind in ("argument", "option"):
        records = [param.get_help_record(context) for param in command.params if param.param_type_name == kind]
        rows = [(f"`{name}`", _linked(" ".join(text.split()))) for name, text in filter(None, records)]
        # What an argument is called says what it is; an option's type is said beside it.
        rows = [(re.sub(" <.*>", "", name), text) for name, text in rows] if kind == "argument" else rows
        if rows:
            yield _table((kind, "what it says"), rows)


def _table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    lines = [head, ("---", "---"), *(tuple(cell.replace("|", r"\|") for cell in row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _linked(text: str) -> str:
    """A help text with links to the pages that it names.

    >>> _linked("A YAML file (docs/spec.md).")
    'A YAML file ([docs/spec.md](../spec.md)).'
    """
    return re.sub(r"\bdocs/([\w-]+\.md)", r"[docs/\1](../\1)", text)


def _text(*parts: str) -> str:
    return "\n\n".join((_HEAD, *parts)) + "\n"


if __name__ == "__main__":
    write(Path(sys.argv[1]))
