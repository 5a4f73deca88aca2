"""Mails go out in the language of each subscriber, and are built again in the language that they went out in."""

from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from digest.delivery.composed_mail import ComposedMail
from digest.delivery.decisions import WaitPolicy
from digest.delivery.deliver import deliver_ready
from digest.delivery.preview import preview, preview_mail
from digest.domain.delivery import Kind
from digest.domain.subscriber import Status, Subscriber
from digest.errors import BadInput
from digest.mail.file_transports import MemoryTransport
from digest.store.database import Database
from digest.subscribers.consent import unsubscribe
from digest.subscribers.preferences import Change, change, pause, resume
from digest.subscribers.profiles import ProfileBuilder
from digest.subscribers.signup import confirm
from tests.factories import (
    IMPRINT,
    SECRET,
    TUESDAY,
    WEDNESDAY,
    add_papers,
    add_subscriber,
    at,
    deliver_due,
    deliveries_of,
    delivery_context,
    links,
    make_papers,
    one_delivery,
    rebuilt,
    renderer,
    request_links,
    subscriber_now,
)
from tests.pseudo_language import RIGHT_TO_LEFT


def mails_of(transport: MemoryTransport) -> dict[str, list[EmailMessage]]:
    """Return what was sent, by recipient."""
    found: dict[str, list[EmailMessage]] = {}
    for envelope in transport.envelopes:
        mail = message_from_bytes(envelope.content, policy=policy.default)
        found.setdefault(envelope.recipient, []).append(mail)
    return found


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    text: str = body.get_content()
    return text


def edit_language(database: Database, subscriber: Subscriber, language: str) -> None:
    change(database, ProfileBuilder(), subscriber.address, Change(language=language), at(TUESDAY))


def test_a_batch_has_mails_of_several_languages(database: Database, pseudo_language: str) -> None:
    add_papers(database, *make_papers(12), upvotes=4)
    for name, language in (("ada", "en"), ("bo", pseudo_language), ("chidi", RIGHT_TO_LEFT), ("dana", "en")):
        add_subscriber(database, f"{name}@example.org", topics=["robot grasping"], language=language)
    transport = MemoryTransport()
    deliver_due(delivery_context(database, transport), at(TUESDAY))
    mails = {address: mail for address, (mail,) in mails_of(transport).items()}
    assert len(mails) == 4
    for name in ("ada", "dana"):
        mail = mails[f"{name}@example.org"]
        assert "⟦" not in part(mail, "plain") + part(mail, "html") + mail["Subject"]
        assert '<html lang="en" dir="ltr"' in part(mail, "html")
    for name, language, direction in (("bo", pseudo_language, "ltr"), ("chidi", RIGHT_TO_LEFT, "rtl")):
        mail = mails[f"{name}@example.org"]
        assert "⟦You asked for: ⟪robot grasping⟫⟧" in part(mail, "plain")
        assert "⟦every day at ⟪" in part(mail, "plain")
        assert f'<html lang="{language}" dir="{direction}"' in part(mail, "html")
        assert "⟦Matches <em>⟪robot grasping⟫</em>" in part(mail, "html").replace("&#10214;", "⟦").replace(
            "&#10218;", "⟪"
        ).replace("&#10219;", "⟫")
        assert "⟦⟪4⟫ upvotes⟧" in part(mail, "plain")


def test_a_mail_is_built_again_in_the_language_it_was_composed_in(
    database: Database, pseudo_language: str
) -> None:
    add_papers(database, *make_papers(12), upvotes=4)
    bo = add_subscriber(database, "bo@example.org", topics=["robot grasping"], language=pseudo_language)
    transport = MemoryTransport()
    deliver_due(delivery_context(database, transport), at(TUESDAY))
    edit_language(database, bo, "en")
    assert subscriber_now(database, bo.address).language == "en"
    assert rebuilt(database, one_delivery(database, bo).id) == transport.envelopes[0].content


def test_a_mail_of_an_earlier_version_is_english(database: Database, pseudo_language: str) -> None:
    add_papers(database, *make_papers(3))
    bo = add_subscriber(database, "bo@example.org", language=pseudo_language)
    deliver_due(delivery_context(database), at(TUESDAY))
    contents = dict(one_delivery(database, bo).contents)
    assert contents.pop("language") == pseudo_language
    assert ComposedMail.from_json(contents).language == "en"


def test_mails_that_somebody_asked_for_are_in_their_language(
    database: Database, pseudo_language: str
) -> None:
    add_papers(database, *make_papers(12), upvotes=4)
    transport = MemoryTransport()
    context = delivery_context(database, transport)
    bo = add_subscriber(
        database, "bo@example.org", status=Status.PENDING, language=pseudo_language, now=at(TUESDAY)
    )
    deliver_ready(context, lambda: at(TUESDAY))
    confirm(database, SECRET, bo.address, at(TUESDAY), "test")
    request_links(database, SECRET, bo.address, at(TUESDAY))
    deliver_ready(context, lambda: at(TUESDAY, 9))
    pause(database, bo.address, None, at(TUESDAY, 10))
    later = TUESDAY + timedelta(days=6)
    add_papers(database, *make_papers(4, first=80, announced_on=later), now=at(later, 1), upvotes=9)
    resume(database, SECRET, bo.address, at(later))
    deliver_ready(context, lambda: at(later))
    unsubscribe(database, SECRET, bo.key, at(later, 9), "web")
    deliver_ready(context, lambda: at(later, 9))
    kinds = {row.kind for row in deliveries_of(database, bo) if row.status == "sent"}
    assert kinds == {Kind.CONFIRM, Kind.WELCOME, Kind.LINKS, Kind.CATCH_UP, Kind.GOODBYE}
    for mail in mails_of(transport)[bo.address]:
        assert mail["Subject"].startswith("⟦")
        assert f'<html lang="{pseudo_language}"' in part(mail, "html")


def test_the_note_of_a_quiet_day_and_of_a_short_digest_are_in_the_language(
    database: Database, pseudo_language: str
) -> None:
    transport = MemoryTransport()
    context = delivery_context(database, transport, wait_policy=WaitPolicy(quiet_day="note"))
    add_papers(database, *make_papers(4))
    bo = add_subscriber(database, "bo@example.org", topics=["robot grasping"], language=pseudo_language)
    deliver_due(context, at(TUESDAY))
    deliver_due(context, at(WEDNESDAY) + timedelta(hours=12))
    short, quiet = (part(mail, "plain") for mail in mails_of(transport)[bo.address])
    assert "⟦Fewer papers than usual" in one_line_of(str(deliveries_of(database, bo)[0].contents["note"]))
    assert "⟦A quiet day⟧" in quiet
    assert "⟦No new papers have come in since your last digest.⟧" in one_line_of(quiet)
    assert "⟦A quiet day⟧" not in short


def one_line_of(text: str) -> str:
    return " ".join(text.split())


def test_a_preview_is_in_the_language_of_its_subscriber(database: Database, pseudo_language: str) -> None:
    add_papers(database, *make_papers(12), upvotes=4)
    bo = add_subscriber(database, "bo@example.org", topics=["robot grasping"])
    context = delivery_context(database)
    with database.read() as connection:
        selection = preview(connection, context.composer, bo, TUESDAY, at(TUESDAY))
    english = preview_mail(selection, IMPRINT, links(), renderer(), at(TUESDAY))
    other = replace(selection, subscriber=replace(bo, language=pseudo_language))
    translated = preview_mail(other, IMPRINT, links(), renderer(), at(TUESDAY))
    assert "⟦" not in english.text + english.subject
    assert translated.subject.startswith("⟦")
    # What is cached of a paper and of a reason is cached for each language.
    assert preview_mail(selection, IMPRINT, links(), renderer(), at(TUESDAY)) == english


def test_an_unknown_language_is_refused(database: Database) -> None:
    bo = add_subscriber(database, "bo@example.org")
    with pytest.raises(BadInput, match=r"There is no language 'tlh'; choose one of en"):
        edit_language(database, bo, "tlh")
    assert subscriber_now(database, bo.address).language == "en"


def test_a_stored_language_that_is_not_known_any_more_means_english(database: Database) -> None:
    add_papers(database, *make_papers(3))
    bo = add_subscriber(database, "bo@example.org")
    with database.begin() as connection:
        connection.exec_driver_sql("UPDATE subscribers SET language = 'tlh'")
    transport = MemoryTransport()
    deliver_due(delivery_context(database, transport), at(TUESDAY))
    (mail,) = mails_of(transport)[bo.address]
    assert '<html lang="en"' in part(mail, "html")
