"""What a route may answer, for its OpenAPI page."""

from typing import Any

from pydantic import BaseModel

from service.api.models import ProblemDocument
from service.api.problems import MEDIA_TYPE

Responses = dict[int | str, dict[str, Any]]

_WORDS = {
    400: "The request cannot be understood.",
    401: "There is no valid token.",
    403: "The token's scope does not reach, or the request comes from a web page.",
    404: "There is no such thing.",
    409: "It is in a state in which this cannot be done.",
    413: "The body is too long.",
    415: "The body is of another kind.",
    421: "The server does not go by that name.",
    422: "Something in the request is wrong; `problems` says what and where.",
    429: "Too many requests; `Retry-After` says when to come back.",
    503: "The store is away.",
}
_ALWAYS = (400, 401, 403, 413, 421, 422, 429, 503)


def answers(model: type[BaseModel] | Any, *others: int, status: int = 200, cached: bool = False) -> Responses:
    """A document of this model, or the problems that every route and this one may have."""
    found: Responses = {status: {"model": model}}
    if cached:
        found[304] = {"description": "Nothing has changed since the ETag in `If-None-Match`."}
    return found | problems(*_ALWAYS, *others)


def problems(*statuses: int) -> Responses:
    """The problems of these statuses."""
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {
        status: {"description": _WORDS[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({*statuses})
    }


def describe_problems(schema: dict[str, Any]) -> None:
    """Adds what `problems` refers to to an OpenAPI page."""
    template = "#/components/schemas/{model}"
    found = ProblemDocument.model_json_schema(ref_template=template)
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(found.pop("$defs"))
    schemas["ProblemDocument"] = found
