"""The picture of the architecture is true: its folders are there, and its arrows are imports."""

import ast
import re
from functools import cache
from itertools import product
from pathlib import Path

from tests.docs.pages import ROOT, blocks

[PICTURE] = [block for block in blocks("mermaid") if block.page == "docs/architecture.md"]
LAYERS = ("service", "workers", "sweeps")
BOX = re.compile(r'^\s+(\w+)\["(.+?)<br>', re.MULTILINE)
ARROW = re.compile(r"^\s+([\w& ]+?) (-->|-\.->) ([\w& ]+)$", re.MULTILINE)


def boxes() -> dict[str, list[str]]:
    """The paths in each box, by its name."""
    return {name: paths.split(", ") for name, paths in BOX.findall(PICTURE.text)}


def arrows(kind: str) -> set[tuple[str, str]]:
    """The arrows of a kind, from box to box."""
    found = [
        (left.split(" & "), right.split(" & ")) for left, arrow, right in ARROW.findall(PICTURE.text) if arrow == kind
    ]
    return {pair for left, right in found for pair in product(left, right)}


def imports(paths: list[str]) -> set[str]:
    """The modules that these files and folders import, wherever in them; a name may be a module or stand in one."""
    files = [
        file for path in paths for file in ([ROOT / path] if path.endswith(".py") else (ROOT / path).rglob("*.py"))
    ]
    return {name for file in files for name in imports_of(file)}


@cache
def imports_of(file: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    whole = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    froms = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return whole | {f"{node.module}.{alias.name}" for node in froms for alias in node.names}


def uses(left: list[str], right: list[str]) -> bool:
    modules = [path.removesuffix(".py").replace("/", ".") for path in right]
    return any(name == module or name.startswith(f"{module}.") for name in imports(left) for module in modules)


def test_boxes_are_files_and_folders() -> None:
    paths = [path for each in boxes().values() for path in each]
    assert len(paths) > 15
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_folder_of_the_service_that_decides_is_drawn_or_is_a_helper() -> None:
    drawn = {path for each in boxes().values() for path in each}
    folders = {f"service/{each.name}" for each in (ROOT / "service").iterdir() if (each / "__init__.py").exists()}
    assert folders - drawn == {"service/plots"}


def test_arrows_are_imports_and_go_down() -> None:
    where = boxes()
    solid = arrows("-->")
    assert len(solid) > 20
    assert [(left, right) for left, right in sorted(solid) if not uses(where[left], where[right])] == []
    layer = {name: LAYERS.index(paths[0].partition("/")[0]) for name, paths in where.items()}
    assert [(left, right) for left, right in solid if layer[left] > layer[right]] == []


def test_dotted_arrows_are_no_imports() -> None:
    where = boxes()
    inside = [(left, right) for left, right in arrows("-.->") if left in where and right in where]
    assert inside == [("remote", "api")]
    assert not uses(where["remote"], where["api"])
