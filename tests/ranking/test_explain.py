"""Reasons are true: what they name carried the score, and takes its share of it along when it goes."""

from datetime import UTC, datetime

import numpy as np
import pytest

from digest.ranking.corpus import ReferenceCorpus
from digest.ranking.explain import Naming, Reason, Row, contributions, reasons
from digest.ranking.profile import Interest, Profile, build_profile
from digest.ranking.terms import Statistics, count_terms, unpack_counts
from digest.sample import sample_items

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAPERS = list({one.paper.id: one.paper for one in sample_items(NOW)}.values())
COUNTS = count_terms([(paper.title, paper.abstract) for paper in PAPERS])
STATISTICS = Statistics.empty().adding(COUNTS, 1)
ROWS = STATISTICS.weigh(COUNTS)
REFERENCE = ReferenceCorpus.build(STATISTICS, COUNTS)
TOPICS = ("3D gaussian splatting", "fast radio bursts", "long-context language models", "protein design")


def profile(topic: str) -> Profile:
    return build_profile([topic], unpack_counts([]), unpack_counts([]), REFERENCE)


def row(place: int) -> Row:
    start, end = ROWS.indptr[place], ROWS.indptr[place + 1]
    return ROWS.indices[start:end], ROWS.data[start:end]


def product(interest: Interest, paper: Row) -> float:
    return sum(contributions(interest, paper).values())


def best_fits(interest: Interest, most: int = 5) -> list[int]:
    fits = {place: product(interest, row(place)) for place in range(len(PAPERS))}
    return sorted((place for place in fits if fits[place] > 0.1), key=lambda place: -fits[place])[:most]


def named(interest: Interest, place: int) -> tuple[Reason, ...]:
    return reasons(interest, row(place), Naming(PAPERS[place].title, PAPERS[place].abstract))


@pytest.mark.parametrize("topic", TOPICS)
def test_taking_a_reason_out_lowers_the_score_by_its_share(topic: str) -> None:
    interest = profile(topic).interests[0]
    for place in best_fits(interest):
        before = product(interest, row(place))
        for reason in named(interest, place):
            buckets, weights = row(place)
            without = np.where(np.isin(buckets, reason.buckets), 0, weights).astype(np.float32)
            assert product(interest, (buckets, without)) == pytest.approx(
                before * (1 - reason.share), rel=1e-4
            )


@pytest.mark.parametrize("topic", TOPICS)
def test_reasons_are_written_as_the_paper_writes_them(topic: str) -> None:
    interest = profile(topic).interests[0]
    for place in best_fits(interest):
        found = named(interest, place)
        text = f"{PAPERS[place].title}\n{PAPERS[place].abstract}"
        assert found
        assert all(reason.term in text for reason in found)
        assert len({bucket for reason in found for bucket in reason.buckets}) == sum(
            len(reason.buckets) for reason in found
        )


@pytest.mark.parametrize("topic", TOPICS)
def test_the_best_paper_is_explained_by_the_subscribers_own_words(topic: str) -> None:
    interest = profile(topic).interests[0]
    first = named(interest, best_fits(interest)[0])[0].term.lower()
    assert set(first.replace("-", " ").split()) & set(topic.lower().replace("-", " ").split())


def test_a_phrase_is_named_rather_than_its_words() -> None:
    text = "A study of neural radiance fields. Neural radiance fields are slow."
    counts = count_terms([("Neural radiance fields", text)])
    paper = Statistics.empty().weigh(counts)
    interest = Interest("all", paper.indices, paper.data)

    found = reasons(interest, (paper.indices, paper.data), Naming("Neural radiance fields", text))

    assert found[0].term.lower() == "neural radiance fields"


def test_words_that_only_a_stop_word_joins_are_no_phrase() -> None:
    naming = Naming("The size of the telescope", "")
    counts = count_terms([("The size of the telescope", "")])
    names = [span.surface for bucket in counts.indices.tolist() if (span := naming.name(bucket))]
    assert sorted(names) == ["size", "telescope"]


def test_what_does_not_fit_has_no_reasons() -> None:
    interest = profile("fast radio bursts").interests[0]
    opposite = Interest("not", interest.terms, -interest.weights)
    assert named(opposite, best_fits(interest)[0]) == ()


@pytest.mark.parametrize("text", ["", "…", "a", "<b>{{ 7*7 }}</b>", "\u202eevil\u202c", "x" * 10_000, "é́́"])
def test_any_text_can_be_named(text: str) -> None:
    counts = count_terms([(text, text)])
    naming = Naming(text, text)
    for bucket in counts.indices.tolist():
        span = naming.name(bucket)
        assert span is None or (bucket in span.buckets and len(span.surface) <= 48)
        assert all(longer.surface in f"{text}\n{text}" for longer in naming.longer(bucket))
