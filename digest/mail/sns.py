"""Fetching from Amazon SNS: the certificate that signs its messages, and the address that confirms a subscription."""

from functools import lru_cache
from http.client import HTTPException
from typing import IO
from urllib.request import HTTPRedirectHandler, Request, build_opener

from typing_extensions import override

from digest.errors import TryLater

_TIMEOUT_SECONDS = 10
_LARGEST = 100_000


class _NoRedirect(HTTPRedirectHandler):
    """Refuses redirects: only the original address was checked."""

    @override
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: object, newurl: str
    ) -> None:
        return None


def fetch(url: str) -> bytes:
    """Return the content of a checked https address of Amazon SNS. Raises TryLater."""
    try:
        with build_opener(_NoRedirect).open(url, timeout=_TIMEOUT_SECONDS) as answer:
            content: bytes = answer.read(_LARGEST)
            return content
    except (OSError, HTTPException) as error:
        raise TryLater(f"Amazon SNS does not answer ({type(error).__name__}).") from error


@lru_cache(16)
def fetch_certificate(url: str) -> bytes:
    """Return a certificate, fetched once per process. Raises TryLater."""
    return fetch(url)
