"""The fields of papers in the feeds of journals and blogs, in the forms that publishers use."""

from datetime import date

import pytest

from digest.domain.paper import FeedItem
from digest.papers.sources.journal_feed import read_page
from tests.papers import journal_samples as samples
from tests.papers.feed_answers import NOW, TODAY
from tests.papers.samples import ABSTRACT


def only(document: str) -> FeedItem:
    (item,) = read_page(document.encode(), "rss:gulls", NOW)
    assert isinstance(item, FeedItem)
    return item


def test_an_item_of_nature_has_doi_authors_date_and_abstract() -> None:
    paper = only(samples.rdf_feed(samples.rdf_item())).paper
    assert paper.id == "10.1101/s41586-026-00001-1"
    assert paper.title == "Counting Gulls s41586-026-00001-1"
    assert paper.authors == ("Ada Fern", "Li Reed")
    assert paper.announced_on == date(2026, 3, 3)
    assert paper.categories == ("rss:gulls",)
    assert paper.links == {"page": "https://www.nature.com/articles/s41586-026-00001-1"}
    assert paper.abstract == ABSTRACT


def test_a_post_of_a_blog_is_known_by_its_title_and_leads_to_its_page() -> None:
    paper = only(samples.rss_feed(samples.WORDPRESS_ITEM)).paper
    assert paper.id.startswith("title:")
    assert paper.title == "What the fog taught us \N{EN DASH} a note"
    assert paper.abstract == "Fog is thick, about ~50% of it.\nGulls cost $5 or $10."
    assert paper.links == {"page": "https://gulls.example.org/2026/03/fog/"}
    # The day in UTC.
    assert paper.announced_on == date(2026, 3, 4)


def test_the_facts_of_elsevier_are_no_abstract() -> None:
    paper = only(samples.rss_feed(samples.ELSEVIER_ITEM)).paper
    assert paper.title == "Lamps for lighthouses of the northern coast"
    assert paper.authors == ("Ada Fern", "Bo Li", "René Moss")
    assert paper.abstract == ""
    # Without a date in the feed, the day on which it is read counts.
    assert paper.announced_on == TODAY


def test_an_item_of_an_atypon_journal_has_its_heading_removed() -> None:
    paper = only(samples.rss_feed(samples.ATYPON_ITEM)).paper
    assert paper.id == "10.1002/gull.17"
    assert paper.authors == ("Ada Fern", "Bo Li")
    assert paper.abstract == "Echoes of H2O are counted."
    assert paper.announced_on == date(2026, 3, 1)


def test_an_atom_entry_may_have_elements_inside_its_content() -> None:
    paper = only(samples.ATOM_FEED).paper
    assert paper.title == "Gulls & fog"
    assert paper.abstract == "Fog hides gulls.\nThey wait."
    assert paper.authors == ("Ada Fern", "Li Reed")
    assert paper.announced_on == date(2026, 3, 2)
    assert paper.links == {"page": "https://fog.example.org/gulls"}


def test_a_date_in_the_future_is_the_day_of_reading() -> None:
    item = samples.rdf_item().replace("<dc:date>2026-03-03", "<dc:date>2026-05-01")
    assert only(samples.rdf_feed(item)).paper.announced_on == TODAY


def test_a_link_to_arxiv_gives_the_arxiv_id() -> None:
    item = samples.WORDPRESS_ITEM.replace(
        "https://gulls.example.org/2026/03/fog/", "https://arxiv.org/abs/2603.00001v1"
    )
    assert only(samples.rss_feed(item)).paper.id == "2603.00001"


@pytest.mark.parametrize(
    ("creator", "authors"),
    [
        ("Fern, Ada", ("Fern, Ada",)),
        ("Ada Fern, Bo Li", ("Ada Fern", "Bo Li")),
        ("Fern, Ada; Li, Bo", ("Fern, Ada", "Li, Bo")),
        ("ada@example.org (Ada Fern)", ("Ada Fern",)),
        ("", ()),
    ],
)
def test_names_are_split_where_they_are_several(creator: str, authors: tuple[str, ...]) -> None:
    item = samples.WORDPRESS_ITEM.replace("<![CDATA[Ada Fern]]>", creator)
    assert only(samples.rss_feed(item)).paper.authors == authors
