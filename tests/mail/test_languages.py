"""Mails in other languages: every text is translated, the script may run from right to left, and English stays as it is."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from digest.delivery.build_mail import build_mail
from digest.delivery.composed_mail import ComposedMail, SenderIdentity
from digest.delivery.decisions import NOTES, short_note
from digest.doctor.templates import sample_mails
from digest.domain.delivery import PAPER_KINDS, Kind, Section
from digest.domain.pick import Card, Pick, PickReason
from digest.domain.reason_line import RATED
from digest.domain.votes import Votes
from digest.mail.message import Message
from digest.mail.rendering import Renderer
from digest.mail.template_compiler import mirrored
from digest.subscribers.links import Links
from digest.text.languages import gettext, use_language
from tests.factories import SECRET
from tests.pseudo_language import RIGHT_TO_LEFT, unmarked, unmarked_in_html

NOW = datetime(2025, 11, 22, 6, tzinfo=UTC)
IMPRINT = SenderIdentity(
    "Papers <digest@papers.example.org>", "The library", "1 Science Road", "papers.example.org"
)
LINKS = Links("https://papers.example.org", SECRET)
TITLE = "Sparse splats for rooms"
ABSTRACT = "We introduce a dataset of rooms. We also introduce a benchmark for splats."
DATES = ["sabato, la 22-a de Novembro 2025", "sabato", "sa, 22 Nov", "22 Novembro 2025", "22 Nov"]
"""In Esperanto: they come from the locale, not from a catalogue."""
DATA = [
    *DATES,
    "The library", "1 Science Road", "gaussian splats", TITLE, "A marked paper", "Ada Fern", "Bo Li", "view synthesis",
    "Computer Vision", "PDF", *ABSTRACT.replace(".", "").split(". "), "We introduce a dataset of rooms",
    "We also introduce a benchmark for splats",
]  # fmt: skip
REASONS = (
    PickReason(author="Bo Li"),
    PickReason(terms=(("view synthesis", 0.9),)),
    PickReason(interest="gaussian splats", liked=TITLE),
    *(
        PickReason(((name, share), *others), is_typed=is_typed, interest=interest)
        for share in (0.3, 0.9)
        for others in ((), (("view synthesis", 0.1),))
        for name, is_typed, interest in (
            ("gaussian splats", True, "gaussian splats"),
            ("view synthesis", False, "gaussian splats"),
            ("view synthesis", False, RATED),
        )
    ),
    PickReason(interest=RATED),
    PickReason(interest="gaussian splats"),
)
VOTES = (Votes(1), Votes(38), Votes(38, 21, 1), Votes(1200, 3, 4), Votes(0, citations=3), None)


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    # One of its own: it keeps the templates of the pseudo-languages.
    return Renderer(Path(__file__).parents[2] / "templates" / "email")


def picks_of(mail: ComposedMail) -> tuple[Pick, ...]:
    """Return a pick for each reason and each popularity, in every section."""
    (sample,) = mail.picks
    card = replace(sample.card, title=TITLE, abstract=ABSTRACT, authors=("Ada Fern", "Bo Li"),
                   links=(("Code", "https://x.org"), ("Project", "https://x.org")))  # fmt: skip
    return tuple(
        replace(
            sample,
            card=replace(card, paper_id=f"2511.{number:05}", votes=votes, popularity=votes.in_english() if votes else ""),
            reason=reason,
            section=section,
        )
        for number, (reason, votes, section) in enumerate(
            [(reason, VOTES[number % 6], Section.FOR_YOU) for number, reason in enumerate(REASONS)]
            + [(PickReason(), votes, Section.EVERYONE) for votes in VOTES]
        )
    )  # fmt: skip


def every_mail(language: str) -> list[ComposedMail]:
    """Return a mail of each kind and layout, with and without papers, topics and notes, composed in a language."""
    with use_language(language):
        notes = [gettext(note) for note in NOTES.values()]
        notes += [short_note(3, 10, considered) for considered in (2, 1200)]
        frequency = "daily"
    mails: list[ComposedMail] = []
    for sample in sample_mails(IMPRINT, NOW):
        mail = replace(sample, language=language, note="", about="gaussian splats", frequency=frequency)
        if sample.picks:
            mail = replace(mail, picks=picks_of(sample), marked=(("A marked paper", "https://x.org"),))
        without = replace(mail, picks=(), about="", away_since=None, marked=())
        mails += [mail, without, replace(without, away_since=mail.edition_on)]
        mails += [replace(mail, about="", away_since=None, marked=(), frequency="weekly")]
    quiet = replace(mails[0], kind=Kind.DIGEST, picks=(), frequency="weekdays")
    mails += [replace(quiet, note=note) for note in notes]
    return [
        replace(mail, past=(mail.edition_on,)) if mail.kind not in PAPER_KINDS else mail for mail in mails
    ]


def name_of(mail: ComposedMail) -> str:
    return f"{mail.kind}, {mail.layout}, {len(mail.picks)} papers"


def test_every_text_of_every_mail_is_translated(renderer: Renderer, pseudo_language: str) -> None:
    for mail in every_mail(pseudo_language):
        built = build_mail(mail, LINKS, renderer)
        assert unmarked(built.subject, DATA) == [], name_of(mail)
        assert unmarked(built.text, DATA) == [], name_of(mail)
        assert unmarked_in_html(built.html, DATA) == [], name_of(mail)


@pytest.mark.usefixtures("pseudo_language")
def test_a_mail_runs_from_right_to_left(renderer: Renderer) -> None:
    for mail in every_mail(RIGHT_TO_LEFT):
        html = build_mail(mail, LINKS, renderer).html
        assert not html or f'<html lang="{RIGHT_TO_LEFT}" dir="rtl"' in html, name_of(mail)
        assert '<td align="left" class="side' not in html
        assert "direction:ltr" not in html
        assert "text-align:left" not in html
        # The bar is at the right of the wordmark.
        assert "padding:0 0 0 10px" not in html
    left, right = (
        '<td align="right" style="padding:1px 2px 3px 4px;text-align:left">',
        '<td align="left" style="padding:1px 4px 3px 2px;text-align:right">',
    )
    assert (mirrored(left), mirrored(right)) == (right, left)


def test_a_mail_does_not_depend_on_the_languages_of_those_before_it(
    renderer: Renderer, pseudo_language: str
) -> None:
    built: dict[str, list[Message]] = {}
    for language in ("en", pseudo_language, RIGHT_TO_LEFT, "en", RIGHT_TO_LEFT, pseudo_language):
        mails = [build_mail(mail, LINKS, renderer) for mail in every_mail(language)[:8]]
        assert built.setdefault(language, mails) == mails
    assert all("⟦" not in mail.text and "&#10214;" not in mail.html for mail in built["en"])


def test_a_card_of_an_earlier_version_says_its_votes_in_english(
    renderer: Renderer, pseudo_language: str
) -> None:
    mail = every_mail(pseudo_language)[4]
    (first, *_) = mail.picks
    old = Card.from_json({**first.card.to_json(), "votes": None, "popularity": "38 upvotes, +21 today"})
    text = build_mail(replace(mail, picks=(replace(first, card=old),)), LINKS, renderer).text
    assert "· 38 upvotes, +21 ·" in text
