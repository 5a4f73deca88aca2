"""The mail that forwards a person's reply, or a report that a person has to read, to the operator."""

from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from digest.mail.inbound import InboundMail
from digest.text.formatting import one_line

_LONGEST_LINE = 998


def forward(
    content: bytes, inbound: InboundMail, *, sender: str, operator: str, message_id: str, now: datetime
) -> bytes:
    """Return the mail to the operator, with the original attached; an answer goes to its author.

    It says that a program sent it (RFC 3834), so that no program answers, and so that it is not forwarded again.
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"] = sender
    mail["To"] = operator
    mail["Subject"] = f"Fwd: {one_line(inbound.subject)[:200] or '(no subject)'}"
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = message_id
    mail["Auto-Submitted"] = "auto-generated"
    if inbound.sender.isascii() and inbound.sender:
        mail["Reply-To"] = inbound.sender
    who = inbound.sender or "an unknown sender"
    mail.set_content(
        f"This {inbound.kind.replace('_', ' ')} came in from {who}. The mail is attached; an answer to this one "
        "goes to its sender.\n"
    )
    if content.isascii() and all(len(line) <= _LONGEST_LINE for line in content.splitlines()):
        mail.add_attachment(message_from_bytes(content, policy=SMTP), filename="mail.eml")
    else:
        # A message/rfc822 must not be encoded (RFC 2046, section 5.2.1), and our mails are ASCII.
        mail.add_attachment(content, maintype="application", subtype="octet-stream", filename="mail.eml")
    return mail.as_bytes()
