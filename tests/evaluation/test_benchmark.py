from dataclasses import replace
from datetime import date, timedelta
from math import log2
from pathlib import Path

import numpy as np
import pytest

from digest.errors import BadInput
from digest.evaluation import studies
from digest.evaluation.benchmark import (
    KINDS,
    METRICS,
    Corpus,
    ReadingList,
    as_delivered,
    centroid,
    compare,
    costs,
    evaluate,
    measure,
    ndcg,
    reading_lists,
    summary,
    tasks,
)
from digest.ranking.profile import LIMIT
from tests.ranking.texts import FIELDS, papers

START = date(2026, 1, 1)
SPLIT = START + timedelta(days=60)
END = START + timedelta(days=89)

Row = tuple[str, date, str, str]


def stream() -> list[Row]:
    """One paper of each field a day for ninety days."""
    return [
        (f"{field}-{day}", START + timedelta(days=day), *text)
        for field in FIELDS
        for day, text in enumerate(papers(field, 90))
    ]


def reading(field: str = "speech") -> ReadingList:
    topic = " ".join(FIELDS[field].split()[:2])
    library = tuple(f"{field}-{day}" for day in range(0, 60, 2))
    return ReadingList(
        field, field, topic, SPLIT, END, library, frozenset(f"{field}-{day}" for day in range(60, 90))
    )


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus.build(stream())


def test_ndcg_is_that_of_the_definition() -> None:
    picked = np.array([True, False, True, False])
    assert ndcg(picked, 3) == pytest.approx((1 + 1 / log2(4)) / (1 + 1 / log2(3)))
    assert ndcg(picked, 1) == 1
    assert ndcg(np.array([False, True]), 1) == 0


def test_weeks_are_seven_days_with_papers_and_those_without_a_pick_are_skipped(corpus: Corpus) -> None:
    task = tasks(corpus, [reading()])[0]
    assert task.papers.shape[0] == 120
    assert np.bincount(task.weeks).tolist() == [28, 28, 28, 28, 8]
    perfect = measure(task, task.picked.astype(np.float32))
    assert perfect == dict.fromkeys(METRICS, 1.0)
    worst = measure(task, -task.picked.astype(np.float32))
    assert worst["auc"] == 0
    assert worst["recall@20"] == pytest.approx(1 / 5)  # the last week has fewer than twenty papers
    task.picked[task.weeks == 0] = False
    assert measure(task, task.picked.astype(np.float32))["ndcg@50"] == pytest.approx(1)


def test_all_kinds_of_profile_find_their_field(corpus: Corpus) -> None:
    made = tasks(corpus, [reading(field) for field in FIELDS])
    found = evaluate(made)
    assert set(found) == set(KINDS)
    assert all(one["auc"] > 0.9 for figures in found.values() for one in figures)
    record = summary(made, found, costs(made))
    assert set(record) == {"profiles", "lists", "build_ms", "profile_bytes", "scored_per_s"}
    assert record["profile_bytes"]["max"] <= LIMIT
    assert set(record["profiles"]["full"]) == set(METRICS)
    assert record["lists"][0]["profiles"]["keywords"] == found["keywords"][0]


def test_nothing_from_after_the_split_reaches_a_profile() -> None:
    def profiles(rows: list[Row]) -> list[bytes]:
        task = tasks(Corpus.build(rows), [reading()])[0]
        return [task.profile(kind).to_bytes() for kind in KINDS]

    known = [row for row in stream() if row[1] < SPLIT]
    later = [
        (*row[:2], "Zyzzyva speech recognition", "acoustic phoneme " * 40)
        for row in stream()
        if row[1] >= SPLIT
    ]
    assert profiles(known) == profiles(stream()) == profiles([*known, *later])


def test_a_library_paper_from_after_the_split_is_left_out(corpus: Corpus) -> None:
    honest = reading()
    leaking = replace(honest, library=(*honest.library, "speech-75"))
    one, other = tasks(corpus, [honest, leaking])
    assert one.profile("full").to_bytes() == other.profile("full").to_bytes()


def test_what_is_scored_is_what_is_stored(corpus: Corpus) -> None:
    task = tasks(corpus, [reading()])[0]
    scores = as_delivered(task, "full")
    assert (scores == as_delivered(task, "full")).all()
    assert 0 <= scores.min() <= scores.max() <= 1
    assert centroid(task, "recent5").shape == scores.shape


def test_the_bootstrap_counts_a_source_once() -> None:
    difference = compare([0.5, 0.6, 0.7], [0.4, 0.5, 0.7], ["a", "a", "b"])
    assert difference.mean == pytest.approx(0.2 / 3)
    assert difference.low == pytest.approx(0, abs=1e-9)
    assert difference.high == pytest.approx(0.1)
    assert compare([0.1, 0.2], [0.1, 0.2], ["a", "b"]).better == 0


@pytest.mark.parametrize("records", [None, {}, [], [{}], [1], [{"name": "x", "split": "soon"}]])
def test_garbled_lists_are_refused(records: object) -> None:
    with pytest.raises(BadInput):
        reading_lists(records)


def test_taps_two_interests_and_muting_can_be_studied(corpus: Corpus) -> None:
    one, other = tasks(corpus, [reading("speech"), reading("protein")])
    start = corpus.before(SPLIT)
    counts = corpus.counts[start : start + one.papers.shape[0]]
    tapped = studies.taps(one, counts)
    assert tapped["with"] > 0.9
    assert tapped["tapped_less"] <= one.weeks.max() + 1 < tapped["tapped_more"]
    assert all(half.kept > 0.9 for half in studies.pair(one, other))
    assert studies.library_similarity(one, other) < 0.1
    assert studies.library_similarity(one, one) > 0.9
    muted = studies.muted(one, counts, "accent")
    assert muted["tapped"] == 3
    assert studies.pairs([one, other]) == [(one, other)]


def test_what_taps_bring_is_told_with_its_spread_over_sources() -> None:
    nan = float("nan")
    found = [
        {"with": 0.5, "without": 0.4, "end_with": 0.6, "end_without": 0.4},
        {"with": 0.7, "without": 0.4, "end_with": nan, "end_without": nan},
    ]
    told = studies.gain(found, ["a", "b"])
    assert [told[name] for name in ("gain", "gain_low", "gain_high")] == pytest.approx([0.2, 0.1, 0.3])
    assert [told[name] for name in ("end_gain", "end_gain_low", "end_gain_high")] == pytest.approx([0.2] * 3)
    assert studies.mean_of(found)["end_with"] == 0.6


def test_earlier_weeks_of_a_list_end_before_its_own_begin(corpus: Corpus) -> None:
    reading_list = replace(reading("speech"), split=SPLIT + timedelta(days=25))
    library = tuple(f"speech-{day}" for day in range(85))
    (window,) = studies.earlier(replace(reading_list, library=library), corpus)
    (task,) = tasks(corpus, [window])
    assert window.test_end < reading_list.split == window.split + timedelta(days=61)
    assert set(window.library) == {f"speech-{day}" for day in range(24)}
    assert window.test == {f"speech-{day}" for day in range(24, 85)}
    assert not list(studies.earlier(reading("speech"), corpus))
    assert measure(task, as_delivered(task, "full"))["ndcg@50"] > 0.9


def test_a_tuning_is_judged_on_sources_that_had_no_say_in_it(corpus: Corpus) -> None:
    made = tasks(corpus, [reading("speech"), reading("protein")])
    found = studies.tuned(made, "keywords")
    assert 0.9 < found["held out"] <= found["hindsight"] <= 1
    assert found["in use"] <= found["hindsight"]
    assert (
        studies.tunings()["prior_variance halved"].prior_variance
        == studies.tunings()["in use"].prior_variance / 2
    )


@pytest.mark.timeout(900)
def test_the_ranking_holds_up_on_real_reading_lists_and_topic_lines(shared: Path) -> None:
    """A guard over a few real lists and all topic lines; `digest evaluate` measures everything."""
    import json

    from digest.cli.evaluate import _stream
    from digest.evaluation import topics

    lists = reading_lists(json.loads((shared / "data/libraries.json").read_bytes()))
    chosen = [one for one in lists if one.split == date(2025, 12, 1) and "#" not in one.name][::4]
    stored = _stream(shared / "data/papers.jsonl.gz")
    corpus = Corpus.build([(p.id, p.announced_on or START, p.title, p.abstract) for p in stored.values()])
    made = tasks(corpus, chosen)
    ours, plain = (
        np.mean([measure(task, scorer(task, kind))["ndcg@50"] for task in made for kind in KINDS])
        for scorer in (as_delivered, centroid)
    )
    assert ours > plain + 0.02
    judged = topics.judged_topics(json.loads((shared / "data/topics.json").read_bytes()))
    benchmark = topics.Benchmark.build(corpus, stored, *judged)
    shown = topics.figures(benchmark, topics.measure(benchmark, topics.digests))
    assert shown["ndcg@10"] > 0.76
    assert shown["precision_of_shown"] > 0.595
    assert shown["kinds"]["sentence"] > 0.616
    assert shown["p@5"] > 0.64
