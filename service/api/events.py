"""A sweep's events as they happen: server-sent events, as the HTML standard has them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Header, Query
from starlette.responses import Response, StreamingResponse

from service.api.answers import Responses, answers
from service.api.auth import Reader
from service.api.context import Context, Ctx
from service.api.follower import Follower
from service.api.moment import Moment
from service.api.problems import Refused
from service.api.sweeps import Ref
from service.records import Pulse
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
    pulse = ctx.store.pulses([sweep_id])[sweep_id]
    if last_event_id is not None and pulse.status.ended and pulse.last_report <= last:
        return Response(status_code=204)
    if not ctx.streams.acquire(blocking=False):
        raise Refused(
            503,
            f"{ctx.settings.streams} streams are open already: close one, or read /reports from time to time",
            {"Retry-After": "10"},
        )
    return StreamingResponse(
        _stream(ctx, pulse, Follower(last)), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def _stream(ctx: Context, pulse: Pulse, follower: Follower) -> AsyncIterator[bytes]:
    try:
        async with ctx.watch.following(pulse) as watched:
            # Once the store is away, the client comes back with the last id, and then hears whether it is there again.
            while not watched.lost:
                bell = watched.bell
                try:
                    news = await to_thread.run_sync(_encoded, follower, watched.now, limiter=ctx.watch.turns)
                except EnvironmentFailure:
                    return
                if news:
                    yield news
                if follower.over:
                    return
                while not follower.more and not await _rings(bell, ctx.settings.keep_alive):
                    yield b": still here\n\n"
    finally:
        ctx.streams.release()


def _encoded(follower: Follower, now: Moment) -> bytes:
    return b"".join(event.encoded for event in follower.news(now))


async def _rings(bell: asyncio.Event, seconds: float) -> bool:
    """True once it rings, False if it has not within so long."""
    try:
        async with asyncio.timeout(seconds):
            await bell.wait()
    except TimeoutError:
        return False
    return True
