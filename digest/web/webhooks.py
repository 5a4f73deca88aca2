"""Webhooks of mail providers: bounces and complaints of mails that went out through them.

A webhook whose setting is empty does not exist. A call that is not proven to come from the provider is refused.
"""

import logging
from functools import partial
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from digest.delivery.inbound import process_event
from digest.errors import NotFound
from digest.mail import sns
from digest.mail import webhook_signatures as signatures
from digest.mail.webhook_events import Provider, read_body, read_events
from digest.web.context import Context, WebContext

_log = logging.getLogger("digest.web")
router = APIRouter(include_in_schema=False)


@router.post("/webhooks/{provider}")
async def receive(context: Context, request: Request, provider: Provider) -> Response:
    """Process the events of a call; answer 403 to a call that is not the provider's."""
    body = await request.body()
    headers = {name.lower(): value for name, value in request.headers.items()}
    return await to_thread.run_sync(partial(_receive, context, provider, body, headers))


def _receive(context: WebContext, provider: Provider, body: bytes, headers: dict[str, str]) -> Response:
    if not _is_set_up(context, provider):
        raise NotFound(f"There is no webhook for {provider}; see DIGEST_WEBHOOK_{provider.upper()}.")
    payload = read_body(body)
    if not _is_genuine(context, provider, payload, body, headers):
        _log.warning("a call of the webhook for %s is not signed by it", provider)
        return PlainTextResponse("This call is not signed by the provider.\n", 403)
    if provider == "ses":
        if payload["Type"] == "SubscriptionConfirmation":
            return _confirm_subscription(payload)
        payload = read_body(str(payload.get("Message", "")).encode())
    for event in read_events(provider, payload):
        done = process_event(
            context.container.event_context, event.inbound, f"{provider} {event.event_id}", context.now()
        )
        _log.info("webhook for %s: %s, %s", provider, done.kind, done.outcome)
    return PlainTextResponse("ok\n")


def _is_set_up(context: WebContext, provider: Provider) -> bool:
    return bool(getattr(context.container.settings, f"webhook_{provider}"))


def _is_genuine(
    context: WebContext, provider: Provider, payload: Any, body: bytes, headers: dict[str, str]
) -> bool:
    settings, now = context.container.settings, context.now()
    if provider == "postmark" and settings.webhook_postmark:
        secret = settings.webhook_postmark.get_secret_value()
        return signatures.is_from_postmark(headers.get("authorization", ""), secret)
    if provider == "sendgrid":
        return signatures.is_from_sendgrid(
            body,
            headers.get("x-twilio-email-event-webhook-signature", ""),
            headers.get("x-twilio-email-event-webhook-timestamp", ""),
            settings.webhook_sendgrid,
            now,
        )
    if not isinstance(payload, dict):
        return False
    if provider == "mailgun" and settings.webhook_mailgun:
        signature = payload.get("signature")
        key = settings.webhook_mailgun.get_secret_value()
        return isinstance(signature, dict) and signatures.is_from_mailgun(signature, key, now)
    url = signatures.certificate_url(payload)
    # Fetched for our topic only, so that other senders cannot trigger requests.
    if not url or payload.get("TopicArn") != settings.webhook_ses:
        return False
    return signatures.is_from_sns(payload, settings.webhook_ses, sns.fetch_certificate(url), now)


def _confirm_subscription(payload: dict[str, Any]) -> Response:
    url = signatures.subscribe_url(payload)
    if not url:
        return PlainTextResponse("This address is not one of Amazon SNS.\n", 403)
    sns.fetch(url)
    return PlainTextResponse("confirmed\n")
