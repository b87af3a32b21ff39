"""Tracebacks as the user wants them: from the first line of their own code on."""

import traceback
from collections.abc import Callable, Iterator
from types import TracebackType

from workers.usercode import is_installed, is_own


def user_traceback(error: BaseException) -> str:
    """The error's traceback without the frames that led to the user's code.

    It starts at the first frame of the user's own; where there is none (a task from an installed package), at
    the first that is not lrsweep's; where all are lrsweep's, at the very first, for that is a bug of ours. A
    SyntaxError names its own place, so frames of the importer are dropped altogether.
    """
    first = _first(error, lambda file: not is_own(file) and not is_installed(file))
    if first is None and not isinstance(error, SyntaxError):
        foreign = _first(error, lambda file: not is_own(file) and not file.startswith("<frozen"))
        first = foreign or error.__traceback__
    return "".join(traceback.format_exception(type(error), error, first))


def _first(error: BaseException, wanted: Callable[[str], bool]) -> TracebackType | None:
    return next((link for link in _links(error) if wanted(link.tb_frame.f_code.co_filename)), None)


def _links(error: BaseException) -> Iterator[TracebackType]:
    link = error.__traceback__
    while link is not None:
        yield link
        link = link.tb_next
