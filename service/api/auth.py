"""Who asks, and what they may do."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.concurrency import run_in_threadpool

from service.api.context import Context, Ctx
from service.api.problems import Refused
from service.records import Scope, SweepRecord, TokenRecord

_BEARER = HTTPBearer(auto_error=False, description="A token from `lrsweep token create`.")
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="lrsweep"'}
_FORWARDED = frozenset(("forwarded", "x-forwarded-for", "x-real-ip"))
"""What a proxy adds: who comes through one is not of this machine, though the connection is."""
_NO_TOKEN = (
    "this server needs a token: send `Authorization: Bearer TOKEN`. Its operator makes them with `lrsweep token "
    "create`, and behind a proxy starts it with --require-token"
)
_LONGEST = 200
"""Characters of a token; ours have 47."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The token's name and scope; nobody's name where none was asked for."""

    name: str | None
    scope: Scope

    def refuse_unless(self, needed: Scope) -> None:
        """Raises Refused (403) if the scope does not reach."""
        if not self.scope.includes(needed):
            raise Refused(
                403,
                f"the token '{self.name}' has the scope {self.scope}, and this needs {needed}: ask the operator for "
                f"one made with `lrsweep token create NAME --scope {needed}`",
            )

    def refuse_others(self, sweep: SweepRecord) -> None:
        """Raises Refused (403) if this sweep is not for the bearer to change."""
        if not self.scope.includes(Scope.ADMIN) and sweep.submitted_by != self.name:
            whose = f"'{sweep.submitted_by}'" if sweep.submitted_by else "somebody without a token"
            raise Refused(
                403, f"sweep {sweep.id} was submitted by {whose}: only they, or a token of scope admin, may change it"
            )


async def _identify(
    request: Request, ctx: Ctx, bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)]
) -> Identity:
    """Who asks. Raises Refused: 401 without a valid token where one is needed, 429 for asking too often."""
    address = f"address {request.client.host}" if request.client else "nowhere"
    if "authorization" not in request.headers:
        _slow_down(ctx, address)
        if ctx.settings.anonymous and not _FORWARDED & set(request.headers):
            return Identity(name=None, scope=Scope.ADMIN)
        raise Refused(401, _NO_TOKEN, _CHALLENGE)
    token = await _token_of(ctx, bearer.credentials) if bearer and len(bearer.credentials) <= _LONGEST else None
    if token is None:
        _slow_down(ctx, address)
        raise Refused(
            401,
            "this token is not valid: it may have expired or been revoked; ask the operator for a new one and send it "
            "as `Authorization: Bearer TOKEN`",
            _CHALLENGE,
        )
    _slow_down(ctx, f"token {token.name}")
    return Identity(name=token.name, scope=token.scope)


async def _token_of(ctx: Context, secret: str) -> TokenRecord | None:
    return ctx.bearers.known(secret) or await run_in_threadpool(ctx.bearers.look_up, secret)


def _slow_down(ctx: Context, client: str) -> None:
    if wait := ctx.limiter.wait(client):
        seconds = math.ceil(wait)
        raise Refused(
            429,
            f"more than {ctx.settings.rate:g} requests a second from one client: wait {seconds} s; follow a sweep with "
            "/events instead of polling",
            {"Retry-After": str(seconds)},
        )


def _needs(scope: Scope) -> Callable[[Identity], Awaitable[Identity]]:
    async def check(who: Annotated[Identity, Depends(_identify)]) -> Identity:
        who.refuse_unless(scope)
        return who

    return check


Reader = Annotated[Identity, Depends(_needs(Scope.READ))]
Submitter = Annotated[Identity, Depends(_needs(Scope.SUBMIT))]
