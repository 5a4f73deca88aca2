"""Signed links: each is valid for one subscriber (an invitation: for one team) and one purpose.

A token is `<subscriber's key>.<date>.<signature>`. The signature (HMAC-SHA256 through itsdangerous) covers the
purpose, so a token for one page is refused on another. Equal inputs give equal links, so a mail can be rebuilt
byte for byte.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from hmac import compare_digest
from typing import Literal, get_args
from urllib.parse import quote

from itsdangerous import BadSignature, Signer

from digest.errors import BadLink
from digest.subscribers.short_links import PaperClaim, PaperTokens
from digest.text.languages import gettext

Purpose = Literal[
    "confirm",
    "preferences",
    "unsubscribe",
    "feedback",
    "digest",
    "archive",
    "feed",
    "opinion",
    "undo",
    "team",
]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)


@dataclass(frozen=True, slots=True)
class Claim:
    """The contents of a valid link."""

    subscriber_key: str
    issued_on: date
    """The day of the mail that held the link."""


class _Signer(Signer):
    """Derives its key once, not for each link: every mail has four of them."""

    def __init__(self, secret: bytes, purpose: Purpose) -> None:
        super().__init__(secret, salt=f"digest.{purpose}", digest_method=hashlib.sha256)
        self._derived = super().derive_key()

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        return self._derived if secret_key is None else super().derive_key(secret_key)


class Links:
    """Makes and reads the links of one installation."""

    def __init__(self, base_url: str, secret: bytes) -> None:
        self._base_url = base_url.rstrip("/")
        self._signers = {purpose: _Signer(secret, purpose) for purpose in PURPOSES}
        self._papers = PaperTokens(secret)

    @property
    def home(self) -> str:
        """The address of the home page."""
        return f"{self._base_url}/"

    def link(self, purpose: Purpose, subscriber_key: str, issued_on: date) -> str:
        """Return the absolute link to the page of a purpose for one subscriber."""
        token = self._signers[purpose].sign(f"{subscriber_key}.{issued_on:%Y%m%d}").decode()
        return f"{self._base_url}/{purpose}/{token}"

    def share(self, about: str) -> str:
        """Return the link to the first page with the digest for some topics, which says nothing of who shares it.

        `about` holds the topics as `digest.delivery.composed_mail.about` writes them; one that is cut off is left out.
        """
        topics = [topic for topic in about.split(" · ") if not topic.endswith("…")]
        return f"{self.home}?topics={quote('; '.join(topics), safe='')}" if any(topics) else self.home

    def feed(self, subscriber_key: str, issued_on: date) -> str:
        """Return the link to a subscriber's own feed, as Atom."""
        return f"{self.link('feed', subscriber_key, issued_on)}.xml"

    def feedback_pages(self, subscriber_key: str, issued_on: date, paper_ids: Sequence[str]) -> list[str]:
        """Return for each paper of a mail the short link to the page with both verdicts."""
        start = self._papers.start(subscriber_key, issued_on)
        return [f"{self._base_url}/f/{self._papers.token(start, paper_id)}" for paper_id in paper_ids]

    def read_paper(self, token: str) -> PaperClaim:
        """Verify the token of a feedback page and return its contents. Raises BadLink."""
        return self._papers.read(token)

    def read(self, purpose: Purpose, token: str) -> Claim:
        """Verify a token and return its contents. Raises BadLink if it is not valid for this purpose."""
        signer = self._signers[purpose]
        try:
            signed = signer.unsign(token)
            # Base64 decoding is lenient, so several spellings of a signature pass; only the canonical one is accepted.
            genuine = compare_digest(signer.sign(signed), token.encode())
            subscriber_key, _, day = signed.decode().partition(".") if genuine else ("", "", "")
            return Claim(subscriber_key, date(int(day[:4]), int(day[4:6]), int(day[6:])))
        except (BadSignature, UnicodeDecodeError, ValueError):
            raise BadLink(gettext("This link is incomplete; please open it again from the mail.")) from None
