import gzip
import json
import re
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from digest.domain.paper import FeedItem, Paper, Popularity
from digest.papers.identifiers import canonical_id
from digest.sample import SAMPLE_SUBSCRIBERS, SampleSubscriber, sample_items

NOW = datetime(2026, 11, 19, 15, 30, tzinfo=UTC)
JUST_AFTER_MIDNIGHT = datetime(2027, 1, 1, 0, 10, tzinfo=UTC)

WORDS = {
    "ana.moreau@example.org": r"long-context|retriev|rerank|\bagents?\b",
    "kenji.ito@example.org": r"manipulat|grasp|gaussian|splat|novel view",
    "ruth.adeyemi@example.org": r"fast radio burst|supernova|kilonova|exoplanet|protein design",
}


def sample_papers(now: datetime = NOW) -> dict[str, Paper]:
    return {item.paper.id: item.paper for item in sample_items(now)}


def histories(now: datetime = NOW) -> dict[str, list[Popularity]]:
    found: defaultdict[str, list[Popularity]] = defaultdict(list)
    for item in sample_items(now):
        if item.popularity:
            found[item.paper.id].append(item.popularity)
    return dict(found)


def hits(words: str, paper: Paper) -> bool:
    return re.search(words, f"{paper.title} {paper.abstract}", re.IGNORECASE) is not None


def announced(paper: Paper) -> date:
    assert paper.announced_on is not None
    return paper.announced_on


def test_there_are_48_papers_with_different_ids_titles_and_abstracts() -> None:
    papers = sample_papers().values()
    assert len(papers) == 48
    assert len({paper.title for paper in papers}) == 48
    assert len({paper.abstract for paper in papers}) == 48


def test_all_items_of_a_paper_are_equal() -> None:
    seen: dict[str, Paper] = {}
    for item in sample_items(NOW):
        assert seen.setdefault(item.paper.id, item.paper) == item.paper


def test_ids_are_canonical_and_never_used_by_arxiv() -> None:
    for paper_id in sample_papers():
        assert canonical_id(paper_id) == paper_id
        assert re.fullmatch(r"2611\.9\d{4}", paper_id)


def test_links_lead_to_example_org_only() -> None:
    links = [link for paper in sample_papers().values() for link in paper.links.items()]
    assert len(links) >= 15
    for kind, address in links:
        assert kind in {"code", "project"}
        assert address.startswith("https://example.org/")


def test_titles_and_authors_are_made_up(shared: Path) -> None:
    papers = sample_papers().values()
    titles = {paper.title.casefold() for paper in papers}
    authors = {author.casefold() for paper in papers for author in paper.authors}
    with gzip.open(shared / "data" / "papers.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            real = json.loads(line)
            assert real["title"].casefold() not in titles
            assert authors.isdisjoint(author.casefold() for author in real["authors"])


def test_abstracts_have_the_length_of_real_ones() -> None:
    for paper in sample_papers().values():
        assert 110 <= len(paper.raw_abstract.split()) <= 190, paper.id
        assert len(paper.raw_abstract) <= 1920, paper.id


def test_texts_are_readable_and_the_raw_tex_is_stored() -> None:
    papers = sample_papers().values()
    assert sum("$" in paper.raw_abstract for paper in papers) >= 15
    assert any(r"\'e" in paper.raw_abstract for paper in papers)
    assert any("\n" in paper.raw_title for paper in papers)
    for paper in papers:
        assert "\n" not in paper.title
        assert not re.search(r"[$\\{}]", paper.title + paper.abstract), paper.id


def test_the_feed_has_difficult_cases_for_mails() -> None:
    papers = sample_papers().values()
    assert any("&" in paper.title for paper in papers)
    assert any('"' in paper.title for paper in papers)
    assert any("\n" in paper.abstract for paper in papers)
    assert sum(paper.withdrawn for paper in papers) == 1
    assert sum(not author.isascii() for paper in papers for author in paper.authors) >= 40


def test_one_pair_of_papers_is_the_same_work_under_two_titles() -> None:
    by_authors = Counter(paper.authors for paper in sample_papers().values())
    assert [count for count in by_authors.values() if count > 1] == [2]


def test_every_author_signs_one_piece_of_work() -> None:
    works = {paper.authors for paper in sample_papers().values()}
    signatures = Counter(author for authors in works for author in authors)
    assert set(signatures.values()) == {1}


def test_the_fields_of_science_are_mixed() -> None:
    archives = {paper.categories[0].split(".")[0] for paper in sample_papers().values()}
    assert archives >= {"cs", "eess", "astro-ph", "quant-ph", "q-bio", "physics", "math", "stat"}


@pytest.mark.parametrize("now", [NOW, JUST_AFTER_MIDNIGHT])
def test_papers_are_announced_on_each_of_the_last_seven_days_most_of_them_late(now: datetime) -> None:
    ages = Counter((now.date() - announced(paper)).days for paper in sample_papers(now).values())
    assert set(ages) == set(range(7))
    assert ages[0] + ages[1] + ages[2] > 48 / 2


@pytest.mark.parametrize("now", [NOW, JUST_AFTER_MIDNIGHT])
def test_no_snapshot_is_in_the_future_or_before_the_announcement(now: datetime) -> None:
    papers = sample_papers(now)
    for paper_id, history in histories(now).items():
        for popularity in history:
            assert popularity.observed_at.utcoffset() == timedelta(0)
            assert announced(papers[paper_id]) <= popularity.observed_at.date()
            assert popularity.observed_at <= now


@pytest.mark.parametrize("now", [NOW, JUST_AFTER_MIDNIGHT])
def test_votes_never_decrease_and_are_observed_until_now(now: datetime) -> None:
    for history in histories(now).values():
        assert history[-1].observed_at == now
        for earlier, later in pairwise(history):
            assert earlier.observed_at < later.observed_at
            assert earlier.upvotes <= later.upvotes
            assert earlier.comments <= later.comments


def test_a_few_papers_rise_clearly_and_many_have_no_votes() -> None:
    last = {paper_id: history[-1].upvotes for paper_id, history in histories().items()}
    assert 4 <= sum(upvotes > 60 for upvotes in last.values()) <= 8
    assert sum(upvotes <= 12 for upvotes in last.values()) >= 12
    assert 48 - len(last) >= 10


def test_equal_instants_give_equal_feeds_in_every_zone() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=13)))
    assert sample_items(NOW) == sample_items(elsewhere)


def test_changing_a_returned_paper_changes_no_other() -> None:
    first = sample_items(NOW)
    for item in first:
        item.paper.links.clear()
    assert any(item.paper.links for item in sample_items(NOW))


def test_the_three_subscribers_differ_in_zone_frequency_and_words() -> None:
    assert len(SAMPLE_SUBSCRIBERS) == 3
    assert {subscriber.email for subscriber in SAMPLE_SUBSCRIBERS} == set(WORDS)
    assert len({subscriber.timezone for subscriber in SAMPLE_SUBSCRIBERS}) == 3
    assert len({subscriber.frequency for subscriber in SAMPLE_SUBSCRIBERS}) == 3
    topics = [topic for subscriber in SAMPLE_SUBSCRIBERS for topic in subscriber.topics]
    assert len(set(topics)) == len(topics)


@pytest.mark.parametrize("subscriber", SAMPLE_SUBSCRIBERS, ids=lambda subscriber: subscriber.email)
class TestSubscriber:
    def test_has_seven_papers_to_get_besides_those_liked(self, subscriber: SampleSubscriber) -> None:
        papers = sample_papers()
        fitting = {
            paper.authors
            for paper in papers.values()
            if hits(WORDS[subscriber.email], paper)
            and paper.id not in subscriber.likes
            and not paper.withdrawn
            and not any(hits(rf"\b{mute}\b", paper) for mute in subscriber.mutes)
        }
        assert len(fitting) >= 7

    def test_shares_no_fitting_paper_with_the_others(self, subscriber: SampleSubscriber) -> None:
        others = [words for email, words in WORDS.items() if email != subscriber.email]
        for paper in sample_papers().values():
            if hits(WORDS[subscriber.email], paper):
                assert not any(hits(words, paper) for words in others), paper.id

    def test_likes_papers_of_the_feed_that_fit(self, subscriber: SampleSubscriber) -> None:
        papers = sample_papers()
        assert 1 <= len(subscriber.likes) <= 2
        assert all(hits(WORDS[subscriber.email], papers[like]) for like in subscriber.likes)

    def test_mutes_a_paper_that_would_fit(self, subscriber: SampleSubscriber) -> None:
        assert len(subscriber.mutes) == 1
        muted = [paper for paper in sample_papers().values() if hits(rf"\b{subscriber.mutes[0]}\b", paper)]
        assert len(muted) == 1
        assert hits(WORDS[subscriber.email], muted[0])

    def test_follows_authors_of_the_feed(self, subscriber: SampleSubscriber) -> None:
        authors = {author for paper in sample_papers().values() for author in paper.authors}
        assert authors.issuperset(subscriber.follow)

    def test_is_never_behind_the_date_of_the_feed(self, subscriber: SampleSubscriber) -> None:
        zone = ZoneInfo(subscriber.timezone)
        for month in range(1, 13):
            now = datetime(2026, month, 28, 0, 5, tzinfo=UTC)
            assert now.astimezone(zone).date() >= max(map(announced, sample_papers(now).values()))

    def test_asks_for_a_sensible_mail(self, subscriber: SampleSubscriber) -> None:
        assert subscriber.email.endswith("@example.org")
        assert 0 <= subscriber.hour <= 23
        assert 5 <= subscriber.max_papers <= 12
        assert subscriber.about.endswith(".")


def test_the_withdrawn_paper_would_trend_without_the_check() -> None:
    withdrawn = [item for item in sample_items(NOW) if item.paper.withdrawn]
    last = withdrawn[-1]
    assert isinstance(last, FeedItem)
    assert last.popularity is not None
    assert last.popularity.upvotes > 40
