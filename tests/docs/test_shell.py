"""Every `lrsweep` command line of the documentation is one that the command takes."""

import re
import shlex
from collections.abc import Iterator
from itertools import dropwhile, groupby, takewhile
from pathlib import Path
from typing import Any

import pytest
import typer

from service.cli.main import app, invoke
from tests.docs.pages import Block, blocks, code_words, names

ROOT_COMMAND: Any = typer.main.get_command(app)
PLACEHOLDER = {"N": "1", "R": "1", "E": "1"}
"""Letters that stand for a number in the text."""


def command_lines(block: Block) -> list[list[str]]:
    """The arguments of each call of `lrsweep` in a block of shell."""
    lines = re.sub(r"\\\n\s*", " ", block.text).splitlines()
    commands = [command for line in lines if "lrsweep" in line for command in _commands(line)]
    return [words[1:] for words in commands if words and words[0].endswith("lrsweep")]


def _commands(line: str) -> Iterator[list[str]]:
    """The commands of a line, without prompt, variables and where their output goes."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    for ends, part in groupby(words, lambda word: word in ("&&", "||", "|", ";", "&")):
        found = takewhile(lambda word: word not in (">", "<", "2>"), part)
        if not ends:
            yield list(dropwhile(lambda word: word == "$" or re.match(r"[A-Z_]+=", word), found))


def refusal(args: list[str]) -> str | None:
    """What the command says to arguments that it does not take. Nothing is run."""
    command, words = ROOT_COMMAND, args
    parent = command.context_class(command, info_name="lrsweep")
    while hasattr(command, "commands"):
        if not words or words[0] not in command.commands:
            return f"there is no command {words[:1]} among {sorted(command.commands)}"
        command, words = command.commands[words[0]], words[1:]
    try:
        command.make_context(command.name, [PLACEHOLDER.get(word, word) for word in words], parent=parent)
    except typer.exceptions.TyperException as error:
        return str(error) or type(error).__name__
    return None


CALLS = [(str(block), args) for block in blocks("sh", "", "console") for args in command_lines(block)]


def test_there_are_command_lines_on_many_pages() -> None:
    assert len(CALLS) > 30
    assert len({place.partition(":")[0] for place, _ in CALLS}) > 5


@pytest.mark.parametrize(("place", "args"), CALLS, ids=[f"{place} {' '.join(args)}" for place, args in CALLS])
def test_a_command_line_is_taken(place: str, args: list[str]) -> None:
    assert refusal(args) is None


LOOKS = [args for _, args in CALLS if args[0] in ("preview", "catalogue")]


@pytest.mark.parametrize("args", LOOKS, ids=" ".join)
def test_what_only_looks_does_so(
    args: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "val_loss.txt").write_text("1.0\n" * 200)
    (tmp_path / "my_schedule.py").write_text("def factor(epoch):\n    return 0.9**epoch\n")
    assert invoke(args) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize("page", names())
def test_commands_and_options_in_the_text_are_there(page: str) -> None:
    assert [complaint for words in code_words(page) if (complaint := unknown_words(words))] == []


def unknown_words(words: str) -> str | None:
    """What the command does not know of a piece of text such as `lrsweep pick ID --rule RULE`."""
    called = re.match(r"lrsweep ([a-z][a-z-]*)(.*)", words, re.DOTALL)
    if not called:
        return None
    command, rest = ROOT_COMMAND.commands.get(called[1]), called[2]
    if command is None:
        return f"{words}: there is no such command"
    inner = rest.split()[:1]
    if hasattr(command, "commands") and inner:
        if inner[0] not in command.commands:
            return f"{words}: there is no such command"
        command = command.commands[inner[0]]
    known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
    if wrong := set(re.findall(r"(?<!\S)--[a-z-]+", rest)) - known - {"--help"}:
        return f"{words}: no option {wrong}"
    return None


def test_what_is_not_there_is_found() -> None:
    assert refusal(["run", "spec.yaml", "--epochs", "3"]) is None
    assert refusal(["db", "sync", "last"]) is None
    for wrong in ("runn x", "run --epoch 3", "run --epochs three", "pick a b", "db", "export --format xlsx"):
        assert refusal(wrong.split()), wrong
    assert unknown_words("lrsweep pick ID --rule RULE") is None
    for wrong in ("lrsweep picks", "lrsweep pick --rul x", "lrsweep db sink"):
        assert unknown_words(wrong), wrong
    several = Block(
        page="x", line=1, language="sh", text="A=1 lrsweep a \\\n  --b > c && lrsweep d  # e\n$ lrsweep f | g\n"
    )
    assert command_lines(several) == [["a", "--b"], ["d"], ["f"]]
