"""Whole sweeps: submit, list, show, cancel, retry, resume."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from starlette.responses import Response

from service.api.answers import answers
from service.api.auth import Identity, Reader, Submitter
from service.api.context import Context, Ctx
from service.api.intake import JSON_TYPES, YAML_TYPES, take_in
from service.api.models import SPEC_EXAMPLE, SPEC_SCHEMA, Overview, Summary, SummaryPage
from service.api.replies import reply
from service.records import Status
from service.views import sweep_overview, sweep_summary

router = APIRouter(prefix="/api/v1/sweeps", tags=["sweeps"])

Ref = Annotated[str, Path(description="A sweep's id, the start of one, or `last`.", min_length=1, max_length=64)]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Any text of your own: a repetition with the same key and spec gives the sweep of the first time.",
        min_length=1,
        max_length=200,
        pattern=r"^[!-~]+$",
    ),
]
_BODY = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": SPEC_SCHEMA, "example": SPEC_EXAMPLE} for kind in (JSON_TYPES[0], YAML_TYPES[0])},
    }
}


async def _body(request: Request) -> bytes:
    return await request.body()


@router.post(
    "",
    status_code=201,
    responses={**answers(Overview, 409, 415, status=201), 200: {"model": Overview}},
    openapi_extra=_BODY,
)
def submit(
    request: Request,
    ctx: Ctx,
    who: Submitter,
    body: Annotated[bytes, Depends(_body)],
    content_type: Annotated[str, Header(include_in_schema=False)] = "",
    key: Key = None,
) -> Response:
    """Queues a sweep for a coordinator. 201: it is new; 200: the idempotency key stood for it already."""
    intake = take_in(body, content_type, ctx.settings.policy)
    spec = intake.spec
    record, new = ctx.store.submit(
        name=spec.name,
        task=spec.task.use,
        spec=intake.raw,
        total_trials=spec.total_trials,
        findings=intake.findings,
        submitted_by=who.name,
        key=key,
    )
    headers = {"Location": f"/api/v1/sweeps/{record.id}"}
    return reply(request, sweep_overview(record), status=201 if new else 200, headers=headers)


@router.get("", responses=answers(SummaryPage, 404, cached=True))
def list_sweeps(
    request: Request,
    ctx: Ctx,
    who: Reader,
    status: Annotated[Status | None, Query(description="Only those of this status.")] = None,
    before: Annotated[str | None, Query(description="Only those older than this sweep.", max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Response:
    """The sweeps, newest first, a page at a time."""
    found = ctx.store.sweeps(limit=limit + 1, before=before, status=status)
    page = found[:limit]
    following = page[-1].id if len(found) > limit else None
    return reply(request, {"items": [sweep_summary(each) for each in page], "next": following})


@router.get("/{ref}", responses=answers(Overview, 404, cached=True))
def show(request: Request, ctx: Ctx, who: Reader, ref: Ref) -> Response:
    """One sweep: what it is and where it stands."""
    return reply(request, sweep_overview(ctx.store.sweep(ctx.store.resolve(ref))))


@router.post("/{ref}/cancel", responses=answers(Summary, 404))
def cancel(request: Request, ctx: Ctx, who: Submitter, ref: Ref) -> Response:
    """Asks a running sweep to stop within an epoch, or cancels one that waits; one that has ended stays so."""
    sweep_id = _to_change(ctx, who, ref)
    return reply(request, sweep_summary(ctx.store.request_cancel(sweep_id)))


@router.post("/{ref}/retry", status_code=202, responses=answers(Summary, 404, 409, status=202))
def retry(request: Request, ctx: Ctx, who: Submitter, ref: Ref) -> Response:
    """Queues a sweep again, its FAILED trials from their start."""
    sweep_id = _to_change(ctx, who, ref)
    return reply(request, sweep_summary(ctx.store.requeue(sweep_id, retry_failed=True)), status=202)


@router.post("/{ref}/resume", status_code=202, responses=answers(Summary, 404, 409, status=202))
def resume(request: Request, ctx: Ctx, who: Submitter, ref: Ref) -> Response:
    """Queues a sweep again that was interrupted or has failed, to go on where it stopped."""
    sweep_id = _to_change(ctx, who, ref)
    return reply(request, sweep_summary(ctx.store.requeue(sweep_id)), status=202)


def _to_change(ctx: Context, who: Identity, ref: str) -> str:
    sweep_id = ctx.store.resolve(ref)
    who.refuse_others(ctx.store.sweep(sweep_id))
    return sweep_id
