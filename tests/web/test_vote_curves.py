"""The small curves of votes: inside their box, rising, and ending at the newest count."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.domain.paper import Popularity
from digest.web.vote_curves import HEIGHT, MOST_POINTS, WIDTH, in_words, vote_curve
from tests.factories import MONDAY, THURSDAY, TUESDAY, WEDNESDAY, at

NOW = at(THURSDAY)


def points(curve: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, _, y in (one.partition(",") for one in curve.split())]


snapshots = st.lists(
    st.builds(
        Popularity,
        st.integers(-1000, 500).map(lambda hours: NOW + timedelta(hours=hours)),
        st.integers(0, 100_000),
    ),
    max_size=80,
)


@given(snapshots, st.none() | st.dates(date(2026, 1, 1), date(2026, 12, 31)))
def test_any_curve_stays_in_its_box_and_does_not_fall(
    seen: list[Popularity], announced_on: date | None
) -> None:
    found = points(vote_curve(seen, announced_on, NOW))
    assert len(found) <= MOST_POINTS + 2
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in found)
    assert [x for x, _ in found] == sorted(x for x, _ in found)
    assert [y for _, y in found] == sorted((y for _, y in found), reverse=True)


def test_a_curve_starts_at_zero_on_the_day_of_the_announcement() -> None:
    seen = [Popularity(at(TUESDAY, 12), 10), Popularity(at(WEDNESDAY, 12), 40)]
    found = points(vote_curve(seen, MONDAY, NOW))
    assert found[0] == (1.5, HEIGHT - 1.5)
    assert found[-1] == (WIDTH - 1.5, 1.5)
    assert found[1][1] == pytest.approx(HEIGHT - 1.5 - (HEIGHT - 3) / 4, abs=0.06)


def test_without_votes_there_is_no_curve() -> None:
    assert vote_curve([], MONDAY, NOW) == ""
    assert vote_curve([Popularity(at(TUESDAY), 0)], MONDAY, NOW) == ""
    assert vote_curve([Popularity(NOW + timedelta(hours=1), 9)], MONDAY, NOW) == ""


def test_a_curve_is_said_in_words() -> None:
    seen = [Popularity(at(day, 12), votes) for day, votes in ((MONDAY, 1), (TUESDAY, 10), (WEDNESDAY, 1200))]
    assert in_words(seen) == "1 on 2 Mar, 10 on 3 Mar, 1,200 on 4 Mar"
