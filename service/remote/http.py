"""Requests to a server, and what its errors mean for the user here."""

import json
import os
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx2

from service.store.refusals import Conflict, NotFound
from sweeps.errors import EnvironmentFailure, Problem, SpecError, UserError

_SECONDS = 30.0


class Connection:
    """One server, with this user's token."""

    def __init__(self, url: str, token: str | None, *, transport: httpx2.BaseTransport | None = None):
        """Connects on first use. Raises UserError for what is no http URL, or would send the token in the clear."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise UserError("a server's URL is such as https://sweeps.example.org or http://127.0.0.1:8400, no more")
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        wait = httpx2.HTTPTransport(retries=1) if transport is None else transport
        self._client = httpx2.Client(
            base_url=f"{self.url}/api/v1", headers=headers, timeout=_SECONDS, transport=wait, trust_env=True
        )

        # A command ends without a word to what it opened.
        self.close = weakref.finalize(self, self._client.close)

    @classmethod
    def open(cls, url: str) -> Self:
        """A connection with the token of the environment (LRSWEEP_TOKEN)."""
        return cls(url, os.environ.get("LRSWEEP_TOKEN") or None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, *path: str | int, **query: Any) -> Any:
        """The document at a path. Raises UserError, or EnvironmentFailure if the server is away."""
        return self._ask("GET", path, params={key: value for key, value in query.items() if value is not None})

    def post(self, *path: str | int, document: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """What the server says to a document. Raises as `get`."""
        body = {} if document is None else {"json": document}
        return self._ask("POST", path, headers=dict(headers or {}), **body)

    @contextmanager
    def stream(self, *path: str | int, last: int) -> Iterator[Iterator[tuple[str, int | None, Any]]]:
        """The events of a stream after an id: kind, id, document. Raises httpx2.TransportError where it breaks."""
        headers = {"Last-Event-ID": str(last)} if last else {}
        with self._client.stream("GET", _path(path), headers=headers, timeout=httpx2.Timeout(_SECONDS)) as answer:
            if answer.status_code >= 300:
                answer.read()
                _refuse(answer)
            yield _events(answer.iter_lines())

    def _ask(self, method: str, path: tuple[str | int, ...], **request: Any) -> Any:
        try:
            answer = self._client.request(method, _path(path), **request)
        except httpx2.TransportError as error:
            raise EnvironmentFailure(
                f"the server {self.url} cannot be reached: {error or type(error).__name__}. See that it runs, and that "
                "--server or LRSWEEP_SERVER names it"
            ) from error
        if answer.status_code >= 300:
            _refuse(answer)
        return answer.json()


def _path(parts: tuple[str | int, ...]) -> str:
    """A path of parts that may hold anything.

    >>> _path(("sweeps", "a/../b", 3))
    '/sweeps/a%2F..%2Fb/3'
    """
    return "".join(f"/{quote(str(part), safe='')}" for part in parts)


def _events(lines: Iterator[str]) -> Iterator[tuple[str, int | None, Any]]:
    """The events in the lines of a stream.

    >>> list(_events(iter([": still here", "", "id: 3", "event: report", 'data: {"epoch":1}', ""])))
    [('report', 3, {'epoch': 1})]
    """
    fields: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        elif "data" in fields:
            yield (
                fields.get("event", "message"),
                int(fields["id"]) if "id" in fields else None,
                json.loads(fields["data"]),
            )
            fields = {}
        else:
            fields = {}


def _refuse(answer: httpx2.Response) -> None:
    """Raises what the server's problem is to the user."""
    try:
        problem = answer.json()
        detail = str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        where = answer.request.url.copy_with(userinfo=b"")
        raise UserError(
            f"{where} answered with status {answer.status_code} and not as lrsweep does: see that --server names one"
        ) from None
    mistakes = [Problem(path=each["path"], message=each["message"]) for each in problem.get("problems", ())]
    match answer.status_code:
        case 401:
            raise UserError(f"{detail} (here: LRSWEEP_TOKEN)")
        case 404:
            raise NotFound(detail)
        case 409:
            raise Conflict(detail)
        case 422 if mistakes:
            raise SpecError(mistakes)
        case status if status >= 500 or status == 429:
            raise EnvironmentFailure(detail)
    raise UserError(detail)
