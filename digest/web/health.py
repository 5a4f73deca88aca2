"""For machines that watch over this one: alive, ready, and a few numbers."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, time

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from digest.errors import DigestError
from digest.store import papers as paper_store
from digest.store.schema import newest_revision, present_revision
from digest.web.context import Context, WebContext

_log = logging.getLogger("digest.web")
router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def alive() -> Response:
    """Say that this process answers; nothing else is looked at."""
    return PlainTextResponse("ok\n")


@router.get("/readyz")
def ready(context: Context) -> Response:
    """Say whether this process can serve: the database is there and in the present shape."""
    try:
        present = present_revision(context.container.database)
    except DigestError as error:
        _log.error("%s", error)
        return JSONResponse({"ready": False, "why": "The database cannot be used."}, 503)
    if present != newest_revision():
        return JSONResponse({"ready": False, "why": "The database is from another version."}, 503)
    return JSONResponse({"ready": True})


@router.get("/metrics")
def metrics(context: Context) -> Response:
    """Return a few numbers in the text format of Prometheus; nothing about subscribers."""
    lines = "".join(f"{line}\n" for line in _lines(context))
    return Response(lines, media_type="text/plain; version=0.0.4; charset=utf-8")


def _lines(context: WebContext) -> Iterator[str]:
    with context.container.database.read() as connection:
        count = paper_store.count_papers(connection)
        newest_on = paper_store.newest_announcement(connection, context.now().date())
    yield "# TYPE digest_papers gauge"
    yield f"digest_papers {count}"
    if newest_on is not None:
        age = context.now() - datetime.combine(newest_on, time(), UTC)
        yield "# TYPE digest_newest_paper_age_seconds gauge"
        yield f"digest_newest_paper_age_seconds {age.total_seconds():.0f}"
    yield "# TYPE digest_web_answers_total counter"
    for status, answers in sorted(context.answers.items()):
        yield f'digest_web_answers_total{{status="{status}"}} {answers}'
