"""Checks that every mail can be built: its templates compile, and render a paper."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

from digest.delivery.build_mail import build_mail
from digest.delivery.composed_mail import ComposedMail, SenderIdentity
from digest.delivery.sample_mail import NO_KEY
from digest.doctor.check import Check, attempt, good
from digest.domain.delivery import PAPER_KINDS, Kind, Section
from digest.domain.pick import Card, Pick, PickReason
from digest.domain.subscriber import Layout
from digest.mail.rendering import Renderer
from digest.subscribers.links import Links
from digest.text.languages import LANGUAGES

_NAME = "templates"


def examine_templates(
    open_renderer: Callable[[], Renderer], links: Links, imprint: SenderIdentity, now: datetime
) -> Check:
    """Build a mail of each kind, layout and language for nobody; send and store nothing."""
    renderer = attempt(_NAME, open_renderer, "Install this program again; its templates are damaged.")
    if isinstance(renderer, Check):
        return renderer
    mails = [replace(mail, language=tag) for mail in sample_mails(imprint, now) for tag in LANGUAGES]
    for mail in mails:
        built = attempt(
            _NAME,
            lambda mail=mail: build_mail(mail, links, renderer).to_bytes(),  # type: ignore[misc]
            f"The mail of the kind {mail.kind} cannot be built: undo the changes of its templates.",
        )
        if isinstance(built, Check):
            return built
    return good(_NAME, f"{len(mails)} mails, one of each kind, layout and language, can be built.")


def sample_mails(imprint: SenderIdentity, now: datetime) -> list[ComposedMail]:
    """Return a mail of each kind, those with papers in each layout, and a digest without papers."""
    plain = ComposedMail(
        kind=Kind.DIGEST,
        subscriber_key=NO_KEY,
        recipient="nobody@example.org",
        edition_on=now.date(),
        composed_at=now,
        imprint=imprint,
        considered=1,
        about="gaussian splats",
        note="There are no new papers today.",
        frequency="daily at 7:00 UTC",
    )
    papers = (_pick(now.date()),)
    with_papers = [
        replace(plain, kind=kind, layout=layout, note="", away_since=now.date(), picks=papers)
        for kind in PAPER_KINDS
        for layout in Layout
    ]
    return [plain, *with_papers, *(replace(plain, kind=kind) for kind in Kind if kind not in PAPER_KINDS)]


def _pick(day: date) -> Pick:
    card = Card(
        paper_id="2511.00001",
        title="A title with $x^2$ & <signs>",
        authors=("Ada Fern",),
        abstract="An abstract.",
        categories=("cs.CV",),
        announced_on=day,
        abstract_url="https://arxiv.org/abs/2511.00001",
        pdf_url="https://arxiv.org/pdf/2511.00001",
        links=(),
        popularity="",
    )
    return Pick(
        paper_row_id=0,
        card=card,
        card_sha256="",
        section=Section.FOR_YOU,
        score=0.5,
        reason=PickReason(terms=(("splats", 1.0),), interest="gaussian splats"),
    )
