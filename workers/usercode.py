"""Whose code is it: the user's own, an installed package's, or lrsweep's."""

import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from sweeps.taskref import OWN_PACKAGES

_HOME = Path(__file__).resolve().parents[1]
_OWN_FOLDERS = tuple(_HOME / name for name in (*OWN_PACKAGES, "tests", "benchmarks"))
_BUILTIN_TASKS = _HOME / "workers" / "tasks"
_STANDARD_LIBRARY = tuple(
    {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")},
)


def is_own(filename: str) -> bool:
    """True for lrsweep's machinery; its built-in tasks are tasks like any other and do not count."""
    file = Path(filename).resolve()
    return _under(file, _OWN_FOLDERS) and not _under(file, [_BUILTIN_TASKS])


def is_installed(filename: str) -> bool:
    """True for the standard library and for packages that were installed rather than written here.

    >>> is_installed("<frozen importlib._bootstrap>"), is_installed("my_task.py")
    (True, False)
    """
    if filename.startswith("<frozen") or {"site-packages", "dist-packages"} & set(Path(filename).parts):
        return True
    return _under(Path(filename).resolve(), _STANDARD_LIBRARY)


def local_modules(folders: Iterable[Path]) -> tuple[str, ...]:
    """Names in sys.modules of the user's own modules that lie under these folders, sorted."""
    roots = [folder.resolve() for folder in folders]
    return tuple(sorted(name for name, module in list(sys.modules.items()) if _is_local(name, module, roots)))


def _is_local(name: str, module: object, roots: Iterable[Path]) -> bool:
    filename = getattr(module, "__file__", None)
    if name in ("__main__", "__mp_main__") or not isinstance(filename, str) or is_installed(filename):
        return False
    # Modules that are made and not read, torch.ops say, give a relative name to a file that is not there.
    if not Path(filename).is_absolute():
        return False
    file = Path(filename).resolve()
    return _under(file, roots) and not _under(file, _OWN_FOLDERS)


def _under(file: Path, folders: Iterable[Path]) -> bool:
    return any(file.is_relative_to(folder) for folder in folders)
