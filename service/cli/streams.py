"""Standard streams of a command that are closed, full or without a reader."""

import io
import os
import sys
from typing import Any, TextIO


class _Output(io.FileIO):
    """Standard output, which remembers why it could not be written."""

    error: OSError | None = None

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            self.error = error
            raise


class _Words(io.FileIO):
    """Standard error, which forgets what cannot be written: its disk is full, its terminal or its reader gone."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)


def stand_ready() -> None:
    """Has all three streams open, and standard error take whatever is said there, whether or not it arrives.

    A stream that was closed before the command began would be the next file that is opened, a database say, and into
    that would go what others print; the null device takes its place.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = _text(_Output(1, "w", closefd=False), sys.stdout)
    sys.stderr = _text(_Words(2, "w", closefd=False), sys.stderr)


def _text(file: io.FileIO, like: TextIO | None) -> TextIO:
    like = like or io.TextIOWrapper(io.BytesIO())
    return io.TextIOWrapper(
        io.BufferedWriter(file),
        encoding=like.encoding,
        errors=like.errors,
        line_buffering=bool(like.line_buffering),
        write_through=getattr(like, "write_through", False),
    )


def output_error() -> OSError | None:
    """Why standard output could not be written; None if all that was said there is written, or waits to be."""
    file = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return file.error if isinstance(file, _Output) else None


def drop_output() -> None:
    """Gives up what waits to be written on standard output, and all that is said there from now on."""
    sys.stdout = io.StringIO()
