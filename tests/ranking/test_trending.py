from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.domain.paper import Popularity
from digest.ranking.trending import Watched, explain_trending, points, trend_order, trending, votes_of

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = NOW.date()


def seen(days_ago: float, upvotes: int, comments: int = 0, stars: int | None = None) -> Popularity:
    return Popularity(NOW - timedelta(days=days_ago), upvotes, comments, stars)


def paper(*snapshots: Popularity, field: str = "cs.CV", days_ago: int = 1) -> Watched:
    return Watched(field, TODAY - timedelta(days=days_ago), snapshots)


def one_score(subject: Watched, *others: Watched) -> float:
    return float(trending([subject, *others], NOW)[0])


OTHERS = [paper(seen(0.5, n), days_ago=n % 5) for n in range(0, 60, 4)]
LEVELS = st.lists(st.tuples(st.floats(0, 20), st.integers(0, 500)), min_size=1, max_size=6)


@given(LEVELS, st.integers(0, 5), st.integers(1, 300), st.integers(0, 9))
def test_more_votes_never_lower_a_score(
    levels: list[tuple[float, int]], at: int, more: int, days_ago: int
) -> None:
    snapshots = [seen(days, votes) for days, votes in sorted(levels, reverse=True)]
    from_there = min(at, len(snapshots) - 1)
    raised = [
        replace(s, upvotes=s.upvotes + (more if place >= from_there else 0))
        for place, s in enumerate(snapshots)
    ]
    # Nobody's usual level moves here: the subject alone would set its own bar.
    before = one_score(paper(*snapshots, days_ago=days_ago), *OTHERS)
    assert one_score(paper(*raised, days_ago=days_ago), *OTHERS) >= before - 1e-6


@given(st.integers(0, 300), st.integers(0, 20), st.integers(1, 10))
def test_older_is_never_higher_at_equal_velocity(votes: int, days_ago: int, older: int) -> None:
    begun = seen(25, 0)
    young = paper(begun, seen(0.2, votes), days_ago=days_ago, field="a")
    old = paper(begun, seen(0.2, votes), days_ago=days_ago + 7 * older, field="a")
    first, second = explain_trending([young, old], NOW)
    assert first.velocity == pytest.approx(second.velocity)
    assert second.score <= first.score


def test_a_field_with_few_votes_gets_its_share() -> None:
    loud = [paper(seen(0.1, 200 + n), field="cs.CV") for n in range(30)]
    quiet = [paper(seen(0.1, 2), field="math.NT") for _ in range(30)]
    best_of_quiet = paper(seen(0.1, 60), field="math.NT")
    scores = trending([best_of_quiet, *loud, *quiet], NOW)
    assert scores[0] > max(scores[1:31])


def test_fewer_observations_count_for_less() -> None:
    three, hundred = explain_trending([paper(seen(0.1, 3), field="a"), paper(seen(0.1, 100), field="b")], NOW)
    assert three.standing < hundred.standing


def test_one_snapshot_is_enough_and_none_falls_back_to_newness() -> None:
    watched, new, old = trending([paper(seen(0.1, 5)), paper(), paper(days_ago=4)], NOW)
    assert watched > new > old > 0


def test_the_future_and_the_order_of_snapshots_do_not_matter() -> None:
    history = [seen(2, 3), seen(1, 9), seen(0.5, 12)]
    tomorrow = seen(-1, 5000)
    expected = explain_trending([paper(*history), *OTHERS], NOW)
    assert explain_trending([paper(*history[::-1], tomorrow), *OTHERS], NOW)[0] == expected[0]


def test_the_same_snapshots_give_the_same_numbers() -> None:
    assert explain_trending(OTHERS, NOW) == explain_trending(list(OTHERS), NOW)
    assert trending([], NOW).shape == (0,)


def test_the_worked_example_of_the_documentation() -> None:
    subject = Watched(
        "cs.CV",
        date(2026, 11, 18),
        (
            Popularity(datetime(2026, 11, 19, 12, tzinfo=UTC), 17),
            Popularity(datetime(2026, 11, 20, 0, tzinfo=UTC), 38, 6),
        ),
    )
    trend = explain_trending([subject, Watched("cs.CV", date(2026, 11, 18), ())], NOW)[0]
    assert trend.points == 41
    assert trend.velocity == pytest.approx(29.56, abs=0.01)
    assert trend.typical == pytest.approx(29.56, abs=0.01)
    assert trend.standing == pytest.approx(0.468, abs=0.001)
    assert trend.age_days == 2.5
    assert trend.score == pytest.approx(0.407, abs=0.001)


def in_words(snapshots: list[Popularity]) -> str:
    votes = votes_of(snapshots, NOW)
    return votes.in_words() if votes else ""


@pytest.mark.parametrize(
    ("snapshots", "line"),
    [
        ([], ""),
        ([seen(0.1, 0)], ""),
        ([seen(0.1, 1)], "1 upvote"),
        ([seen(0.1, 38)], "38 upvotes"),
        ([seen(1.1, 17), seen(0.1, 38)], "38 upvotes, +21 since yesterday"),
        ([seen(3.1, 17), seen(0.1, 1200)], "1,200 upvotes, +1,183 since 3 days ago"),
        ([seen(1.1, 38), seen(0.1, 38)], "38 upvotes"),
        ([seen(0.1, 38), seen(-1, 99)], "38 upvotes"),
    ],
)
def test_popularity_in_a_few_words(snapshots: list[Popularity], line: str) -> None:
    assert in_words(snapshots) == line


def test_citations_count_and_are_shown_where_nobody_votes() -> None:
    cited = Popularity(NOW, 0, citations=3)
    assert points(cited) == 6
    assert in_words([cited]) == "3 citations"
    assert in_words([Popularity(NOW, 0, citations=1)]) == "1 citation"
    assert in_words([Popularity(NOW, 4, citations=1)]) == "4 upvotes"
    assert in_words([Popularity(NOW, 0, citations=0)]) == ""


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0.1, 0.2])), max_size=30))
def test_papers_of_equal_scores_come_from_each_field_in_turn(papers: list[tuple[str, float]]) -> None:
    fields = [field for field, _ in papers]
    scores = np.array([score for _, score in papers], np.float32)
    order = trend_order(fields, scores)
    assert sorted(order) == list(range(len(papers)))
    assert [scores[index] for index in order] == sorted(scores, reverse=True)
    for score in set(scores.tolist()):
        equal = [fields[index] for index in order if scores[index] == score]
        for end in range(len(equal)):
            counts = [equal[:end].count(field) for field in set(equal)]
            left = [equal[end:].count(field) for field in set(equal)]
            # No field is two ahead of one that has papers left.
            assert all(a - b <= 1 for a in counts for b, rest in zip(counts, left, strict=True) if rest)
