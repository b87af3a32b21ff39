"""Errors as `application/problem+json` (RFC 9457): what came, what is allowed, what to do."""

import http
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from service.store import Conflict, NotFound
from sweeps.errors import EnvironmentFailure, Problem, SpecError, UserError

MEDIA_TYPE = "application/problem+json"

_LOG = logging.getLogger("lrsweep.api")
_AWAY = (
    "the store cannot be read or written just now; nothing was lost: try again in a few seconds. The reason is in the "
    "server's log"
)


class Refused(Exception):
    """A request that is turned down before it is answered."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None):
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})

    def response(self) -> Response:
        """What is sent."""
        return problem(self.status, self.detail, headers=self.headers)


def problem(
    status: int, detail: str, *, problems: Sequence[Problem] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """An error: its status in words, the sentence, and where the mistakes are, if it is about several."""
    document: dict[str, Any] = {"title": http.HTTPStatus(status).phrase, "status": status, "detail": detail}
    if problems:
        document["problems"] = [{"path": each.path, "message": each.message} for each in problems]
    return Response(json.dumps(document), status, dict(headers or {}), MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Lets every error of ours come out as a problem."""

    @app.exception_handler(Refused)
    def refused(_: Request, error: Refused) -> Response:
        return error.response()

    @app.exception_handler(NotFound)
    def not_found(_: Request, error: NotFound) -> Response:
        return problem(404, str(error))

    @app.exception_handler(Conflict)
    def conflict(_: Request, error: Conflict) -> Response:
        return problem(409, str(error))

    @app.exception_handler(SpecError)
    def spec(_: Request, error: SpecError) -> Response:
        return problem(422, str(error), problems=error.problems)

    @app.exception_handler(UserError)
    def user(_: Request, error: UserError) -> Response:
        return problem(400, str(error))

    @app.exception_handler(EnvironmentFailure)
    def environment(_: Request, error: EnvironmentFailure) -> Response:
        # Its words name places of the server's, which are none of the client's business.
        _LOG.error("%s", error)
        return problem(503, _AWAY, headers={"Retry-After": "5"})

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> Response:
        problems = [_of_pydantic(each) for each in error.errors()]
        detail = "; ".join(map(str, problems))
        return problem(422, detail, problems=problems)

    @app.exception_handler(HTTPException)
    def other(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return problem(404, f"there is nothing at {request.url.path}; /api/v1/openapi.json says what there is")
        detail = f"{request.method} {request.url.path}: {error.detail}"
        return problem(error.status_code, detail, headers=error.headers)

    @app.exception_handler(Exception)
    def bug(_: Request, error: Exception) -> Response:
        return problem(500, "a bug in lrsweep, of which the server's log says more; please report it")


def _of_pydantic(error: Mapping[str, Any]) -> Problem:
    path = ".".join(str(part) for part in error["loc"])
    return Problem(path=path, message=f"{error['msg']}, got {str(error.get('input'))[:100]!r}")
