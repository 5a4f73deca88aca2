"""Some forty inbound mails, modelled on RFC 3464, 5965, 3834 and the mails of large servers."""

from base64 import b64encode
from dataclasses import dataclass

from digest.domain.inbound import InboundKind, Severity

ANA = "ana@example.net"
TOKEN = "k3yk3yk3yk3yk3y1.20260303.aBcDeF-_0123456789"
MESSAGE_ID = "<digest.k3yk3yk3yk3yk3y1.20260303@papers.example.org>"
ORIGINAL = (
    "Return-Path: <bounces+2s-aaaaaaaaaaaa@papers.example.org>\r\n"
    "From: Trending papers <digest@papers.example.org>\r\n"
    f"To: {ANA}\r\n"
    "Subject: Papers: no such user studies, over quota sampling and 8 more\r\n"
    f"Message-ID: {MESSAGE_ID}\r\n"
    "List-Unsubscribe: <https://papers.example.org/unsubscribe/\r\n"
    f" {TOKEN}>\r\n"
)
HEAD = (
    "From: Mail Delivery System <MAILER-DAEMON@mx.example.net>\r\n"
    "To: bounces+2s-aaaaaaaaaaaa@papers.example.org\r\n"
    "Subject: Undelivered Mail Returned to Sender\r\n"
    "Auto-Submitted: auto-replied\r\n"
    "MIME-Version: 1.0\r\n"
)


@dataclass(frozen=True)
class Shape:
    """A mail and what it is."""

    name: str
    content: bytes
    kind: InboundKind
    severity: Severity | None = None
    status: str = ""


def dsn(
    *fields: str,
    head: str = HEAD,
    text: str = "I'm sorry.",
    original: str = ORIGINAL,
    original_type: str = "text/rfc822-headers",
    status_type: str = "message/delivery-status",
    per_message: str = "Reporting-MTA: dns; mx.example.net",
) -> bytes:
    """Return a report of RFC 3464 with one group of fields for each recipient."""
    groups = "\r\n\r\n".join(group.replace("|", "\r\n") for group in fields)
    return (
        f'{head}Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        f"--b\r\nContent-Type: text/plain\r\n\r\n{text}\r\n"
        f"--b\r\nContent-Type: {status_type}\r\n\r\n{per_message}\r\n\r\n{groups}\r\n\r\n"
        f"--b\r\nContent-Type: {original_type}\r\n\r\n{original}\r\n--b--\r\n"
    ).encode()


def failed(status: str, diagnostic: str = "", recipient: str = ANA, action: str = "failed") -> str:
    """Return the fields of one recipient."""
    words = f"|Diagnostic-Code: smtp; {diagnostic}" if diagnostic else ""
    return f"Final-Recipient: rfc822; {recipient}|Action: {action}|Status: {status}{words}"


def arf(feedback_type: str, fields: str = "", original: str = ORIGINAL) -> bytes:
    """Return a report of RFC 5965."""
    return (
        "From: <feedback@mx.example.net>\r\nTo: <digest@papers.example.org>\r\nSubject: FW: Papers\r\n"
        'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nThis is an email abuse report.\r\n"
        "--b\r\nContent-Type: message/feedback-report\r\n\r\n"
        f"Feedback-Type: {feedback_type}\r\nUser-Agent: Loop/1.0\r\nVersion: 1\r\n{fields}\r\n"
        f"--b\r\nContent-Type: message/rfc822\r\n\r\n{original}\r\nA paper.\r\n--b--\r\n"
    ).encode()


def plain(subject: str, body: str, *headers: str, sender: str = ANA) -> bytes:
    """Return a mail of one text."""
    lines = [f"From: {sender}", "To: digest@papers.example.org", f"Subject: {subject}", *headers, "", body]
    return "\r\n".join(lines).encode()


def _encoded_status() -> bytes:
    fields = f"Reporting-MTA: dns; mx\r\n\r\n{failed('5.1.1').replace('|', chr(13) + chr(10))}\r\n"
    return (
        f'{HEAD}Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: message/delivery-status\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        f"{b64encode(fields.encode()).decode()}\r\n--b--\r\n"
    ).encode()


_B, _C, _A, _R, _U = (
    InboundKind.BOUNCE,
    InboundKind.COMPLAINT,
    InboundKind.AUTO_REPLY,
    InboundKind.REPLY,
    InboundKind.UNSUBSCRIBE,
)
_HARD, _SOFT, _DELAYED, _POLICY = Severity.HARD, Severity.SOFT, Severity.DELAYED, Severity.POLICY
_QUOTED = "> 550 5.1.1 user unknown\r\n> Undelivered Mail Returned to Sender\r\nDid you see this?"

SHAPES = (
    Shape(
        "unknown user", dsn(failed("5.1.1", "550 5.1.1 <ana@example.net>: User unknown")), _B, _HARD, "5.1.1"
    ),
    Shape("bad domain", dsn(failed("5.1.2", "550 Host unknown")), _B, _HARD, "5.1.2"),
    Shape("null MX", dsn(failed("5.1.10", "556 5.1.10 no mail here")), _B, _HARD, "5.1.10"),
    Shape("disabled mailbox", dsn(failed("5.2.1", "550 5.2.1 account disabled")), _B, _HARD, "5.2.1"),
    Shape("full mailbox", dsn(failed("5.2.2", "552 5.2.2 over quota")), _B, _SOFT, "5.2.2"),
    Shape("too large", dsn(failed("5.3.4", "552 5.3.4 too big")), _B, _SOFT, "5.3.4"),
    Shape("no route", dsn(failed("5.4.4", "Host not found")), _B, _SOFT, "5.4.4"),
    Shape("expired", dsn(failed("4.4.7", "delivery time expired")), _B, _SOFT, "4.4.7"),
    Shape("delayed", dsn(failed("4.4.1", "connection timed out", action="delayed")), _B, _DELAYED, "4.4.1"),
    Shape("policy", dsn(failed("5.7.1", "550 5.7.1 blocked")), _B, _POLICY, "5.7.1"),
    Shape("unauthenticated", dsn(failed("5.7.26", "550-5.7.26 DMARC")), _B, _POLICY, "5.7.26"),
    Shape("our domain", dsn(failed("5.1.8", "501 5.1.8 sender domain")), _B, _POLICY, "5.1.8"),
    Shape("code in the words", dsn(failed("5.0.0", "550 5.1.1 no mailbox")), _B, _HARD, "5.1.1"),
    Shape("only a reply code", dsn(failed("5.0.0", "550 rejected")), _B, _HARD, "5.0.0"),
    Shape("only words: full", dsn(failed("5.0.0", "550 mailbox full")), _B, _SOFT, "5.0.0"),
    Shape("only words: spam", dsn(failed("5.0.0", "554 message is spam")), _B, _POLICY, "5.0.0"),
    Shape("nothing said", dsn(failed("5.0.0")), _B, _SOFT, "5.0.0"),
    Shape("no status", dsn(f"Final-Recipient: rfc822; {ANA}|Action: failed"), _B, _SOFT),
    Shape("comment in status", dsn(failed("5.1.1 (bad destination mailbox)")), _B, _HARD, "5.1.1"),
    Shape(
        "lower case, no space",
        dsn(f"final-recipient:RFC822;{ANA}|action:FAILED|status:5.1.1"),
        _B,
        _HARD,
        "5.1.1",
    ),
    Shape(
        "original recipient",
        dsn(f"Original-Recipient: rfc822;{ANA}|{failed('5.1.1', recipient='x@forwarded.example')}"),
        _B,
        _HARD,
        "5.1.1",
    ),
    Shape(
        "two recipients",
        dsn(failed("2.0.0", action="delivered", recipient="bo@example.net"), failed("5.1.1")),
        _B,
        _HARD,
        "5.1.1",
    ),
    Shape("whole mail returned", dsn(failed("5.1.1"), original_type="message/rfc822"), _B, _HARD, "5.1.1"),
    Shape("no original", dsn(failed("5.1.1"), original=""), _B, _HARD, "5.1.1"),
    Shape("LF only", dsn(failed("5.1.1")).replace(b"\r\n", b"\n"), _B, _HARD, "5.1.1"),
    Shape("base64 status", _encoded_status(), _B, _HARD, "5.1.1"),
    Shape(
        "global status (RFC 6533)",
        dsn(
            f"Final-Recipient: utf-8; {ANA}|Action: failed|Status: 5.1.1",
            status_type="message/global-delivery-status",
        ),
        _B,
        _HARD,
        "5.1.1",
    ),
    Shape("success report", dsn(failed("2.0.0", action="delivered")), _A),
    Shape(
        "qmail",
        plain(
            "failure notice",
            "Hi. This is the qmail-send program at mx.example.net.\r\n"
            "I'm afraid I wasn't able to deliver your message to the following addresses.\r\n"
            "This is a permanent error; I've given up. Sorry it didn't work out.\r\n\r\n"
            f"<{ANA}>:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n\r\n"
            "--- Below this line is a copy of the message.\r\n\r\n" + ORIGINAL,
            "Return-Path: <>",
            sender="MAILER-DAEMON@mx.example.net",
        ),
        _B,
        _HARD,
        "5.1.1",
    ),
    Shape(
        "exim text",
        plain(
            "Mail delivery failed: returning message to sender",
            "This message was created automatically by mail delivery software.\r\n\r\n"
            "A message that you sent could not be delivered to one or more of its recipients.\r\n"
            "This is a permanent error. The following address(es) failed:\r\n\r\n"
            f"  {ANA}\r\n    SMTP error from remote mail server after RCPT TO:<{ANA}>:\r\n"
            "    550 5.2.2 mailbox full\r\n\r\n"
            "------ This is a copy of the message, including all the headers. ------\r\n\r\n" + ORIGINAL,
            f"X-Failed-Recipients: {ANA}",
            sender="Mailer-Daemon@mx.example.net",
        ),
        _B,
        _SOFT,
        "5.2.2",
    ),
    Shape("abuse", arf("abuse"), _C),
    Shape("abuse, redacted", arf("abuse", "Original-Rcpt-To: redacted@example.net\r\n"), _C),
    Shape("opt-out", arf("opt-out"), _C),
    Shape("not spam", arf("not-spam"), _C),
    Shape("signature failure", arf("auth-failure", "Auth-Failure: dkim\r\n"), _C),
    Shape("vacation", plain("Re: Papers", "I am away.", "Auto-Submitted: auto-replied (vacation)"), _A),
    Shape(
        "vacation of Exchange", plain("Automatic reply: Papers", "Away.", "X-Auto-Response-Suppress: All"), _A
    ),
    Shape("vacation in German", plain("Abwesenheit: Papers", "Bin weg."), _A),
    Shape("vacation of 2003", plain("Re: Papers", "Away.", "Precedence: auto_reply"), _A),
    Shape("challenge", plain("Please confirm your message", "Click.", "X-Delivery-Agent: TMDA/1.1"), _A),
    Shape("generated", plain("Ticket 7", "We got it.", "Auto-Submitted: auto-generated"), _A),
    Shape("a person", plain("Re: Papers for 3 March", "Thank you!", "Auto-Submitted: no"), _R),
    Shape("a person quotes a bounce", plain("Re: Papers", _QUOTED), _R),
    Shape("a person asks to leave", plain("unsubscribe", "please"), _R),
    Shape("unsubscribe", plain(f"unsubscribe {TOKEN}", ""), _U),
    Shape("unsubscribe, marked", plain(f"[EXT] Unsubscribe {TOKEN}", ""), _U),
    Shape("unsubscribe, folded", plain(f"unsubscribe\r\n {TOKEN}", ""), _U),
    Shape(
        "unsubscribe, encoded",
        plain(f"=?utf-8?b?{b64encode(f'unsubscribe {TOKEN}'.encode()).decode()}?=", ""),
        _U,
    ),
    Shape(
        "unsubscribe by a program", plain(f"unsubscribe {TOKEN}", "", "Auto-Submitted: auto-generated"), _U
    ),
)
