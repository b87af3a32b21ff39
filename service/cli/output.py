"""Where output goes: results on standard output, everything else on standard error."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

from rich.console import Console


def print_json(document: Any) -> None:
    """Prints one JSON document, and nothing else, on standard output."""
    print(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False))


@contextmanager
def output_kept_clear() -> Iterator[None]:
    """Sends to standard error what others print on standard output meanwhile, libraries and child processes too."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def results() -> Console:
    """The console for results; wide enough for a table when piped."""
    return Console(width=None if sys.stdout.isatty() else 160, highlight=False)


def notes() -> Console:
    """The console for progress, logs and hints."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def number(value: float | None, digits: int = 4) -> str:
    """A number for a table cell.

    >>> number(0.000123456), number(None)
    ('0.0001235', '-')
    """
    return "-" if value is None else f"{value:.{digits}g}"
