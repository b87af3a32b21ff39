"""Finds a class by its `package.module:Class` path."""

from importlib import import_module
from typing import Any


def load_class(path: str) -> Any:
    """The class that a catalogue path names.

    >>> load_class("torch.optim:SGD").__name__
    'SGD'
    """
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
