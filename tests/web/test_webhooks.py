"""Webhooks: only calls that are proven to be the provider's are accepted, each event counts once, and a body of another form is refused."""

import hmac
import json
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from digest.delivery.deliver import deliver_ready
from digest.delivery.plan import plan_due
from digest.mail import sns
from digest.store import inbound as inbound_store
from digest.web.app import create_app
from digest.wiring import Container
from tests.factories import WEDNESDAY, Clock, add_papers, add_subscriber, at, make_papers, subscriber_now
from tests.web.client import Client
from tests.web.conftest import make_container

ANA = "ana@example.net"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:bounces"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123abcd.pem"
NOW = at(WEDNESDAY, 12)
MAILGUN_KEY, POSTMARK = "key-mailgun", "postmark:hunter2"


@cache
def sendgrid_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def amazon() -> tuple[rsa.RSAPrivateKey, bytes]:
    """A key, and the certificate that stands for Amazon's."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, SHA256())
    )
    return key, certificate.public_bytes(Encoding.PEM)


@pytest.fixture
def container(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Container:
    public = sendgrid_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    container = make_container(sqlite_url, Clock(NOW), tmp_path / "outbox")
    container.settings = container.settings.model_copy(
        update={
            "webhook_ses": TOPIC,
            "webhook_mailgun": SecretStr(MAILGUN_KEY),
            "webhook_sendgrid": b64encode(public).decode(),
            "webhook_postmark": SecretStr(POSTMARK),
        }
    )
    # The content at the address of Amazon; the tests have no network.
    monkeypatch.setattr(sns, "fetch_certificate", lambda _: amazon()[1])
    add_papers(container.database, *make_papers(3))
    for address in (ANA, *(f"s{number}@example.net" for number in range(8))):
        add_subscriber(container.database, address, next_due_at=NOW)
    plan_due(container.database, NOW)
    assert deliver_ready(container.delivery_context, lambda: NOW).sent == 9
    return container


@pytest.fixture
def client(container: Container) -> Client:
    return Client(create_app(container))


Call = tuple[bytes, dict[str, str]]


def mailgun(event: str = "failed", number: str = "1") -> Call:
    timestamp, token = str(int(NOW.timestamp())), f"token{number}"
    signature = hmac.new(MAILGUN_KEY.encode(), f"{timestamp}{token}".encode(), sha256).hexdigest()
    body = {
        "signature": {"timestamp": timestamp, "token": token, "signature": signature},
        "event-data": {
            "event": event,
            "id": number,
            "severity": "permanent",
            "recipient": ANA,
            "delivery-status": {"code": 550, "message": "5.1.1 no such user"},
        },
    }
    return json.dumps(body).encode(), {}


def postmark(event: str = "failed", number: str = "1") -> Call:
    kind = {"failed": "Bounce", "complained": "SpamComplaint"}[event]
    body = {
        "RecordType": kind,
        "Type": "HardBounce",
        "Email": ANA,
        "ID": number,
        "Details": "smtp;550 5.1.1 unknown",
    }
    return json.dumps(body).encode(), {"Authorization": f"Basic {b64encode(POSTMARK.encode()).decode()}"}


def sendgrid(event: str = "failed", number: str = "1") -> Call:
    kind = {"failed": "bounce", "complained": "spamreport"}[event]
    events = [
        {"event": "open", "email": ANA, "sg_event_id": f"open{number}"},
        {"event": kind, "type": "bounce", "email": ANA, "sg_event_id": number, "status": "5.1.1"},
    ]
    body, timestamp = json.dumps(events).encode(), str(int(NOW.timestamp()))
    signature = sendgrid_key().sign(timestamp.encode() + body, ec.ECDSA(SHA256()))
    return body, {
        "X-Twilio-Email-Event-Webhook-Signature": b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
    }


def signed_by_amazon(message: dict[str, Any], **changes: Any) -> Call:
    fields = {
        "Type": "Notification",
        "MessageId": "m1",
        "TopicArn": TOPIC,
        "Message": json.dumps(message),
        "Timestamp": "2026-03-04T12:00:00.000Z",
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE_URL,
        **changes,
    }
    names = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
    text = "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields)
    signature = amazon()[0].sign(text.encode(), PKCS1v15(), SHA256())
    return json.dumps({**fields, "Signature": b64encode(signature).decode()}).encode(), {}


def ses(event: str = "failed", number: str = "1") -> Call:
    mail = {"source": "digest@papers.example.org", "messageId": "x", "headers": []}
    if event == "complained":
        people = [{"emailAddress": ANA}]
        complaint = {"feedbackId": number, "complainedRecipients": people, "complaintFeedbackType": "abuse"}
        return signed_by_amazon({"notificationType": "Complaint", "mail": mail, "complaint": complaint})
    recipient = {"emailAddress": ANA, "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 unknown"}
    bounce = {"feedbackId": number, "bounceType": "Permanent", "bouncedRecipients": [recipient]}
    return signed_by_amazon({"notificationType": "Bounce", "mail": mail, "bounce": bounce})


PROVIDERS: dict[str, Callable[..., Call]] = {
    "ses": ses,
    "mailgun": mailgun,
    "postmark": postmark,
    "sendgrid": sendgrid,
}


def outcomes(container: Container) -> list[str]:
    with container.database.read() as connection:
        return [row.outcome for row in inbound_store.find_reports(connection)]


@pytest.mark.parametrize("event", ["failed", "complained"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_bounce_and_a_complaint_suppress_once(
    client: Client, container: Container, provider: str, event: str
) -> None:
    body, headers = PROVIDERS[provider](event)
    for _ in range(2):
        answer = client.post(f"/webhooks/{provider}", content=body, headers=headers)
        assert answer.status_code == 200
    assert outcomes(container) == ["suppressed"]
    assert subscriber_now(container.database, ANA).status == "suppressed"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_call_that_is_not_signed_changes_nothing(
    client: Client, container: Container, provider: str
) -> None:
    body, headers = PROVIDERS[provider]()
    forged = body.replace(b'"signature": "', b'"signature": "0').replace(b"5.1.1", b"5.1.2")
    wrong = {name: value[:-4] + "AAAA" for name, value in headers.items() if "Timestamp" not in name}
    answer = client.post(f"/webhooks/{provider}", content=forged, headers={**headers, **wrong})
    assert answer.status_code == 403
    assert outcomes(container) == []


@pytest.mark.parametrize("provider", ["ses", "mailgun", "sendgrid"])
def test_an_old_call_is_refused(client: Client, container: Container, provider: str) -> None:
    body, headers = PROVIDERS[provider]()
    clock = container.clock
    assert isinstance(clock, Clock)
    clock.advance(hours=25)
    assert client.post(f"/webhooks/{provider}", content=body, headers=headers).status_code == 403
    assert outcomes(container) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"TopicArn": TOPIC.replace("bounces", "others")},
        {
            "SigningCertURL": "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0.pem"
        },
        {"SigningCertURL": "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem"},
        {"Type": "SubscriptionConfirmation", "SubscribeURL": "http://169.254.169.254/", "Token": "t"},
    ],
)
def test_a_message_of_another_topic_or_certificate_is_refused(
    client: Client, container: Container, changes: dict[str, str]
) -> None:
    body, _ = signed_by_amazon({"notificationType": "Bounce"}, **changes)
    assert client.post("/webhooks/ses", content=body).status_code == 403
    assert outcomes(container) == []


@pytest.mark.parametrize("body", [b"", b"[", b"[]", b"{}", b'{"signature": 7}', b"null", b"\xff"])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_body_of_another_form_is_refused(
    client: Client, container: Container, provider: str, body: bytes
) -> None:
    headers = PROVIDERS[provider]()[1] if provider == "postmark" else {}
    assert client.post(f"/webhooks/{provider}", content=body, headers=headers).status_code in {403, 422}
    assert outcomes(container) == []


def test_a_webhook_without_its_setting_does_not_exist(sqlite_url: str, tmp_path: Path) -> None:
    bare = Client(create_app(make_container(sqlite_url, Clock(NOW), tmp_path / "outbox")))
    for provider, call in PROVIDERS.items():
        body, headers = call()
        assert bare.post(f"/webhooks/{provider}", content=body, headers=headers).status_code == 404
