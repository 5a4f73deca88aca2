"""The web application: routes, error pages, start and shutdown.

`digest.web.app:application` is the factory for uvicorn; it reads the settings from the environment.
"""

import gc
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from threading import Event, Thread

from anyio import to_thread
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from digest.clock import utc_now
from digest.errors import BadInput, BadLink, DigestError, NotFound, StopRun, TryLater
from digest.settings import read_settings
from digest.text.languages import gettext, gettext_noop
from digest.web import (
    api,
    daily,
    feedback,
    feeds,
    health,
    home,
    listings,
    operator,
    opinions,
    papers,
    preferences,
    signup,
    teams,
    web_view,
    webhooks,
)
from digest.web.context import RECHECK, WebContext
from digest.web.metrics import count_answer
from digest.web.middleware import Safety
from digest.web.page_language import answer_language
from digest.web.visitors import warm_examples
from digest.wiring import VERSION, Container, start_reporting

HEADINGS = {
    400: gettext_noop("That did not work"),
    403: gettext_noop("This link does not work"),
    404: gettext_noop("There is nothing here"),
    405: gettext_noop("There is nothing here"),
    413: gettext_noop("That is too much"),
    422: gettext_noop("That did not work"),
    429: gettext_noop("Too many requests"),
    503: gettext_noop("Temporarily unavailable"),
}
_STATUS: dict[type[DigestError], int] = {
    BadInput: 422,
    BadLink: 403,
    NotFound: 404,
    TryLater: 429,
    StopRun: 503,
}
_THREADS = 8
"""Requests that one process works on at once; the others wait."""
_SWITCH_SECONDS = 0.001
"""How long a thread may keep the interpreter. Python's default of 5 ms adds up over the steps of a response."""
_log = logging.getLogger("digest.web")
_UNAVAILABLE = gettext_noop("The papers are not available right now; please try again in a few minutes.")


def create_app(container: Container, recheck: timedelta = RECHECK, stopping: Event | None = None) -> FastAPI:
    """Return the web application of an installation.

    New papers show after `recheck` at the latest. `stopping` is set when the server stops.
    """
    app = FastAPI(
        title="Trending papers",
        version=VERSION,
        description="Papers, search and trending lists as JSON. No key is needed.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        # The redirect would go to the host that the client names.
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    context = WebContext(container, recheck, stopping or Event())
    app.state.context = context
    for group in (
        home,
        listings,
        daily,
        signup,
        teams,
        preferences,
        feedback,
        opinions,
        web_view,
        papers,
        feeds,
        webhooks,
        health,
        operator,
    ):
        app.include_router(group.router)
    app.include_router(api.router)
    app.include_router(api.pages)
    app.mount("/static", _Static(directory=context.static))
    app.add_exception_handler(DigestError, _handle_digest_error)
    app.add_exception_handler(RequestValidationError, _handle_invalid_request)
    app.add_exception_handler(HTTPException, _handle_http_error)
    app.add_middleware(
        Safety,
        problem=partial(error_response, context),
        https=context.base_url.startswith("https:"),
        count_answer=count_answer,
    )
    return app


def application() -> FastAPI:
    """Return the application for the settings of the environment. Raises BadInput for an invalid setting."""
    stopping, settings = Event(), read_settings()
    start_reporting(settings)
    return create_app(Container(settings, utc_now, stopping.is_set), stopping=stopping)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Prepare in a thread while the first requests are served; stop the request worker at the end."""
    # The event loop serves cached pages while threads search. More threads would wait for each other and for
    # the fifteen database connections, and the loop for all of them.
    to_thread.current_default_thread_limiter().total_tokens = _THREADS
    sys.setswitchinterval(_SWITCH_SECONDS)
    context: WebContext = app.state.context
    Thread(target=_prepare, args=(context,), daemon=True).start()
    context.request_worker.start()
    context.alarm_watch.start()
    yield
    await to_thread.run_sync(context.request_worker.stop)


def _prepare(context: WebContext) -> None:
    context.warm()
    warm_examples(context)
    # The prepared objects live as long as the process. A full garbage collection that traverses them takes 0.1 s.
    gc.collect()
    gc.freeze()


class _Static(StaticFiles):
    """Static files. Browsers may cache them for ever, because their URLs change with their content."""

    def file_response(self, *args: object, **named: object) -> Response:
        response = super().file_response(*args, **named)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def error_response(context: WebContext, path: str, status: int, message: str) -> Response:
    """Return an error as JSON below /api/, and as a page elsewhere."""
    if path.startswith("/api/"):
        return JSONResponse({"error": message}, status)
    heading = gettext(HEADINGS.get(status, HEADINGS[400]))
    return context.private_page("problem.html", status, heading=heading, message=message)


def _handle_digest_error(request: Request, error: Exception) -> Response:
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 503)
    message = str(error)
    with answer_language():
        if status == 503:
            # The message is for the operator.
            _log.error("%s", message)
            message = gettext(_UNAVAILABLE)
        response = error_response(request.app.state.context, request.url.path, status, message)
    if isinstance(error, TryLater) and error.seconds is not None:
        response.headers["Retry-After"] = f"{error.seconds:.0f}"
    return response


def _handle_invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if request.url.path.startswith("/api/"):
        first = next(iter(error.errors()), {"loc": ("",), "msg": ""})
        message = f"{first['loc'][-1]}: {first['msg']}."
    else:
        message = gettext("This could not be read; please go back and try again.")
    return error_response(request.app.state.context, request.url.path, 422, message)


def _handle_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    messages = {
        404: gettext("This page does not exist; look at what is trending, or search."),
        405: gettext("This page does not support that."),
    }
    message = messages.get(
        error.status_code, gettext("This could not be read; please go back and try again.")
    )
    response = error_response(request.app.state.context, request.url.path, error.status_code, message)
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response
