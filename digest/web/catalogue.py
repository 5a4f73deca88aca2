"""The stored papers as the web side shows them: prepared once a process, anew when papers come in."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from threading import Lock
from time import monotonic
from typing import Literal, get_args

from digest.delivery.candidates import card_of
from digest.mail.content import Card
from digest.papers.search import Found, Library, find_paper, listed_under, trending_papers
from digest.store import papers as paper_store
from digest.store import terms as term_store
from digest.store.database import Connection, Database
from digest.store.papers import StoredPaper
from digest.web.cache import CachedValue, CacheEntry, LruCache

Period = Literal["today", "week", "month"]
PERIODS: tuple[Period, ...] = get_args(Period)
MONTH = timedelta(days=30)
PER_CATEGORY = 50
CATEGORIES_SHOWN = 40
STARTERS = 12
_REVISION_SPAN = timedelta(minutes=10)
_CACHED_CARDS = 5000
"""Some twenty megabytes."""
Revision = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Trending:
    """The most trending papers of a period: of all categories, and of each."""

    everything: tuple[Card, ...]
    by_category: dict[str, tuple[Card, ...]]
    """By category (`cs.CL`) and by archive (`cs`)."""
    categories: tuple[str, ...]
    """The categories with the most papers, in order of their names."""

    def papers(self, category: str | None) -> tuple[Card, ...]:
        """Return the hottest papers, of one category if it is named."""
        return self.everything if not category else self.by_category.get(category, ())


class Catalogue:
    """Search, look-alikes and trending lists of one process. May be used by several threads."""

    def __init__(self, database: Database, clock: Callable[[], datetime], recheck: timedelta) -> None:
        """Prepare nothing yet. `recheck` is how long the present state is trusted before it is looked at."""
        self._database = database
        self._clock = clock
        self._recheck = recheck.total_seconds()
        self._revision: tuple[float, Revision] | None = None
        self._checking = Lock()
        self._library = CachedValue(self._read_library)
        self._cards: LruCache[Card] = LruCache(_CACHED_CARDS)
        self._trending = {period: CachedValue(self._maker(period)) for period in PERIODS}

    def revision_if_known(self) -> Revision | None:
        """Return the stamp without a look at the database: while it is trusted, or somebody looks already."""
        known = self._revision
        if known is not None and (monotonic() < known[0] + self._recheck or self._checking.locked()):
            return known[1]
        return None

    def revision(self) -> Revision:
        """Return what changes when something shown here does: papers, term weights, or ten minutes."""
        known = self.revision_if_known()
        if known is not None:
            return known
        with self._checking:
            if self._revision is None or monotonic() >= self._revision[0] + self._recheck:
                self._revision = monotonic(), self._look()
            return self._revision[1]

    def _look(self) -> Revision:
        with self._database.read() as connection:
            newest = paper_store.newest_row_id(connection)
            version = term_store.newest_version(connection) or 0
        return newest, version, int(self._clock().timestamp() // _REVISION_SPAN.total_seconds())

    def warm(self) -> None:
        """Prepare everything."""
        for period in PERIODS:
            self.trending(period)
        self._library.get(self.revision()[:2])

    def trending(self, period: Period) -> Trending:
        """Return the most trending papers of a period."""
        return self.trending_entry(period).value

    def trending_entry(self, period: Period) -> CacheEntry[Trending]:
        """Return the most trending papers of a period with the stamp they are of."""
        return self._trending[period].get(self.revision())

    def is_search_fresh(self) -> bool:
        """Tell whether search knows the present papers, not those before while somebody reads the new ones."""
        revision = self.revision()[:2]
        return self._library.get(revision).revision == revision

    def search(
        self, words: str, most: int, since: date | None = None, category: str = ""
    ) -> list[tuple[Card, float]]:
        """Return the papers that fit the words best and how well (0 to 1), best first."""
        library = self._library.get(self.revision()[:2]).value
        return self._shown(library.search(words, most, since, category or None))

    def similar(
        self, paper_id: str, most: int, since: date | None = None, category: str = ""
    ) -> list[tuple[Card, float]]:
        """Return the papers most like a stored one, best first. Raises BadInput or NotFound."""
        library = self._library.get(self.revision()[:2]).value
        with self._database.read() as connection:
            row_id = find_paper(connection, paper_id).row_id
            found = library.similar(connection, row_id, most, since, category or None)
        return self._shown(found)

    def paper(self, paper_id: str) -> Card:
        """Return one paper by any form of its id. Raises BadInput or NotFound."""
        with self._database.read() as connection:
            return self.cards(connection, [find_paper(connection, paper_id)])[0]

    def cards(self, connection: Connection, stored: Sequence[StoredPaper]) -> list[Card]:
        """Return stored papers as pages show them."""
        now = self._clock()
        seen = paper_store.popularity_of(connection, [one.row_id for one in stored], now)
        return [card_of(one, seen.get(one.row_id, []), now) for one in stored]

    def _shown(self, found: Sequence[Found]) -> list[tuple[Card, float]]:
        """Return what was found as pages show it; papers shown before come from memory."""
        revision = self.revision()
        cached = {row_id: self._cards.get((row_id, revision)) for row_id, _ in found}
        known = {row_id: card for row_id, card in cached.items() if card is not None}
        missing = [row_id for row_id in cached if row_id not in known]
        if missing:
            with self._database.read() as connection:
                stored = list(paper_store.find_by_row_ids(connection, missing).values())
                made = self.cards(connection, stored)
            for one, card in zip(stored, made, strict=True):
                known[one.row_id] = card
                self._cards.put((one.row_id, revision), card)
        return [(known[row_id], fit) for row_id, fit in found]

    def starters(self) -> list[Card]:
        """Return a dozen varied recent papers for somebody to tick: the hottest of each category in turn."""
        return varied(self.trending("week").everything, STARTERS)

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
        lines: dict[int, str] = {}
        for stored, _, line in found:
            lines[stored.row_id] = line
            for name in {"", *listed_under(stored.paper.categories)}:
                of_name = lists.setdefault(name, [])
                if len(of_name) < PER_CATEGORY:
                    of_name.append(stored)
        made = {
            stored.row_id: replace(card_of(stored, [], now), popularity=lines[stored.row_id])
            for listed in lists.values()
            for stored in listed
        }
        by_category = {name: tuple(made[one.row_id] for one in listed) for name, listed in lists.items()}
        return Trending(
            everything=by_category.pop("", ()),
            by_category=by_category,
            categories=tuple(sorted(name for name, _ in counted.most_common(CATEGORIES_SHOWN))),
        )


def trending_and_new(cards: Sequence[Card]) -> list[tuple[Literal["trending", "new"], list[Card]]]:
    """Part papers that somebody voted for from those that are merely new; a part without papers is left out."""
    voted = [card for card in cards if card.popularity]
    others = [card for card in cards if not card.popularity]
    parts: list[tuple[Literal["trending", "new"], list[Card]]] = [("trending", voted), ("new", others)]
    return [(name, part) for name, part in parts if part]


def varied(cards: Sequence[Card], most: int) -> list[Card]:
    """Take the first of each primary category, then the second of each, until there are enough."""
    turns: Counter[str] = Counter()
    placed: list[tuple[int, int]] = []
    for index, card in enumerate(cards):
        field = card.categories[0] if card.categories else ""
        placed.append((turns[field], index))
        turns[field] += 1
    return [cards[index] for _, index in sorted(placed)[:most]]
