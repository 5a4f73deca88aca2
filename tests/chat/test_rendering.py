"""The text of posts: one message in the limits of each service, in which a hostile title does nothing."""

from dataclasses import replace
from typing import Any

import pytest

from digest.chat.rendering import LIMITS, PostRenderer, escaped
from digest.domain.channel import Service
from digest.domain.delivery import Section
from digest.domain.pick import Card, Pick, PickReason
from tests.factories import MONDAY, TEMPLATES

RENDERER = PostRenderer(TEMPLATES.parent / "chat")


def make_pick(number: int = 1, section: Section = Section.FOR_YOU, **card: Any) -> Pick:
    usual: dict[str, Any] = {
        "paper_id": f"2603.{number:05}",
        "title": f"Study {number}",
        "authors": (),
        "abstract": "",
        "categories": (),
        "announced_on": MONDAY,
        "abstract_url": f"https://arxiv.org/abs/2603.{number:05}",
    }
    reason = PickReason(terms=(("splats", 0.9),), interest="view synthesis")
    return Pick(number, Card(**{**usual, **card}), "", section, 0.5, reason)


def test_a_post_has_the_day_the_sections_and_for_each_paper_title_link_and_reason() -> None:
    picks = [make_pick(1), make_pick(2), make_pick(3, Section.EVERYONE, popularity="9 upvotes")]
    assert RENDERER.digest(MONDAY, picks, Service.SLACK) == (
        "**Trending papers, 2 March 2026**\n\n"
        "**For you**\n\n"
        "• [Study 1](<https://arxiv.org/abs/2603.00001>)  \nClose to *view synthesis* — splats.\n\n"
        "• [Study 2](<https://arxiv.org/abs/2603.00002>)  \nClose to *view synthesis* — splats.\n\n"
        "**What everyone reads**\n\n"
        "• [Study 3](<https://arxiv.org/abs/2603.00003>)  \nClose to *view synthesis* — splats.\n"
    )


@pytest.mark.parametrize("service", Service)
def test_ten_papers_with_long_titles_fit_into_one_message(service: Service) -> None:
    picks = [make_pick(number, title="Splatting of rooms [x] " * 30) for number in range(10)]
    text = RENDERER.digest(MONDAY, picks, service)
    assert len(text) <= LIMITS[service]
    assert text.count("•") == 10
    assert "did not fit" not in text


@pytest.mark.parametrize("service", Service)
def test_papers_that_do_not_fit_are_counted(service: Service) -> None:
    url = "https://doi.org/" + "1" * 200
    picks = [make_pick(number, title="Rooms " * 90, abstract_url=url) for number in range(50)]
    text = RENDERER.digest(MONDAY, picks, service)
    shown = text.count("•")
    assert 0 < shown < 50
    assert len(text) <= LIMITS[service]
    assert f"{50 - shown} more did not fit into this message." in text


def test_a_hostile_title_is_text() -> None:
    hostile = "<!channel> @everyone [x](https://evil.example) **b** `c` ~d~ |e| \\<u>"
    assert escaped(hostile) == (
        "\\<!channel\\> @\u200beveryone \\[x\\](https://evil.example) "
        "\u2217\u2217b\u2217\u2217 'c' \u223cd\u223c \u2223e\u2223 \u2216\\<u\\>"
    )


def test_a_paper_without_a_usable_address_is_no_link() -> None:
    picks = [make_pick(abstract_url="javascript:alert(1)"), make_pick(2, abstract_url="https://x.org/a\\b")]
    text = RENDERER.digest(MONDAY, picks, Service.DISCORD)
    assert "• Study 1  \n" in text
    assert "(<https://x.org/a%5Cb>)" in text


def test_a_paper_without_a_reason_has_one_line() -> None:
    text = RENDERER.digest(MONDAY, [replace(make_pick(), reason=PickReason())], Service.DISCORD)
    assert text.endswith("• [Study 1](<https://arxiv.org/abs/2603.00001>)\n")


def test_the_first_message_says_when_digests_come() -> None:
    text = RENDERER.first("every day at 7:00 (UTC)")
    assert text == "This channel gets the new papers of your team: every day at 7:00 (UTC).\n"
