"""Reasons are true: what they name carried the score, and takes its share of it along when it goes."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.domain.reason_line import RATED
from digest.ranking.corpus import ReferenceCorpus
from digest.ranking.explain import Reason, Row, contributions, reasons
from digest.ranking.naming import Naming
from digest.ranking.profile import Interest, Profile, build_profile
from digest.ranking.terms import DIMENSIONS, Statistics, count_terms, unpack_counts
from digest.ranking.words import is_modifier, is_noun_like, is_verb_like
from digest.sample import sample_items

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAPERS = list({one.paper.id: one.paper for one in sample_items(NOW)}.values())
COUNTS = count_terms([(paper.title, paper.abstract) for paper in PAPERS])
STATISTICS = Statistics.empty().adding(COUNTS, 1)
ROWS = STATISTICS.weigh(COUNTS)
REFERENCE = ReferenceCorpus.build(STATISTICS, COUNTS)
WORDS = (
    "robot", "grasping", "policies", "we", "propose", "the", "of", "novel", "ultra-long", "videos,", "RAG",
    "retrieval-augmented", "generation.", "MotionGPT", "learn", "data", "large", "language", "models", "quickly",
)  # fmt: skip
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
    return reasons(
        interest, row(place), Naming(PAPERS[place].title, PAPERS[place].abstract, STATISTICS), STATISTICS
    )


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
def test_reasons_are_written_as_the_subscriber_or_the_paper_writes_them(topic: str) -> None:
    interest = profile(topic).interests[0]
    for place in best_fits(interest):
        found = named(interest, place)
        text = f"{PAPERS[place].title}\n{PAPERS[place].abstract}"
        assert found
        assert all(reason.term in (topic if reason.is_typed else text) for reason in found)
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

    naming = Naming("Neural radiance fields", text)
    found = reasons(interest, (paper.indices, paper.data), naming, Statistics.empty())

    assert found[0].term.lower() == "neural radiance fields"


def test_words_that_only_a_stop_word_joins_are_no_phrase() -> None:
    naming = Naming("The lens of the telescope", "")
    counts = count_terms([("The lens of the telescope", "")])
    names = [span.surface for bucket in counts.indices.tolist() if (span := naming.name(bucket))]
    assert sorted(names) == ["lens", "telescope"]


def test_what_does_not_fit_has_no_reasons() -> None:
    interest = profile("fast radio bursts").interests[0]
    opposite = Interest("not", interest.terms, -interest.weights)
    assert named(opposite, best_fits(interest)[0]) == ()


@pytest.mark.parametrize(
    "text", ["", "…", "a", "<b>{{ 7*7 }}</b>", "\u202eevil\u202c", "x" * 10_000, "é́́", "MotionGPT-"]
)
def test_any_text_can_be_named(text: str) -> None:
    counts = count_terms([(text, text)])
    naming = Naming(text, text)
    for bucket in counts.indices.tolist():
        span = naming.name(bucket)
        assert span is None or (bucket in span.buckets and len(span.surface) <= 48)
        assert all(phrase.surface in f"{text}\n{text}" for phrase in naming.phrases(bucket))


def everything_counts(title: str, abstract: str, interest: str = RATED) -> tuple[Reason, ...]:
    """Explain a paper to a subscriber who likes all of its words alike."""
    paper = Statistics.empty().weigh(count_terms([(title, abstract)]))
    liked = Interest(interest, paper.indices, paper.data)
    return reasons(liked, (paper.indices, paper.data), Naming(title, abstract), Statistics.empty(), 8)


@pytest.mark.parametrize(
    "surface",
    [
        "survey provides",
        "prediction using",
        "learn",
        "novel robots",
        "generating images",
        "proposed splatting",
        "based manipulation",
        "design",
        "data",
        "semantic",
        "editing methods",
        "of splatting",
    ],
)
def test_verbs_general_words_and_beginnings_of_names_are_no_names(surface: str) -> None:
    assert surface not in names_in(f"There is: {surface}.", Statistics.empty())


@pytest.mark.parametrize(
    "surface", ["robot manipulation", "grasping", "policies", "protein folding", "3D editing"]
)
def test_nouns_are_names(surface: str) -> None:
    assert surface in names_in(f"There is: {surface}.", Statistics.empty())


def names_in(abstract: str, statistics: Statistics, title: str = "") -> set[str]:
    """Return every phrase of a text that can be named."""
    naming = Naming(title, abstract, statistics)
    buckets = count_terms([(title, abstract)]).indices.tolist()
    return {span.surface for bucket in buckets for span in naming.phrases(bucket)}


@pytest.mark.parametrize(
    ("sentence", "fragment"),
    [
        ("Most of the benefit of long passages disappears when they are cut.", "passages disappears"),
        ("The robot knows when a bad grasp long before it fails.", "bad grasp long"),
        ("Policies trained with Gaussian splatting look right in every scene.", "Gaussian splatting look right"),
        ("Our method matches full listwise reranking at a tenth of the cost.", "matches full listwise reranking"),
        ("We study confused-deputy attacks on agents.", "study confused-deputy attacks"),
        ("A structure predictor closes the loop.", "structure predictor closes"),
        ("The best baseline underperforms vanilla RAG by far.", "underperforms vanilla RAG"),
        ("Agents learn to model environment dynamics.", "model environment dynamics"),
        ("Generative view synthesis invents facades.", "Generative view synthesis invents"),
        ("Plans fail with excessive token use.", "excessive token"),
        ("See the project page.", "project page"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("papers", [0, 48, 44_000])
def test_a_verb_or_a_cut_phrase_is_no_name_whatever_the_size_of_the_library(
    sentence: str, fragment: str, papers: int
) -> None:
    statistics = Statistics(1, papers, np.full(DIMENSIONS, min(papers, 200), np.uint32))
    assert fragment not in names_in(sentence, statistics)
    assert "splatting" not in fragment or "Gaussian splatting" in names_in(sentence, statistics)


def test_in_a_small_library_a_phrase_is_named_that_other_papers_or_the_paper_itself_repeat() -> None:
    others = [("Listwise reranking", "Listwise reranking of passages."), ("Passages", "Dense retrieval.")]
    abstract = "Optimal stopping of listwise reranking. Half the passages. Peculiar verdicts. It is called optimal stopping."
    counts = count_terms([*others, ("Reranking", abstract)])
    found = names_in(abstract, Statistics.empty().adding(counts, 1), "Reranking")
    assert {"listwise reranking", "optimal stopping"} <= found
    assert "Peculiar verdicts" not in found


@pytest.mark.parametrize(
    ("line", "abstract", "claimed"),
    [
        ("world models robotics", "Models. Robotics.", "robotics"),
        ("autonomous agents llm agents", "An LLM agents survey.", "llm agents"),
        ("reward models robot grasping", "Reward models. A robot.", "reward models"),
        ("LLM feedback for students", "LLM feedback.", "LLM feedback"),
    ],
)
def test_typed_words_are_not_cut_out_of_a_row_of_words_that_the_paper_does_not_write(
    line: str, abstract: str, claimed: str
) -> None:
    assert everything_counts("", abstract, line)[0].term == claimed


def test_words_of_the_subscriber_come_first_and_as_they_typed_them() -> None:
    text = "We train policies for robotic grasping. Robot manipulation needs grasping."
    found = everything_counts("Policies for robots", text, "I work on Robot  manipulation")
    assert [found[0].term, found[0].is_typed] == ["Robot manipulation", True]
    assert {"policies", "grasping"} & {reason.term.lower() for reason in found[1:]}


def test_a_part_of_a_line_that_the_paper_lacks_is_not_claimed() -> None:
    found = everything_counts(
        "Folding proteins", "Protein folding on telescopes", "protein folding for radio bursts"
    )
    assert found[0].term == "protein folding"


def test_one_thing_is_not_named_twice() -> None:
    text = (
        "Retrieval-augmented generation (RAG) is slow. RAG and retrievers differ: graphs and graph networks."
    )
    found = [reason.term.lower() for reason in everything_counts("Retrieval-augmented generation", text)]
    assert sum("rag" in one or "retriev" in one for one in found) <= 1


def test_a_phrase_is_not_cut_inside_a_compound_or_a_made_up_name() -> None:
    text = "CytoCrowd has ultra-long videos with frames-an issue. LoCoMo and SAES-SVD2 are data."
    named_terms = " ".join(reason.term for reason in everything_counts("CytoCrowd", text)).split()
    assert not {"Crowd", "frames", "frames-an", "LoCoMo", "SAES", "ultra", "long"} & set(named_terms)


@given(
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=40),
    st.sampled_from([RATED, "robot grasping policies"]),
)
def test_reasons_share_no_term_and_stand_in_the_text(words: list[str], interest: str) -> None:
    abstract = " ".join(words)
    found = everything_counts(words[0], abstract, interest)
    buckets = [bucket for reason in found for bucket in reason.buckets]
    assert len(buckets) == len(set(buckets))
    assert all(reason.is_typed is (place == 0) for place, reason in enumerate(found) if reason.is_typed)
    assert sum(reason.share for reason in found) <= 1 + 1e-6
    for reason in found:
        assert reason.term in (interest if reason.is_typed else f"{words[0]}\n{abstract}")
        if not reason.is_typed:
            words_of_term = reason.term.lower().replace("-", " ").split()
            assert not any(map(is_verb_like, words_of_term))
            assert not is_modifier(words_of_term[0])
            assert is_noun_like(words_of_term[-1], is_alone=len(words_of_term) == 1)
