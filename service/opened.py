"""The store or the server that a command, or a notebook's line, reads: opened by what names it, closed at its end."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from service.archive import Archive
    from service.remote.archive import RemoteArchive
    from service.store import Store

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


def open_archive(store: str | None, server: str | None) -> "Archive":
    """The sweeps that a command reads: a server's if one is named, else those of a store."""
    return open_server(store, server) or _open(store)


def open_server(store: str | None, server: str | None) -> "RemoteArchive | None":
    """The server that a command talks to, if one is named: a flag goes before LRSWEEP_SERVER, --store too."""
    from sweeps.errors import UserError

    if store is not None and server is not None:
        raise UserError("--store and --server name two places: leave one of them out")
    if not (url := named_server(store, server)):
        return None
    from service.remote.archive import RemoteArchive
    from service.remote.http import Connection

    return RemoteArchive(closed_later(Connection.open(url)))


def named_server(store: str | None, server: str | None) -> str | None:
    """The URL of the server that a command talks to, if one is named."""
    return server or (os.environ.get("LRSWEEP_SERVER") if store is None else None)


def open_here(store: str | None) -> "Store":
    """The store, for what no server does for others. Raises UserError where LRSWEEP_SERVER says to ask one."""
    from sweeps.errors import UserError

    if store is None and os.environ.get("LRSWEEP_SERVER"):
        raise UserError(
            "this works on the store itself and not through LRSWEEP_SERVER: run it where the store is, with --store "
            "URL, or unset LRSWEEP_SERVER"
        )
    return _open(store)


def _open(store: str | None) -> "Store":
    from service.home import Home
    from service.store import Store

    return closed_later(Store.open(Home.find(store=store).store_url))
