"""What a sweep found out: trials, curves, reports, range tests, picks."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from service.api.answers import answers
from service.api.auth import Reader
from service.api.context import Ctx
from service.api.models import CurveDocument, PickDocument, RangeTestDocument, ReportPage, Trial, TrialPage
from service.api.replies import reply
from service.api.sweeps import Ref
from service.views import curve_document, pick_documents, range_test_documents, report_document, trial_document

router = APIRouter(prefix="/api/v1/sweeps/{ref}", tags=["results"])

_LARGEST = 2**31 - 1
Number = Annotated[int, Path(description="A trial's number.", ge=0, le=_LARGEST)]


@router.get("/trials", responses=answers(TrialPage, 404, cached=True))
def trials(
    request: Request,
    ctx: Ctx,
    who: Reader,
    ref: Ref,
    after: Annotated[int, Query(description="Only trials of a higher number.", ge=-1, le=_LARGEST)] = -1,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Response:
    """The trials by number, a page at a time."""
    found = ctx.store.trials(ctx.store.resolve(ref), after=after, limit=limit + 1)
    page = found[:limit]
    following = page[-1].proposal.number if len(found) > limit else None
    return reply(request, {"items": [trial_document(each) for each in page], "next": following})


@router.get("/trials/{number}", responses=answers(Trial, 404, cached=True))
def trial(request: Request, ctx: Ctx, who: Reader, ref: Ref, number: Number) -> Response:
    """One trial."""
    return reply(request, trial_document(ctx.store.trial(ctx.store.resolve(ref), number)))


@router.get("/trials/{number}/curve", responses=answers(CurveDocument, 404, cached=True))
def curve(request: Request, ctx: Ctx, who: Reader, ref: Ref, number: Number) -> Response:
    """Training loss and LR of every step of a trial; empty while it has reported none."""
    sweep_id = ctx.store.resolve(ref)
    ctx.store.trial(sweep_id, number)
    return reply(request, curve_document(ctx.store.curve(sweep_id, number)))


@router.get("/reports", responses=answers(ReportPage, 404, cached=True))
def reports(
    request: Request,
    ctx: Ctx,
    who: Reader,
    ref: Ref,
    after: Annotated[int, Query(description="Only reports of a higher id.", ge=0, le=2**63 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
) -> Response:
    """The epochs of all trials in the order in which they came: what /events sends, without waiting."""
    page = ctx.store.reports(ctx.store.resolve(ref), after=after, limit=limit)
    following = page[-1].id if page else None
    return reply(request, {"items": [report_document(each) for each in page], "next": following})


@router.get("/range-tests", responses=answers(list[RangeTestDocument], 404, cached=True))
def range_tests(request: Request, ctx: Ctx, who: Reader, ref: Ref) -> Response:
    """The LR range tests by optimizer, with their curves and what every rule reads off them."""
    sweep_id = ctx.store.resolve(ref)
    return reply(request, range_test_documents(ctx.store, sweep_id, ctx.store.range_tests(sweep_id)))


@router.get("/picks", responses=answers(list[PickDocument], 404, cached=True))
def picks(request: Request, ctx: Ctx, who: Reader, ref: Ref) -> Response:
    """The best initial LR per optimizer and scheduler."""
    return reply(request, pick_documents(ctx.store, ctx.store.resolve(ref)))
