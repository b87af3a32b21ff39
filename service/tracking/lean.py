"""mlflow without the libraries that only its models and data sets need: half of the time that importing it takes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from service.tracking.client import load_mlflow

_NOT_NEEDED = ("pandas", "pyarrow", "scipy", "sklearn")
"""What mlflow loads where it is installed, and does without where it is not: mlflow-skinny comes without them."""


def load_lean_mlflow() -> Any:
    """The mlflow package for a process that only tracks; how much it loads is not known to the rest of the process.

    For a version of mlflow that cannot do without one of them, all of it is loaded.
    """
    try:
        with _hidden(_NOT_NEEDED):
            return load_mlflow()
    except ImportError:
        for half_loaded in [name for name in sys.modules if name.partition(".")[0] == "mlflow"]:
            del sys.modules[half_loaded]
        return load_mlflow()


@contextmanager
def _hidden(names: tuple[str, ...]) -> Iterator[None]:
    """Has importing what is not loaded yet raise ImportError meanwhile."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
