"""For monitoring: whether the process is alive, whether it is ready, and its metrics."""

import logging
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from digest.errors import DigestError
from digest.store.schema import newest_revision, present_revision
from digest.web.context import Context

_log = logging.getLogger("digest.web")
router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def alive() -> Response:
    """Return 200 while the process answers; check nothing else."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
def ready(context: Context) -> Response:
    """Return 200 if the database can be reached and has the present schema, else 503."""
    try:
        present = present_revision(context.container.database)
    except DigestError as error:
        _log.error("%s", error)
        return JSONResponse({"ready": False, "why": "The database cannot be used."}, 503)
    if present != newest_revision():
        return JSONResponse({"ready": False, "why": "The database is from another version."}, 503)
    return JSONResponse({"ready": True})


@router.get("/metrics")
def metrics(context: Context, authorization: Annotated[str, Header()] = "") -> Response:
    """Return the metrics that everybody may see; with the token, all. A wrong token is refused."""
    found = context.metrics
    if not authorization:
        return Response(found.public(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
    if not found.allows_all(authorization):
        problem = "The token is not the one in DIGEST_METRICS_TOKEN.\n"
        return PlainTextResponse(problem, 401, {"WWW-Authenticate": "Bearer"})
    return Response(found.all(), media_type=CONTENT_TYPE_PLAIN_0_0_4)
