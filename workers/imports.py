"""Imports the user's files and modules, freshly for each sweep, with their errors told apart from ours."""

import importlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from sweeps.errors import TaskError, UserError
from sweeps.taskref import OWN_PACKAGES, CodeReference, FileReference, ModuleReference, missing_module, require_file
from workers.tracebacks import user_traceback
from workers.usercode import local_modules

_others: set[str] = set()
"""Names that were in sys.modules before the first task was imported: never ours to forget."""
_folders: set[Path] = set()
"""Folders that tasks were imported from."""


def import_reference(reference: CodeReference, noun: str) -> ModuleType:
    """The module of what a spec refers to; `noun` says what for.

    A file that has been imported already, as the task's, say, is the same module. Raises UserError if there is
    none, TaskError if it fails while it is imported.
    """
    _bind_own_packages()
    match reference:
        case FileReference(file=file):
            require_file(reference, noun)
            if (module := _imported(file)) is not None:
                return module
            name = _free_name(file)
            _put_first(file.parent)
            with users_code(f"{file} failed while it was imported"):
                return _run(name, file)
        case ModuleReference():
            _put_first(Path.cwd())
            return _import(reference)


def user_folders(module: ModuleType) -> tuple[Path, ...]:
    """Where the user's own modules lie: the folder that this one is imported from, and the current folder."""
    if module.__file__ is None:
        return (Path.cwd(),)
    depth = module.__name__.count(".") + (Path(module.__file__).name == "__init__.py")
    folder = Path(module.__file__).parents[depth]
    _folders.add(folder)
    return (folder, Path.cwd())


@contextmanager
def users_code(doing: str) -> Iterator[None]:
    """Turns whatever the user's code raises, sys.exit() among it, into a TaskError with their traceback."""
    try:
        yield
    except UserError:
        raise
    except (Exception, SystemExit) as error:
        summary = f"{doing}: {type(error).__name__}: {error}"
        if isinstance(error, ImportError) and (error.name or "").partition(".")[0] in OWN_PACKAGES:
            summary += f" (lrsweep's own packages hide modules called {', '.join(OWN_PACKAGES)}: rename yours)"
        raise TaskError(summary, user_traceback(error)) from error


def forget_earlier() -> None:
    """Lets what the user's code has imported be imported anew.

    A process may run one sweep after another: the next task's `helpers.py` must not be the last one's, nor an
    edited file's old self.
    """
    if not _others:
        _others.update(sys.modules)
    for name in local_modules(_folders):
        if name not in _others:
            del sys.modules[name]
    importlib.invalidate_caches()


def _bind_own_packages() -> None:
    # Before the user's folder comes first on the path: a `migrations` of theirs would take the place of ours.
    for name in OWN_PACKAGES:
        if find_spec(name) is not None:
            importlib.import_module(name)


def _put_first(folder: Path) -> None:
    # It stays there, so that imports inside of functions work; first, as when Python runs a file.
    _folders.add(folder)
    if str(folder) in sys.path:
        sys.path.remove(str(folder))
    sys.path.insert(0, str(folder))


def _imported(file: Path) -> ModuleType | None:
    for name in local_modules([file.parent]):
        module = sys.modules[name]
        if name not in _others and Path(str(module.__file__)).resolve() == file.resolve():
            return module
    return None


def _free_name(file: Path) -> str:
    """The file's own name, by which its siblings may import it, unless another module has that name."""
    name = re.sub(r"\W|^(?=\d)", "_", file.stem)
    while _is_taken(name, file):
        name += "_task"
    return name


def _is_taken(name: str, file: Path) -> bool:
    if name in sys.modules or name in sys.stdlib_module_names:
        return True
    found = find_spec(name)
    return found is not None and (found.origin is None or Path(found.origin).resolve() != file.resolve())


def _run(name: str, file: Path) -> ModuleType:
    spec = spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _import(reference: ModuleReference) -> ModuleType:
    with users_code(f"{reference.module} failed while it was imported"):
        try:
            return importlib.import_module(reference.module)
        except ModuleNotFoundError as error:
            # Only the module itself or a package around it: what it imports in turn is the user's own error.
            if error.name and f"{reference.module}.".startswith(f"{error.name}."):
                raise UserError(missing_module(reference)) from None
            raise
