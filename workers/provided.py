"""Loads the classes and functions that a spec names by path, so that they can be sent to where the trials train."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch.optim import Optimizer

from sweeps.coderefs import CodeKind
from sweeps.errors import UserError
from sweeps.taskref import code_reference
from workers.imports import import_reference, user_folders
from workers.loading import attribute_of
from workers.usercode import local_modules


@dataclass(frozen=True, slots=True, kw_only=True)
class Provided:
    """What the paths name, by path; `local_modules` are names in sys.modules of modules that other machines lack."""

    objects: Mapping[str, Any]
    local_modules: tuple[str, ...] = ()


def load_provided(references: Mapping[str, CodeKind]) -> Provided:
    """Imports what a spec names by path, beside a task that has been loaded already.

    Raises UserError for what cannot be found or is not what it must be, TaskError for an error of its own code.
    """
    objects: dict[str, Any] = {}
    folders: set[Path] = set()
    for path, kind in references.items():
        reference = code_reference(path, kind)
        module = import_reference(reference, kind)
        folders.update(user_folders(module))
        found = attribute_of(module, reference, path)
        suits, must_be = _KINDS[kind]
        if not suits(found):
            raise UserError(f"'{path}' is {_in_words(found)}, and must be {must_be}")
        objects[path] = found
    return Provided(objects=objects, local_modules=local_modules(folders) if folders else ())


def _is_optimizer(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, Optimizer)


def _in_words(found: object) -> str:
    return f"the class {found.__name__}" if isinstance(found, type) else f"of type {type(found).__name__}"


_KINDS: Mapping[CodeKind, tuple[Callable[[Any], bool], str]] = {
    "optimizer": (_is_optimizer, "a subclass of torch.optim.Optimizer"),
    "function": (callable, "a function of the epoch, `def factor(epoch): return 0.95 ** epoch`"),
}
