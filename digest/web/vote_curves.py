"""The votes of a paper over time, as a small curve: points for an inline SVG. Pure."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from digest.domain.paper import Popularity
from digest.text.formatting import short_day
from digest.text.languages import decimal, gettext

WIDTH, HEIGHT = 64, 18
"""Units of the SVG's view box. The line itself is two units thick and stays inside."""
MOST_POINTS = 24
_MARGIN = 1.5


def vote_curve(snapshots: Sequence[Popularity], announced_on: date | None, now: datetime) -> str:
    """Return the upvotes from the announcement to `now` as the points of a polyline; "" without votes.

    The curve starts at zero on the day of the announcement and does not fall: a vote that is taken back is no news.
    """
    known = sorted((one for one in snapshots if one.observed_at <= now), key=lambda one: one.observed_at)
    if not known or known[-1].upvotes <= 0:
        return ""
    began = datetime.combine(announced_on, time(), UTC) if announced_on else known[0].observed_at
    began = min(began, known[0].observed_at)
    seconds = max(1.0, (now - began).total_seconds())
    most = max(one.upvotes for one in known)
    points = [(0.0, 0)]
    for one in _thinned(known):
        points.append(((one.observed_at - began).total_seconds() / seconds, max(points[-1][1], one.upvotes)))
    points.append((1.0, points[-1][1]))
    across, up = WIDTH - 2 * _MARGIN, HEIGHT - 2 * _MARGIN
    return " ".join(
        f"{_MARGIN + across * x:.1f},{HEIGHT - _MARGIN - up * votes / most:.1f}" for x, votes in points
    )


def _thinned(known: Sequence[Popularity]) -> Sequence[Popularity]:
    """Return at most MOST_POINTS snapshots, the newest among them."""
    step = -(-len(known) // MOST_POINTS)
    return known[::-1][::step][::-1]


def in_words(snapshots: Sequence[Popularity]) -> str:
    """Return what a curve shows, for people who do not see it: the votes on up to four days."""
    last_of_day = {one.observed_at.date(): one.upvotes for one in snapshots}
    days = sorted(last_of_day)
    shown = [*days[:: max(1, len(days) // 3)][:3], *days[-1:]]
    return ", ".join(
        # Translators: how many votes a paper had on a day.
        gettext("%(votes)s on %(day)s", votes=decimal(last_of_day[day]), day=short_day(day))
        for day in dict.fromkeys(shown)
    )
