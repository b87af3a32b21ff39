"""What every request passes before anything is read of it: host, origin, size; and the headers of every answer."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import Refused

MOST_BYTES = 1 << 20
"""Of a request's body."""

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """ASGI middleware. Turns down foreign hosts and origins, and bodies that are too long, however they are sent."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str]):
        self._app, self._hosts = app, frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen, answered = 0, False

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > MOST_BYTES:
                raise _too_large()
            return message

        async def with_headers(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._check(Headers(scope=scope))
            await self._app(scope, limited, with_headers)
        except Refused as refused:
            if answered:
                raise
            await refused.response()(scope, receive, with_headers)

    def _check(self, headers: Headers) -> None:
        host = headers.get("host", "")
        if self._hosts and _name(host) not in self._hosts:
            raise Refused(
                421,
                f"this server does not go by the name '{_name(host)}': use one of {', '.join(sorted(self._hosts))}, or "
                "start it with `lrsweep serve --allowed-host NAME`",
            )
        # A page of another site, opened in a browser on this machine, must not command a server without tokens.
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            raise Refused(403, f"requests from pages of '{origin}' are not answered: this API is for programs")
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()):
            raise Refused(400, f"'{length}' is no Content-Length: give the number of bytes")
        if int(length) > MOST_BYTES:
            raise _too_large()


def _too_large() -> Refused:
    return Refused(413, f"a body of more than {MOST_BYTES} bytes: a spec is far shorter; send that alone")


def _name(host: str) -> str:
    """The name in a Host header, without its port.

    >>> _name("127.0.0.1:8400"), _name("[::1]:8400"), _name("API.example.org")
    ('127.0.0.1', '::1', 'api.example.org')
    """
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
