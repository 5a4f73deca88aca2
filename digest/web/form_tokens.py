"""When a form was sent out: a signed instant inside it, so that what comes back too soon is asked once more.

Programs that post a form without ever having asked for it bring no stamp, and those that fill it in the moment
they get it bring a fresh one. Neither gets a mail: they get the form again, with what they typed and a button.
So does a person whose browser fills in the address for them and who is as quick; their time goes on counting,
and pressing the button once more is all it costs them. Nobody is turned away, with script or without.

The first page is made once and kept for many visitors, so that a stamp made with it would be old from the
start and say nothing. Therefore the stamp is written in as a page goes out. Where a browser or a proxy kept
the page, it is older than it should be; that is no visitor's fault, and so old stamps are good.

A program made for this site can collect a stamp and use it many times. What holds it back are the limits on
mails asked for, and the ledger, which has one mail a day for an address.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from fastapi.responses import HTMLResponse
from itsdangerous import BadSignature, Signer
from starlette.types import Message, Receive, Scope, Send

LEAST = timedelta(seconds=2)
"""Nobody reads a page and types an address in less."""
LONGEST = timedelta(days=7)
"""A page may stay open in a browser for so long."""
_DIGITS = 11
"""Of the tenths of a second since 1970."""
TOKEN_PLACEHOLDER = "~" * (_DIGITS + 1 + 43)
"""Stands for the stamp in a page that is kept; as long as a stamp, so that the page's length stays true."""
_TOKEN_PLACEHOLDER = TOKEN_PLACEHOLDER.encode()


class FormTokens:
    """Makes and reads the stamps of one installation."""

    def __init__(self, secret: bytes, clock: Callable[[], datetime]) -> None:
        self._signer = Signer(secret, salt="digest.stamp", digest_method=hashlib.sha256)
        self._clock = clock
        # A busy site sends many pages in a tenth of a second.
        self._signed = lru_cache(1)(lambda tenths: self._signer.sign(f"{tenths:0{_DIGITS}}").decode())

    def make(self) -> str:
        """Return a stamp of this moment."""
        return self._signed(int(self._clock().timestamp() * 10))

    def is_ripe(self, form_token: str) -> bool:
        """Tell whether a form with this stamp was out as long as a person needs, and not for ever."""
        age = self._age(form_token)
        return age is not None and LEAST <= age <= LONGEST

    def renewed(self, form_token: str) -> str:
        """Return the stamp for a form that is shown again: the same while its time counts, else a new one."""
        age = self._age(form_token)
        return form_token if age is not None and timedelta() <= age < LEAST else self.make()

    def _age(self, form_token: str) -> timedelta | None:
        try:
            tenths = int(self._signer.unsign(form_token))
        except (BadSignature, UnicodeEncodeError):
            return None
        return self._clock() - datetime.fromtimestamp(tenths / 10, UTC)


class TokenPage(HTMLResponse):
    """A page that can be kept and sent many times, each time with a stamp of that moment."""

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
