"""The web application: its routes, its errors as pages, and the strict layer around it all.

Serve it with uvicorn: `digest.web.app:application` makes it from the settings of the environment.
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
from digest.web import api, feedback, feeds, health, home, mails, papers, preferences, signup
from digest.web.context import RECHECK, WebContext
from digest.web.middleware import Safety
from digest.wiring import VERSION, Container

HEADINGS = {
    400: "That did not work",
    403: "This link does not work",
    404: "There is nothing here",
    405: "There is nothing here",
    413: "That is too much",
    422: "That did not work",
    429: "Too many requests",
    503: "Temporarily unavailable",
}
_STATUS: dict[type[DigestError], int] = {
    BadInput: 422,
    BadLink: 403,
    NotFound: 404,
    TryLater: 429,
    StopRun: 503,
}
_THREADS = 8
"""So many requests of a process are worked on at once; the others wait their turn."""
_SWITCH_SECONDS = 0.001
"""How long a thread may keep the others waiting; Python's own 5 ms add up over the steps of an answer."""
_log = logging.getLogger("digest.web")
_OUT_OF_ORDER = "The papers are not available right now; please try again in a few minutes."


def create_app(container: Container, recheck: timedelta = RECHECK, stopping: Event | None = None) -> FastAPI:
    """Return the web application over the parts of an installation.

    `recheck` is how long new papers may take to show. `stopping` is set when serving ends.
    """
    app = FastAPI(
        title="Trending papers",
        version=VERSION,
        description="Papers, search and trending lists as JSON. No key is needed.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        # The redirect would be to whatever host the caller named.
        redirect_slashes=False,
        lifespan=_serving,
    )
    context = WebContext(container, recheck, stopping or Event())
    app.state.context = context
    for group in (home, signup, preferences, feedback, mails, papers, feeds, health):
        app.include_router(group.router)
    app.include_router(api.router)
    app.include_router(api.pages)
    app.mount("/static", _Static(directory=context.static))
    app.add_exception_handler(DigestError, _foreseen)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _refused)
    app.add_middleware(
        Safety,
        problem=partial(problem, context),
        https=context.base_url.startswith("https:"),
        answers=context.answers,
    )
    return app


def application() -> FastAPI:
    """Return the application of the environment's settings. Raises BadInput for a setting that cannot be used."""
    stopping = Event()
    return create_app(Container(read_settings(), utc_now, stopping.is_set), stopping=stopping)


@asynccontextmanager
async def _serving(app: FastAPI) -> AsyncIterator[None]:
    """Prepare while the first requests are answered already."""
    # Pages come from one loop while searches run beside it; more threads would wait for each other and for
    # the database's fifteen connections, and the loop for all of them.
    to_thread.current_default_thread_limiter().total_tokens = _THREADS
    sys.setswitchinterval(_SWITCH_SECONDS)
    context: WebContext = app.state.context
    Thread(target=_prepare, args=(context,), daemon=True).start()
    context.request_worker.start()
    yield
    await to_thread.run_sync(context.request_worker.stop)


def _prepare(context: WebContext) -> None:
    context.warm()
    # What is there now stays: a full collection that looks at all of it holds up every answer for 0.1 s.
    gc.collect()
    gc.freeze()


class _Static(StaticFiles):
    """Files that browsers may keep for ever: their addresses change with their content."""

    def file_response(self, *args: object, **named: object) -> Response:
        response = super().file_response(*args, **named)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def problem(context: WebContext, path: str, status: int, message: str) -> Response:
    """Return an error as its caller reads it: JSON for programs, a page that helps for people."""
    if path.startswith("/api/"):
        return JSONResponse({"error": message}, status)
    heading = HEADINGS.get(status, "That did not work")
    return context.private_page("problem.html", status, heading=heading, message=message)


def _foreseen(request: Request, error: Exception) -> Response:
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 503)
    message = str(error)
    if status == 503:
        # These words are for whoever runs this.
        _log.error("%s", message)
        message = _OUT_OF_ORDER
    response = problem(request.app.state.context, request.url.path, status, message)
    if isinstance(error, TryLater) and error.seconds is not None:
        response.headers["Retry-After"] = f"{error.seconds:.0f}"
    return response


def _unreadable(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = next(iter(error.errors()), {"loc": ("",), "msg": ""})
    message = f"{first['loc'][-1]}: {first['msg']}."
    return problem(request.app.state.context, request.url.path, 422, message)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    messages = {
        404: "This page does not exist; look at what is trending, or search.",
        405: "This page does not support that.",
    }
    message = messages.get(error.status_code, "This could not be read; please go back and try again.")
    response = problem(request.app.state.context, request.url.path, error.status_code, message)
    for name, value in (error.headers or {}).items():
        response.headers[name] = value
    return response
