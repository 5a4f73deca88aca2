"""A listener for mail over LMTP (RFC 2033) or SMTP, for a mail server on this machine or in the same network."""

import asyncio
import logging
from collections.abc import Callable
from urllib.parse import urlsplit

from aiosmtpd.controller import Controller
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from digest.errors import BadInput, DigestError

LARGEST_MAIL = 20_000_000
_log = logging.getLogger(__name__)
Deliver = Callable[[bytes, str], object]


class _Handler:
    """Processes each mail before accepting it, so that the mail server keeps the mails that fail."""

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver

    async def handle_RCPT(  # noqa: N802 - aiosmtpd names it
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if envelope.rcpt_tos:
            # Each recipient can be a return path of another delivery.
            return "452 4.5.3 One recipient for each mail"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        recipient = envelope.rcpt_tos[0]
        # A final delivery adds this field (RFC 5321, section 4.4); an empty return path marks a report.
        sender = (envelope.mail_from or "").strip("<>")
        head = f"Return-Path: <{sender}>\r\nDelivered-To: {recipient}\r\n"
        mail = head.encode("utf-8", "replace") + content
        try:
            await asyncio.get_running_loop().run_in_executor(None, self._deliver, mail, recipient)
        except DigestError as error:
            _log.warning("an inbound mail is refused for now: %s", error)
            return "451 4.3.0 Try again later"
        except Exception:  # noqa: BLE001 - whatever it is, the mail server keeps the mail
            _log.exception("an inbound mail cannot be processed")
            return "451 4.3.0 Try again later"
        return "250 2.0.0 Processed"


class Listener(Controller):
    """Listens in a thread of its own; use it as a context, or call `start` and `stop`."""

    def __init__(self, url: str, deliver: Deliver) -> None:
        """`url` is `lmtp://host:port` or `smtp://host:port`. Raises BadInput."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            port = None
        if port is None or parts.scheme not in {"lmtp", "smtp"} or not parts.hostname:
            raise BadInput(f"{url[:80]!r} is not an address to listen at; write lmtp://127.0.0.1:8024.")
        self._is_lmtp = parts.scheme == "lmtp"
        super().__init__(_Handler(deliver), hostname=parts.hostname, port=port)

    def factory(self) -> SMTP:
        """Return the protocol of one connection."""
        kind = LMTP if self._is_lmtp else SMTP
        return kind(self.handler, data_size_limit=LARGEST_MAIL, **self.SMTP_kwargs)
