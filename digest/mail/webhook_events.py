"""The events that mail providers report to a webhook, in the form of an inbound mail.

Only bounces and complaints are read; other events, such as opened mails, are left out. Only documented fields are
read. An event with missing fields gives less information; a body of another form is refused.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from digest.domain.inbound import InboundKind
from digest.errors import BadInput
from digest.mail.failures import judge_failure
from digest.mail.inbound import InboundMail, References

Provider = Literal["ses", "mailgun", "postmark", "sendgrid"]
_MOST_EVENTS = 5_000
_NO_MAILBOX = "5.1.1"
# Postmark's types of bounces whose details may have no code.
_POSTMARK_STATUS = {
    "HardBounce": _NO_MAILBOX,
    "BadEmailAddress": _NO_MAILBOX,
    "Blocked": "5.7.1",
    "SpamNotification": "5.7.1",
    "DMARCPolicy": "5.7.1",
}
_POSTMARK_LATER = frozenset(
    {"Transient", "Subscribe", "OpenRelayTest", "ChallengeVerification", "AutoResponder"}
)


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """One event of a provider."""

    event_id: str
    """The same when the event is reported again."""
    inbound: InboundMail


def read_body(body: bytes) -> Any:
    """Return the JSON of a call. Raises BadInput."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise BadInput("The body of a webhook is JSON.") from None


def read_events(provider: Provider, payload: Any) -> list[WebhookEvent]:
    """Return the bounces and complaints of a verified call. Raises BadInput for a body of another form."""
    readers: dict[Provider, Callable[[Any], Iterator[WebhookEvent]]] = {
        "ses": _ses,
        "mailgun": _mailgun,
        "postmark": _postmark,
        "sendgrid": _sendgrid,
    }
    try:
        events = list(readers[provider](payload))
    except (AttributeError, KeyError, TypeError, ValueError):
        raise BadInput(f"This is no event of {provider} that we know.") from None
    return [event for event in events if event.event_id][:_MOST_EVENTS]


def _ses(payload: Mapping[str, Any]) -> Iterator[WebhookEvent]:
    """Read a notification of Amazon SES, or an event of a configuration set."""
    mail = payload["mail"]
    kind = payload.get("notificationType") or payload.get("eventType")
    ids = [str(one["value"]) for one in mail.get("headers", ()) if str(one["name"]).lower() == "message-id"]
    source = (str(mail.get("source", "")).lower(),)
    if kind == "Bounce":
        bounce = payload["bounce"]
        for number, one in enumerate(bounce["bouncedRecipients"]):
            recipient = str(one["emailAddress"]).lower()
            status = str(one.get("status", ""))
            if bounce.get("bounceType") != "Permanent":
                status = "4.0.0" if status.startswith("5.1.") or not status else status
            elif not status or status.endswith(".0.0"):
                status = _NO_MAILBOX
            failure = judge_failure(
                recipient, is_permanent=True, status=status, words=str(one.get("diagnosticCode", ""))
            )
            references = References(source, (), tuple(ids), (recipient,))
            inbound = InboundMail(InboundKind.BOUNCE, references, (failure,))
            yield WebhookEvent(f"{bounce['feedbackId']} {number}", inbound)
    elif kind == "Complaint":
        complaint = payload["complaint"]
        for number, one in enumerate(complaint["complainedRecipients"]):
            recipient = str(one["emailAddress"]).lower()
            references = References(source, (), tuple(ids), (recipient,))
            feedback_type = str(complaint.get("complaintFeedbackType") or "abuse")
            inbound = InboundMail(InboundKind.COMPLAINT, references, feedback_type=feedback_type)
            yield WebhookEvent(f"{complaint['feedbackId']} {number}", inbound)


def _mailgun(payload: Mapping[str, Any]) -> Iterator[WebhookEvent]:
    """Read an event of Mailgun."""
    data = payload["event-data"]
    recipient = str(data.get("recipient", "")).lower()
    message_id = str(data.get("message", {}).get("headers", {}).get("message-id", "")).strip("<>")
    references = References(
        (str(data.get("envelope", {}).get("sender", "")).lower(),),
        (),
        (f"<{message_id}>",) if message_id else (),
        (recipient,),
    )
    if data["event"] == "failed":
        status = data.get("delivery-status", {})
        words = f"{status.get('code', '')} {status.get('message') or status.get('description') or ''}"
        failure = judge_failure(
            recipient,
            is_permanent=data.get("severity") != "temporary",
            status=str(status.get("enhanced-code", "")),
            words=words,
        )
        yield WebhookEvent(str(data["id"]), InboundMail(InboundKind.BOUNCE, references, (failure,)))
    elif data["event"] == "complained":
        yield WebhookEvent(
            str(data["id"]), InboundMail(InboundKind.COMPLAINT, references, feedback_type="abuse")
        )


def _postmark(payload: Mapping[str, Any]) -> Iterator[WebhookEvent]:
    """Read a bounce or a complaint of Postmark, which names the address alone."""
    if payload["RecordType"] not in {"Bounce", "SpamComplaint"}:
        return
    recipient, event_id = str(payload["Email"]).lower(), f"{payload['RecordType']} {payload['ID']}"
    references = References(recipients=(recipient,))
    if payload["RecordType"] == "SpamComplaint":
        yield WebhookEvent(event_id, InboundMail(InboundKind.COMPLAINT, references, feedback_type="abuse"))
        return
    kind = str(payload.get("Type", ""))
    words = str(payload.get("Details") or payload.get("Description") or "").removeprefix("smtp;").strip()
    failure = judge_failure(
        recipient,
        is_permanent=kind not in _POSTMARK_LATER,
        status=_POSTMARK_STATUS.get(kind, "4.0.0"),
        words=words,
    )
    yield WebhookEvent(event_id, InboundMail(InboundKind.BOUNCE, references, (failure,)))


def _sendgrid(payload: list[Mapping[str, Any]]) -> Iterator[WebhookEvent]:
    """Read the events of a call of SendGrid."""
    for one in payload:
        recipient, message_id = str(one.get("email", "")).lower(), str(one.get("smtp-id", "")).strip("<>")
        references = References((), (), (f"<{message_id}>",) if message_id else (), (recipient,))
        event_id = str(one.get("sg_event_id", ""))
        if one["event"] in {"bounce", "deferred"}:
            status = str(one.get("status", ""))
            # SendGrid calls a bounce blocked when the server may take a later mail.
            if one.get("type") == "blocked" and (not status or status.startswith("5.1.")):
                status = "4.0.0"
            failure = judge_failure(
                recipient,
                is_permanent=one["event"] == "bounce",
                status=status,
                words=str(one.get("reason") or one.get("response") or ""),
            )
            yield WebhookEvent(event_id, InboundMail(InboundKind.BOUNCE, references, (failure,)))
        elif one["event"] == "spamreport":
            yield WebhookEvent(
                event_id, InboundMail(InboundKind.COMPLAINT, references, feedback_type="abuse")
            )
