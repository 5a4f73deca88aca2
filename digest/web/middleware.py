"""The outermost layer: security headers, a limit on request bodies, the language, a page for unexpected errors, a count.

There are no cookies, so another site's page cannot act in a subscriber's name: only the holder of a signed
link can.
"""

import logging
import time
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digest.text.languages import gettext, gettext_noop
from digest.web.page_language import answer_language, request_language

LARGEST_BODY = 1_000_000
"""Bytes of a request body. A pasted library of two thousand papers fits."""
LARGEST_UPLOAD = 9_000_000
"""The same for the form of preferences when it comes with a file, which is spooled to disk."""
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    # The links of a mail hold a token; the pages they link to must not receive it.
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_TOO_LARGE = gettext_noop("The text is too long; please go back and send a smaller part of it.")
_FAILED = gettext_noop("Something went wrong on our side; please try again in a minute.")
Problem = Callable[[str, int, str], Response]
"""Returns the response to a failed request, from its path, a status and a message."""
_log = logging.getLogger("digest.web")


class Safety:
    """ASGI middleware around the whole application."""

    def __init__(
        self,
        app: ASGIApp,
        problem: Problem,
        count_answer: Callable[[Scope, int, float], None],
        *,
        https: bool,
    ) -> None:
        """`count_answer` gets the scope, the status, and the seconds until the response began."""
        self._app = app
        self._problem = problem
        self._headers = dict(HEADERS)
        if https:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"
        self._count_answer = count_answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with request_language(scope):
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = _Exchange(scope, receive, send, self._headers, self._count_answer)
        try:
            await self._app(exchange.scope, exchange.receive, exchange.send)
        except _TooLarge:
            if not exchange.started:
                await self._answer(scope, 413, _TOO_LARGE)(scope, receive, exchange.send)
        except ClientDisconnect:
            # The client left before its body was complete, or was too slow.
            return
        except Exception:
            _log.exception("%s %s failed", scope["method"], _shown(scope["path"]))
            if exchange.started:
                raise
            await self._answer(scope, 500, _FAILED)(scope, receive, exchange.send)

    def _answer(self, scope: Scope, status: int, message: str) -> Response:
        with answer_language():
            return self._problem(scope["path"], status, gettext(message))


class _TooLarge(Exception):
    pass


class _Exchange:
    """One request and its response."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: dict[str, str],
        count_answer: Callable[[Scope, int, float], None],
    ) -> None:
        self._began = time.perf_counter()
        self._is_head = scope["method"] == "HEAD"
        # HEAD is GET without the body (RFC 9110 section 9.3.2).
        self.scope = {**scope, "method": "GET"} if self._is_head else scope
        self._receive = receive
        self._send = send
        self._headers = headers
        self._count_answer = count_answer
        self._largest = LARGEST_UPLOAD if _is_upload(scope) else LARGEST_BODY
        self._read = 0
        self.started = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._read += len(message.get("body", b""))
        if self._read > self._largest:
            raise _TooLarge
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self._count_answer(self.scope, message["status"], time.perf_counter() - self._began)
            headers = MutableHeaders(scope=message)
            for name, value in self._headers.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        elif self._is_head and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)


def _is_upload(scope: Scope) -> bool:
    content_type = Headers(scope=scope).get("content-type", "")
    return "/preferences/" in scope["path"] and content_type.startswith("multipart/form-data")


def _shown(path: str) -> str:
    """Return a path for the log, without the signed token that it may hold."""
    return "/".join(part if len(part) < 40 else "…" for part in path[:400].split("/"))
