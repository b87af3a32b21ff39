"""Documents as JSON, with an ETag, so that whoever polls is told in a few bytes that nothing has changed."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from starlette.responses import Response


def reply(request: Request, document: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The document; or 304 if the client's `If-None-Match` says that it has it already."""
    body = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    sent = {"ETag": tag, "Cache-Control": "private, no-cache", **(headers or {})}
    if request.method == "GET" and _has(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=sent)
    return Response(body, status, sent, "application/json")


def _has(asked: str | None, tag: str) -> bool:
    """True if one of the tags is this, weak or strong.

    >>> _has('"a", W/"b"', '"b"'), _has("*", '"b"'), _has('"bb"', '"b"'), _has(None, '"b"')
    (True, True, False, False)
    """
    tags = [each.strip().removeprefix("W/") for each in (asked or "").split(",")]
    return tag in tags or "*" in tags
