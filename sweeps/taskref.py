"""What a spec refers to by path: its task, classes, functions; checked without importing anything of the user's."""

import ast
import importlib.util
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from sweeps.builtin import BUILTIN_TASKS, BuiltinTask
from sweeps.errors import UserError, unknown

OWN_PACKAGES = ("sweeps", "workers", "service", "migrations")
"""The top-level names that are lrsweep's: a user's module of such a name would never be found."""

_FORMS = "'module:attribute' or 'path/to/file.py:attribute'"
_TASK_FORMS = f"a built-in name, {_FORMS}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltinReference:
    """A task that comes with lrsweep."""

    row: BuiltinTask


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReference:
    """An attribute of a Python file; `file` is absolute."""

    file: Path
    attribute: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleReference:
    """An attribute of a module that can be imported from here."""

    module: str
    attribute: str

    @property
    def top(self) -> str:
        """The top-level package.

        >>> ModuleReference(module="shop.tasks", attribute="Prices").top
        'shop'
        """
        return self.module.partition(".")[0]


CodeReference = FileReference | ModuleReference


def parse_reference(use: str) -> BuiltinReference | CodeReference:
    """Reads a task reference. Raises UserError if it has none of the three forms or a name of lrsweep's own.

    >>> parse_reference("shop.tasks:Prices")
    ModuleReference(module='shop.tasks', attribute='Prices')
    >>> parse_reference("digits").row.path
    'workers.tasks.digits:DigitsMLP'
    """
    bare = use.strip()
    return code_reference(use, "task") if ":" in bare else BuiltinReference(row=_builtin(bare))


def code_reference(use: str, noun: str) -> CodeReference:
    """Reads a reference to the user's own code; `noun` says what it is for.

    Raises UserError if it has none of the two forms or a name of lrsweep's own.
    """
    # From the right: a Windows path has a colon of its own.
    place, _, attribute = use.strip().rpartition(":")
    forms = _TASK_FORMS if noun == "task" else _FORMS
    if not place or not attribute.isidentifier():
        raise UserError(f"bad {noun} reference '{use}'; give {forms}")
    if place.endswith(".py"):
        file = Path(os.path.abspath(Path(place).expanduser()))
        _refuse_own_name(file.stem, use, noun)
        return FileReference(file=file, attribute=attribute)
    if "/" in place or "\\" in place:
        raise UserError(f"bad {noun} reference '{use}': a file's name ends in .py; write '{place}.py:{attribute}'")
    if not all(part.isidentifier() for part in place.split(".")):
        raise UserError(f"bad {noun} reference '{use}': '{place}' is no module name; give {forms}")
    _refuse_own_name(place.partition(".")[0], use, noun)
    return ModuleReference(module=place, attribute=attribute)


def _builtin(name: str) -> BuiltinTask:
    if name in BUILTIN_TASKS:
        return BUILTIN_TASKS[name]
    if name.endswith(".py") or "." in name or "/" in name:
        raise UserError(f"task reference '{name}' names no attribute; write '{name}:MyTask'")
    known = unknown("task", name, BUILTIN_TASKS)
    raise UserError(f"{known}; or give your own as 'module:attribute' or 'path/to/file.py:attribute'")


def _refuse_own_name(name: str, use: str, noun: str) -> None:
    if name in OWN_PACKAGES:
        raise UserError(
            f"{noun} reference '{use}': '{name}' is a package of lrsweep's own and hides yours; "
            f"rename yours to anything but {', '.join(OWN_PACKAGES)}"
        )


def check_reference(use: str, noun: str = "task") -> str | None:
    """What is wrong with a reference, as far as shows without running it; None if nothing."""
    try:
        match parse_reference(use) if noun == "task" else code_reference(use, noun):
            case FileReference() as reference:
                require_file(reference, noun)
                _check_attribute(reference)
            case ModuleReference() as reference if not _is_findable(reference.top):
                return missing_module(reference)
    except UserError as error:
        return str(error)
    except (OSError, RuntimeError, ValueError) as error:
        # A name that no file or module can have: too long, an unknown user's home, `__main__`.
        return f"bad {noun} reference '{use}': {error}"
    return None


def require_file(reference: FileReference, noun: str) -> None:
    """Raises UserError if the file does not exist."""
    if not reference.file.is_file():
        raise UserError(f"no {noun} file at {reference.file}; paths count from the folder where lrsweep runs")


def missing_module(reference: ModuleReference) -> str:
    """The message for a module that cannot be found."""
    return (
        f"no module '{reference.module}', looked in {Path.cwd()} and among the installed packages; "
        f"install it, run lrsweep where it lies, or give its file: 'path/to/"
        f"{reference.module.rpartition('.')[2]}.py:{reference.attribute}'"
    )


def missing_attribute(place: object, attribute: str, names: Iterable[str]) -> str:
    """The message for a module or file that does not define the attribute but only `names`."""
    public = sorted(name for name in names if not name.startswith("_"))
    if not public:
        return f"{place} does not define '{attribute}', or anything else: define it or correct the reference"
    return f"{place}: {unknown('attribute', attribute, public)}"


def _is_findable(top: str) -> bool:
    # The current folder counts, as it does when the task is loaded, but sys.path itself is left alone.
    importlib.invalidate_caches()
    return bool(PathFinder.find_spec(top, [str(Path.cwd())]) or importlib.util.find_spec(top))


def _check_attribute(reference: FileReference) -> None:
    try:
        tree = ast.parse(reference.file.read_bytes(), filename=str(reference.file))
    except (SyntaxError, ValueError) as error:
        raise UserError(f"{reference.file} is not valid Python: {error}") from error
    own, imported = set[str](), set[str]()
    for statement in _top_level(tree.body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            imported.update(alias.asname or alias.name.partition(".")[0] for alias in statement.names)
        else:
            own.update(_bound(statement))
    # A star import may bind any name: only loading can tell.
    if reference.attribute not in own | imported and "*" not in imported:
        raise UserError(missing_attribute(reference.file, reference.attribute, own))


def _top_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run on import, those under if, try and with among them."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            for child in ast.iter_child_nodes(statement):
                match child:
                    case ast.stmt():
                        yield from _top_level([child])
                    case ast.ExceptHandler():
                        yield from _top_level(child.body)


def _bound(statement: ast.stmt) -> Iterator[str]:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield statement.name
        case ast.Assign(targets=targets):
            for target in targets:
                yield from (node.id for node in ast.walk(target) if isinstance(node, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name), value=value) if value is not None:
            yield name
