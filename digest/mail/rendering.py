"""Renders the content of a mail (`content`) with its templates to subject, text and HTML.

The templates of a mail are a folder with `subject.txt`, `body.txt` and `body.mjml`, which extend the files of
the same names in `_base/`. HTML is escaped, text and subject are not. An undefined variable is an error.
The fragments of a paper (`paper.*`, `links.*`) are rendered once per paper and cached; only the reason and the
feedback links are rendered for each subscriber. The language is the current one (`digest.text.languages`). Rendering is
deterministic: equal content in one language gives equal bytes.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from markupsafe import Markup

from digest.domain.delivery import Kind
from digest.domain.pick import Card, is_web_address
from digest.domain.subscriber import Layout
from digest.mail import opening, paper_facts
from digest.mail.content import (
    HEADINGS,
    ConfirmationContent,
    DigestContent,
    GoodbyeContent,
    Heading,
    LinksContent,
    PickContent,
    heading_of,
)
from digest.mail.quoted_printable import transferred_size
from digest.mail.template_compiler import MailTemplates
from digest.text import formatting
from digest.text.languages import current_language, gettext, ngettext

HTML_LIMIT = 85_000
"""Bytes of encoded HTML. Gmail clips a message at about 102 kB, which hides the unsubscribe link."""
TITLE_LIMIT = 280
ABOUT_LIMIT = 300
REASON_LIMIT = 300
NOTE_LIMIT = 600
OPERATOR_LIMIT = 300
CARD_FRAME = 400
"""Minimum bytes of a card's markup and its two feedback links, without the paper's texts."""
SUMMARY_LIMITS = (200, 110, 0)
"""Characters of each summary. The next limit is tried when the mail exceeds HTML_LIMIT."""
CACHED_CARDS = 4096
"""Rendered papers in the cache: a few editions, about 4 kB each."""

_Transactional = ConfirmationContent | LinksContent | GoodbyeContent


@dataclass(frozen=True, slots=True)
class _Fragments:
    """A rendered paper, without its number, reason and feedback link."""

    title: str
    title_html: Markup
    paper_html: Markup
    links_html: Markup
    paper_text: str
    footnote: str
    """The addresses of the paper for the text part; the first line is that of the title."""


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """The subject on one line, the text part and the HTML part."""

    subject: str
    text: str
    html: str
    """Empty for a mail of text only."""
    dropped: tuple[str, ...] = ()
    """Ids of the papers that were left out to keep the HTML within HTML_LIMIT."""


class Renderer:
    """Renders all mails. Compiles the templates below `templates` (the folder `templates/email`) when created.

    Thread-safe.
    """

    def __init__(self, templates: Path, cached_cards: int = CACHED_CARDS) -> None:
        self._templates = MailTemplates(templates)
        self._fragments = lru_cache(cached_cards)(self._render_card)

    def digest(self, content: DigestContent) -> RenderedMail:
        """Render a digest, with at most HTML_LIMIT bytes of encoded HTML.

        If it is too long, the summaries are shortened. If that is not enough, papers are left out: first the
        lowest-ranked of "everyone", then of "for you". The mail says how many, `RenderedMail.dropped` which.
        """
        name = _template(content)
        picks = opening.lead_first(content.picks)
        if content.layout == Layout.TEXT:
            variables = self._digest_variables(content, picks, SUMMARY_LIMITS[0])
            return RenderedMail(variables["subject"], self._fill_text(name, variables), "")
        for limit in SUMMARY_LIMITS:
            variables = self._digest_variables(content, picks, limit)
            html = self._fill_html(name, variables)
            excess = transferred_size(html, HTML_LIMIT) - HTML_LIMIT
            if excess <= 0:
                break
        while excess > 0 and picks:
            picks = self._without_lowest(picks, excess)
            variables = self._digest_variables(content, picks, SUMMARY_LIMITS[-1])
            html = self._fill_html(name, variables)
            excess = transferred_size(html, HTML_LIMIT) - HTML_LIMIT
        shown = {id(pick) for pick in picks}
        return RenderedMail(
            subject=variables["subject"],
            text=self._fill_text(name, variables),
            html=html,
            dropped=tuple(pick.card.paper_id for pick in content.picks if id(pick) not in shown),
        )

    def confirm(self, confirmation: ConfirmationContent) -> RenderedMail:
        """Render a confirmation request."""
        days = confirmation.expires_in_days
        variables: dict[str, Any] = {
            "confirm_url": confirmation.confirm_url,
            "expiry": ngettext("The link works for %(num)s day.", "The link works for %(num)s days.", days),
            "preheader": gettext("Please confirm that you want trending papers by mail."),
        }
        return self._transactional("confirm", confirmation, variables)

    def links(self, own: LinksContent) -> RenderedMail:
        """Render a mail with a subscriber's links."""
        variables: dict[str, Any] = {
            "own": own,
            "preheader": gettext("Preferences, feed, past digests, unsubscribe."),
        }
        return self._transactional("links", own, variables)

    def goodbye(self, goodbye: GoodbyeContent) -> RenderedMail:
        """Render the mail after an unsubscription."""
        variables: dict[str, Any] = {
            "undo_url": goodbye.undo_url,
            "preferences_url": goodbye.preferences_url,
            "preheader": gettext("This is the last mail. One link brings your digests back."),
        }
        return self._transactional("goodbye", goodbye, variables)

    def cache_counts(self) -> tuple[int, int]:
        """Return the number of rendered papers in the cache, and of cache hits."""
        info = self._fragments.cache_info()
        return info.currsize, info.hits

    def _digest_variables(
        self, content: DigestContent, picks: tuple[PickContent, ...], limit: int
    ) -> dict[str, Any]:
        """Return the templates' variables. `sections` is a list of (heading, [(number, pick, fragments, reason)])."""
        shown: dict[Heading, list[Any]] = {key: [] for key in HEADINGS}
        language = current_language()
        for pick in picks:
            fragments = self._fragments(pick.card, limit, pick.author, language)
            shown[heading_of(pick.section, pick.card)].append((pick, fragments))
        numbers = count(1)
        sections = [
            (
                gettext(HEADINGS[key]),
                [
                    (next(numbers), pick, fragments, formatting.shorten(pick.reason, REASON_LIMIT))
                    for pick, fragments in of_section
                ],
            )
            for key, of_section in shown.items()
            if of_section
        ]
        lead = opening.lead_of(picks)
        titles = [fragments.title for _, of_section in sections for _, _, fragments, _ in of_section]
        lead_title = formatting.shorten(lead.card.title, TITLE_LIMIT) or lead.card.paper_id if lead else ""
        about = formatting.shorten(content.about, ABOUT_LIMIT)
        frequency = _frequency(content.frequency)
        preheader = opening.preheader([title for title in titles if title != lead_title])
        preheader = preheader or formatting.shorten(content.note or content.about, 140)
        variables: dict[str, Any] = {
            "content": content,
            "is_compact": content.layout == Layout.COMPACT,
            "sections": sections,
            "papers": len(titles),
            "lead": opening.with_others(opening.subject_title(lead_title), len(titles)) if lead else "",
            "reading_time": opening.reading_time(len(titles)),
            "dropped": _more_on_the_web(len(content.picks) - len(picks)),
            "holdings": formatting.holdings(
                len(shown["for_you"]), len(shown["everyone"]), content.considered, len(shown["new"])
            ),
            "about": about,
            "asked_for": gettext("You asked for: %(topics)s", topics=about),
            "note": formatting.shorten(content.note, NOTE_LIMIT),
            "marked": [(formatting.shorten(title, TITLE_LIMIT), url) for title, url in content.marked],
            "frequency": frequency,
            "signed_up": gettext(
                "You get this mail %(frequency)s because you signed up for it.", frequency=frequency
            ),
            "preheader": preheader,
            "padding": Markup(opening.padding(preheader)),  # noqa: S704 - fixed text
            "operator": formatting.shorten(content.operator, OPERATOR_LIMIT),
            "postal_address": _address_line(content.postal_address),
        }
        variables["subject"] = self._subject(_template(content), variables)
        return variables

    def _transactional(self, name: str, mail: _Transactional, variables: dict[str, Any]) -> RenderedMail:
        variables |= {
            "web_url": mail.web_url,
            "padding": Markup(opening.padding(variables["preheader"])),  # noqa: S704 - fixed text
            "operator": formatting.shorten(mail.operator, OPERATOR_LIMIT),
            "postal_address": _address_line(mail.postal_address),
        }
        variables["subject"] = self._subject(name, variables)
        return RenderedMail(
            subject=variables["subject"],
            text=self._fill_text(name, variables),
            html=self._fill_html(name, variables),
        )

    def _subject(self, name: str, variables: dict[str, Any]) -> str:
        return formatting.one_line(self._templates.text(f"{name}/subject.txt").render(variables))

    def _fill_text(self, name: str, variables: dict[str, Any]) -> str:
        return self._templates.text(f"{name}/body.txt").render(variables).strip("\n") + "\n"

    def _fill_html(self, name: str, variables: dict[str, Any]) -> str:
        return _ascii(self._templates.html(f"{name}/body.html").render(variables))

    def _render_card(self, card: Card, limit: int, followed: str, _language: str) -> _Fragments:
        """Render a card in the current language, which is a part of the cache's key."""
        title = formatting.shorten(card.title, TITLE_LIMIT) or card.paper_id
        shown = paper_facts.authors(card, followed)
        links = paper_facts.links(card)
        paper = {
            "title": title,
            "url": card.abstract_url if is_web_address(card.abstract_url) else "",
            "authors": shown,
            "authors_text": paper_facts.authors_in_text(shown),
            "facts": " · ".join(paper_facts.facts(card)),
            "summary": paper_facts.sentence(card, limit),
            "links": links,
        }
        return _Fragments(
            title=title,
            title_html=self._fragment_html("digest/title.html", paper),
            paper_html=self._fragment_html("digest/paper.html", paper),
            links_html=self._fragment_html("digest/links.html", paper),
            paper_text=self._templates.text("digest/paper.txt").render(paper),
            footnote=self._templates.text("digest/links.txt").render(paper).rstrip("\n"),
        )

    def _fragment_html(self, name: str, variables: dict[str, Any]) -> Markup:
        # The output of an escaping template is safe inside another.
        return Markup(_ascii(self._templates.html(name).render(variables)))  # noqa: S704

    def _without_lowest(self, picks: tuple[PickContent, ...], excess: int) -> tuple[PickContent, ...]:
        """Return the picks without the lowest-ranked ones, enough of them to free `excess` bytes, at least one."""
        everyone = [pick for pick in picks if pick.section == "everyone"]
        for_you = [pick for pick in picks if pick.section == "for_you"]
        left_out = set[int]()
        for pick in (*reversed(everyone), *reversed(for_you)):
            if excess <= 0:
                break
            fragments = self._fragments(pick.card, SUMMARY_LIMITS[-1], pick.author, current_language())
            excess -= (
                transferred_size(fragments.title_html + fragments.paper_html + fragments.links_html, 0)
                + CARD_FRAME
            )
            left_out.add(id(pick))
        return tuple(pick for pick in picks if id(pick) not in left_out)


def _ascii(html: str) -> str:
    """Return `html` with character references for non-ASCII characters, which are shorter than quoted-printable."""
    return html if html.isascii() else html.encode("ascii", "xmlcharrefreplace").decode("ascii")


@lru_cache(64)
def _address_line(address: str) -> str:
    lines = (formatting.one_line(line).rstrip(",") for line in address.splitlines())
    return formatting.shorten(", ".join(filter(None, lines)), OPERATOR_LIMIT)


def _more_on_the_web(dropped: int) -> str:
    """Return "3 more on the web page"; "" for none."""
    return (
        ngettext("%(num)s more on the web page", "%(num)s more on the web page", dropped) if dropped else ""
    )


def _frequency(frequency: str) -> str:
    """Return a frequency in words: one of the frequencies, or a phrase in the language of the mail."""
    known = formatting.FREQUENCIES.get(frequency)
    return gettext(known) if known else formatting.shorten(frequency, 60)


def _template(content: DigestContent) -> str:
    """Return the folder of templates for a mail with papers: that of its kind, or that of a mail without any."""
    if not content.picks and content.kind in {Kind.DIGEST, Kind.WEEKLY}:
        return "quiet"
    return content.kind.value
