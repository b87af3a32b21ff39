"""Finds a class or function by its `package.module:name` path."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

_provided: dict[str, Any] = {}


def provide(objects: Mapping[str, Any]) -> None:
    """Says what paths name in the sweep that trains here now: what came with it, for it cannot be imported here."""
    _provided.clear()
    _provided.update(objects)


def load_class(path: str) -> Any:
    """What a path names: provided, or imported.

    >>> load_class("torch.optim:SGD").__name__
    'SGD'

    Raises ModuleNotFoundError or AttributeError if there is none.
    """
    if path in _provided:
        return _provided[path]
    module, _, name = path.rpartition(":")
    return getattr(import_module(module), name)
