"""A sweep's events as they happen: server-sent events, as the HTML standard has them."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from service.api.answers import Responses, answers
from service.api.auth import Reader
from service.api.context import Context, Ctx
from service.api.follower import Follower
from service.api.problems import Refused
from service.api.sweeps import Ref
from sweeps.errors import EnvironmentFailure

router = APIRouter(prefix="/api/v1/sweeps/{ref}", tags=["results"])

_LARGEST = 2**63 - 1
_EVENT = {
    "type": "object",
    "description": "`data` is the JSON of a RangeTestDocument, ReportDocument, Trial or Summary.",
    "required": ["event", "data"],
    "properties": {
        "event": {"enum": ["range-test", "report", "trial", "sweep"]},
        "data": {"type": "string"},
        "id": {"type": "string", "description": "Of reports: send the last as `Last-Event-ID` to go on after it."},
    },
}
_ANSWERS: Responses = {
    200: {
        "description": "Events `range-test`, `report` (with its id), `trial` (when one ends) and `sweep` (when its row "
        "of the list changes), until the sweep ends.",
        "content": {"text/event-stream": {"schema": _EVENT}},
    },
    204: {"description": "The sweep has ended and there is nothing after that id: do not ask again."},
}


@router.get("/events", responses={**answers(None, 404), **_ANSWERS}, response_class=StreamingResponse)
def events(
    ctx: Ctx,
    who: Reader,
    ref: Ref,
    after: Annotated[int, Query(description="Only reports after this id.", ge=0, le=_LARGEST)] = 0,
    last_event_id: Annotated[
        int | None, Header(description="As `after`; a browser sends it.", ge=0, le=_LARGEST)
    ] = None,
) -> Response:
    """Follows a sweep. A client that was cut off sends the last id it saw; trials that ended are then said again."""
    sweep_id = ctx.store.resolve(ref)
    last = after if last_event_id is None else last_event_id
    over = last_event_id is not None and ctx.store.sweep(sweep_id).status.ended
    if over and not ctx.store.reports(sweep_id, after=last, limit=1):
        return Response(status_code=204)
    if not ctx.streams.acquire(blocking=False):
        raise Refused(
            503,
            f"{ctx.settings.streams} streams are open already: close one, or read /reports from time to time",
            {"Retry-After": "10"},
        )
    follower = Follower(ctx.store, sweep_id, last)
    return StreamingResponse(
        _stream(ctx, follower), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def _stream(ctx: Context, follower: Follower) -> AsyncIterator[bytes]:
    try:
        spoke = time.monotonic()
        while not follower.over:
            try:
                news = await run_in_threadpool(follower.news)
            except EnvironmentFailure:
                # The client comes back with the last id, and then hears whether the store is there again.
                return
            if news:
                yield b"".join(news)
                spoke = time.monotonic()
            elif time.monotonic() - spoke > ctx.settings.keep_alive:
                yield b": still here\n\n"
                spoke = time.monotonic()
            if not follower.over:
                await asyncio.sleep(ctx.settings.poll)
    finally:
        ctx.streams.release()
