"""Whether the process lives, whether it can work, and how it does: for orchestrators and Prometheus."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from service.api.answers import answers, problems
from service.api.auth import Reader
from service.api.context import Ctx
from service.api.metrics import MEDIA_TYPE
from service.api.models import Health
from service.api.problems import problem
from service.api.replies import reply

router = APIRouter(tags=["operation"])


@router.get("/health", responses={200: {"model": Health}, **problems(403, 413, 421)})
async def health(request: Request) -> Response:
    """That this process answers; asks nobody else."""
    return reply(request, {"status": "ok"})


@router.get("/ready", responses={200: {"model": Health}, **problems(403, 413, 421, 503)})
def ready(request: Request, ctx: Ctx) -> Response:
    """That the store answers and has this version's tables."""
    if not ctx.store.is_current():
        return problem(
            503, "the store's tables are of another version: run `lrsweep db upgrade`, or start this version"
        )
    return reply(request, {"status": "ok"})


@router.get(
    "/metrics",
    responses={**answers(None), 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    response_class=Response,
)
def metrics(ctx: Ctx, who: Reader) -> Response:
    """Sweeps by status, trials by outcome, requests and their time, as Prometheus reads them."""
    return Response(ctx.metrics.text(), media_type=MEDIA_TYPE)
