"""Form tokens: a signed timestamp in a form, so that a form that is sent back too soon is shown once more.

A program that posts without loading the form has no token, and one that posts at once has a fresh token.
Neither gets a mail; both get the form again, with what they typed. A person whose browser fills in the address
can be as quick: the token of that form stays valid, and a second press of the button is enough. No visitor
is refused, with or without JavaScript.

Cached pages hold a placeholder. The token is written in when the page is sent; otherwise it would be as old as
the cached page. A browser or a proxy may cache the page too, so an old token is accepted.

A program made for this site can load a token and use it many times. The limits on mail requests and the
rule of one mail of a kind per address and day apply to it.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from fastapi.responses import HTMLResponse
from itsdangerous import BadSignature, Signer
from starlette.types import Message, Receive, Scope, Send

LEAST = timedelta(seconds=2)
"""People need longer to read a page and type an address."""
LONGEST = timedelta(days=7)
"""A page may stay open in a browser for this long."""
_DIGITS = 11
"""Digits of a timestamp, in tenths of a second since 1970."""
TOKEN_PLACEHOLDER = "~" * (_DIGITS + 1 + 43)
"""Stands for the token in a cached page; as long as a token, so that Content-Length stays correct."""
_TOKEN_PLACEHOLDER = TOKEN_PLACEHOLDER.encode()


class FormTokens:
    """Signs and checks the form tokens of one installation."""

    def __init__(self, secret: bytes, clock: Callable[[], datetime]) -> None:
        self._signer = Signer(secret, salt="digest.form-token", digest_method=hashlib.sha256)
        self._clock = clock
        # Many pages can be sent within a tenth of a second.
        self._signed = lru_cache(1)(lambda tenths: self._signer.sign(f"{tenths:0{_DIGITS}}").decode())

    def make(self) -> str:
        """Return a token for the present instant."""
        return self._signed(int(self._clock().timestamp() * 10))

    def is_old_enough(self, form_token: str) -> bool:
        """Return whether a form with this token was open for at least LEAST and at most LONGEST."""
        age = self._age(form_token)
        return age is not None and LEAST <= age <= LONGEST

    def renewed(self, form_token: str) -> str:
        """Return the token for a form that is shown again: the same if it is only too new, else a new one."""
        age = self._age(form_token)
        return form_token if age is not None and timedelta() <= age < LEAST else self.make()

    def _age(self, form_token: str) -> timedelta | None:
        try:
            tenths = int(self._signer.unsign(form_token))
        except (BadSignature, UnicodeEncodeError):
            return None
        return self._clock() - datetime.fromtimestamp(tenths / 10, UTC)


class TokenPage(HTMLResponse):
    """A cacheable page that is sent each time with a new token."""

    def __init__(self, content: str, status: int, form_tokens: FormTokens) -> None:
        super().__init__(content, status)
        self._form_tokens = form_tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the page."""

        async def send_with_token(message: Message) -> None:
            if message["type"] == "http.response.body":
                body = message["body"].replace(_TOKEN_PLACEHOLDER, self._form_tokens.make().encode())
                message = {**message, "body": body}
            await send(message)

        await super().__call__(scope, receive, send_with_token)
