"""Search, similar papers and trending lists for the pages: prepared once per process, again when papers arrive."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Literal, get_args

from digest.delivery.candidates import card_of
from digest.domain.pick import Card
from digest.domain.votes import Votes
from digest.papers.search import Found, Library, find_paper, listed_under, trending_papers
from digest.ranking.profile import Profile
from digest.ranking.starters import OFFERED
from digest.ranking.trending import votes_of
from digest.store import papers as paper_store
from digest.store import terms as term_store
from digest.store.database import Connection, Database
from digest.store.papers import StoredPaper
from digest.web.cache import CachedValue, CacheEntry, RevisionCache
from digest.web.vote_curves import in_words, vote_curve

Period = Literal["today", "week", "month"]
PERIODS: tuple[Period, ...] = get_args(Period)
MONTH = timedelta(days=30)
PER_CATEGORY = 50
CATEGORIES_SHOWN = 40
_REVISION_SPAN = timedelta(minutes=10)
_CACHED_CARDS = 5000
"""About 20 MB."""
Revision = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Trending:
    """The trending papers of a period, in all categories and in each."""

    everything: tuple[Card, ...]
    by_category: dict[str, tuple[Card, ...]]
    """By category (`cs.CL`) and by archive (`cs`)."""
    categories: tuple[str, ...]
    """The categories with the most papers, sorted by name."""
    curves: Mapping[str, str]
    """The curve of votes of each paper that has some, by paper_id; see `digest.web.vote_curves`."""

    def papers(self, category: str | None) -> tuple[Card, ...]:
        """Return the trending papers, of one category if it is named."""
        return self.everything if not category else self.by_category.get(category, ())


class Catalogue:
    """Search, similar papers and trending lists of one process. May be used by several threads."""

    def __init__(self, database: Database, clock: Callable[[], datetime], recheck: timedelta) -> None:
        """Prepare nothing yet. The revision is read from the database once per interval of `recheck`."""
        self._database = database
        self._clock = clock
        self._recheck = recheck.total_seconds()
        self._revision = CachedValue(self._read_revision)
        self._library = CachedValue(self._read_library)
        self._cards: RevisionCache[Card] = RevisionCache(_CACHED_CARDS)
        self._trending = {period: CachedValue(self._maker(period)) for period in PERIODS}

    def revision_if_known(self) -> Revision | None:
        """Return the revision if no database read is needed; None otherwise."""
        entry = self._revision.peek(self._interval())
        return None if entry is None else entry.value

    def revision(self) -> Revision:
        """Return a value that changes with the papers, with the term statistics, and every ten minutes."""
        return self._revision.get(self._interval()).value

    def _interval(self) -> float:
        return monotonic() // self._recheck if self._recheck else monotonic()

    def _read_revision(self) -> Revision:
        with self._database.read() as connection:
            newest = paper_store.newest_row_id(connection)
            version = term_store.newest_version(connection) or 0
        return newest, version, int(self._clock().timestamp() // _REVISION_SPAN.total_seconds())

    def warm(self) -> None:
        """Prepare the trending lists and the search index."""
        for period in PERIODS:
            self.trending(period)
        self._library.get(self.revision()[:2])

    def trending(self, period: Period) -> Trending:
        """Return the trending papers of a period."""
        return self.trending_entry(period).value

    def trending_entry(self, period: Period) -> CacheEntry[Trending]:
        """Return the trending papers of a period with their revision."""
        return self._trending[period].get(self.revision())

    def is_search_fresh(self) -> bool:
        """Return False while search still uses the previous papers, because a thread is reading the new ones."""
        revision = self.revision()[:2]
        return self._library.get(revision).revision == revision

    def search(
        self, words: str, most: int, since: date | None = None, category: str = ""
    ) -> list[tuple[Card, float]]:
        """Return the papers that match the words best, best first, each with its score (0 to 1)."""
        library = self._library.get(self.revision()[:2]).value
        return self._shown(library.search(words, most, since, category or None))

    def similar(
        self, paper_id: str, most: int, since: date | None = None, category: str = ""
    ) -> list[tuple[Card, float]]:
        """Return the papers most similar to a stored one, best first. Raises BadInput or NotFound."""
        library = self._library.get(self.revision()[:2]).value
        with self._database.read() as connection:
            row_id = find_paper(connection, paper_id).row_id
            found = library.similar(connection, row_id, most, since, category or None)
        return self._shown(found)

    def paper(self, paper_id: str) -> Card:
        """Return one paper by any form of its id. Raises BadInput or NotFound."""
        with self._database.read() as connection:
            return self.cards(connection, [find_paper(connection, paper_id)])[0]

    def votes(self, connection: Connection, stored: StoredPaper) -> tuple[str, str]:
        """Return the curve of a paper's votes, and the same in words; both empty without votes."""
        now = self._clock()
        seen = paper_store.popularity_of(connection, [stored.row_id], now).get(stored.row_id, [])
        curve = vote_curve(seen, stored.stated_on, now)
        return curve, in_words(seen) if curve else ""

    def cards(self, connection: Connection, stored: Sequence[StoredPaper]) -> list[Card]:
        """Return stored papers as cards."""
        now = self._clock()
        seen = paper_store.popularity_of(connection, [one.row_id for one in stored], now)
        return [card_of(one, votes_of(seen.get(one.row_id, []), now)) for one in stored]

    def _shown(self, found: Sequence[Found]) -> list[tuple[Card, float]]:
        """Return found papers as cards, those of the cache without a database read."""
        revision = self.revision()
        cached = {row_id: self._cards.get(row_id, revision) for row_id, _ in found}
        known = {row_id: card for row_id, card in cached.items() if card is not None}
        missing = [row_id for row_id in cached if row_id not in known]
        if missing:
            with self._database.read() as connection:
                stored = list(paper_store.find_by_row_ids(connection, missing).values())
                made = self.cards(connection, stored)
            for one, card in zip(stored, made, strict=True):
                known[one.row_id] = card
                self._cards.put(one.row_id, revision, card)
        return [(known[row_id], fit) for row_id, fit in found]

    def starters(self, profile: Profile) -> list[Card]:
        """Return a dozen recent papers for a subscriber to choose from.

        They are around the interests of a profile, spread over their subthemes. Where these are too few, the others are
        trending ones of varied categories.
        """
        offered: list[Card] = []
        if profile.interests:
            library = self._library.get(self.revision()[:2]).value
            with self._database.read() as connection:
                newest_on = paper_store.newest_announcement(connection, self._clock().date())
                found = library.starters(connection, profile, newest_on and newest_on - MONTH)
            offered = [card for card, _ in self._shown([Found(row_id, 1.0) for row_id in found])]
        known = {card.paper_id for card in offered}
        others = [card for card in self.trending("week").everything if card.paper_id not in known]
        return [*offered, *varied(others, OFFERED - len(offered))]

    def _read_library(self) -> Library:
        with self._database.read() as connection:
            return Library(connection)

    def _maker(self, period: Period) -> Callable[[], Trending]:
        return lambda: self._read_trending(period)

    def _read_trending(self, period: Period) -> Trending:
        now = self._clock()
        with self._database.read() as connection:
            newest_on = paper_store.newest_announcement(connection, now.date())
            since = {"today": newest_on, "week": None, "month": newest_on and newest_on - MONTH}[period]
            most = paper_store.count_papers(connection)
            found = trending_papers(connection, now, since, None, most)
        counted = Counter(category for stored, _, _ in found for category in stored.paper.categories)
        lists: dict[str, list[StoredPaper]] = {}
        votes_by_row: dict[int, Votes | None] = {}
        for stored, _, votes in found:
            votes_by_row[stored.row_id] = votes
            for name in {"", *listed_under(stored.paper.categories)}:
                of_name = lists.setdefault(name, [])
                if len(of_name) < PER_CATEGORY:
                    of_name.append(stored)
        shown = {stored.row_id: stored for listed in lists.values() for stored in listed}
        made = {row_id: card_of(stored, votes_by_row[row_id]) for row_id, stored in shown.items()}
        by_category = {name: tuple(made[one.row_id] for one in listed) for name, listed in lists.items()}
        return Trending(
            everything=by_category.pop("", ()),
            by_category=by_category,
            categories=tuple(sorted(name for name, _ in counted.most_common(CATEGORIES_SHOWN))),
            curves=self._curves(
                [shown[row_id] for row_id, votes in votes_by_row.items() if votes and row_id in shown], now
            ),
        )

    def _curves(self, voted: Sequence[StoredPaper], now: datetime) -> dict[str, str]:
        with self._database.read() as connection:
            seen = paper_store.popularity_of(connection, [one.row_id for one in voted], now)
        return {one.paper.id: vote_curve(seen.get(one.row_id, []), one.stated_on, now) for one in voted}


def trending_and_new(cards: Sequence[Card]) -> list[tuple[Literal["trending", "new"], list[Card]]]:
    """Split papers into those with votes and those without; an empty part is left out."""
    voted = [card for card in cards if card.popularity]
    others = [card for card in cards if not card.popularity]
    parts: list[tuple[Literal["trending", "new"], list[Card]]] = [("trending", voted), ("new", others)]
    return [(name, part) for name, part in parts if part]


def varied(cards: Sequence[Card], most: int) -> list[Card]:
    """Return the first paper of each primary category, then the second of each, up to `most`."""
    turns: Counter[str] = Counter()
    placed: list[tuple[int, int]] = []
    for index, card in enumerate(cards):
        field = card.categories[0] if card.categories else ""
        placed.append((turns[field], index))
        turns[field] += 1
    return [cards[index] for _, index in sorted(placed)[:most]]
