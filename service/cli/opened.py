"""Stores and servers that a command has opened, closed when it has ended."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from typing import TypeVar

Opened = TypeVar("Opened")

_OPENED: ContextVar[ExitStack] = ContextVar("opened")


@contextmanager
def opened_here_is_closed() -> Iterator[None]:
    """Closes at its end what `closed_later` was given within.

    >>> with opened_here_is_closed():
    ...     file = closed_later(open("/dev/null"))
    >>> file.closed
    True
    """
    with ExitStack() as opened:
        token = _OPENED.set(opened)
        try:
            yield
        finally:
            _OPENED.reset(token)


def closed_later(opened: AbstractContextManager[Opened]) -> Opened:
    """Enters what has a `with` of its own; the `opened_here_is_closed` around it closes it."""
    return _OPENED.get().enter_context(opened)
