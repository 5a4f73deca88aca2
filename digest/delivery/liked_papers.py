"""Marked papers of subscribers; one of them is named where it explains a pick better than terms do."""

from collections.abc import Collection, Mapping, Sequence
from threading import Lock

from cachetools import LRUCache
from scipy.sparse import csr_matrix

from digest.ranking.explain import closest_each
from digest.ranking.terms import Statistics, unpack_counts
from digest.store import papers as paper_store
from digest.store.database import Connection

MOST_LIKED = 30
"""Newest marked papers of a subscriber that are looked at."""
_CACHE_SIZE = 20_000
"""Papers in the cache, at about a kilobyte each."""


class LikedPapers:
    """Titles and term counts of marked papers, cached between batches. May be used by several threads."""

    def __init__(self) -> None:
        self._known: LRUCache[int, tuple[str, bytes]] = LRUCache(_CACHE_SIZE)
        self._using = Lock()

    def read(self, connection: Connection, row_ids: Collection[int]) -> dict[int, tuple[str, bytes]]:
        """Return title and term counts of papers by row id, with two queries at most."""
        with self._using:
            found = {row_id: self._known[row_id] for row_id in row_ids if row_id in self._known}
        missing = set(row_ids) - found.keys()
        if missing:
            blobs = paper_store.read_terms(connection, missing)
            stored = paper_store.find_by_row_ids(connection, missing)
            read = {
                one: (stored[one].paper.title, blobs[one]) for one in missing & blobs.keys() & stored.keys()
            }
            with self._using:
                self._known.update(read)
            found |= read
        return found


def liked_titles(
    liked: Sequence[int],
    known: Mapping[int, tuple[str, bytes]],
    picks: csr_matrix,
    statistics: Statistics,
) -> list[str]:
    """Return for each pick the title of the one marked paper that it is close to; "" where none stands out.

    `picks` are weighed rows of `statistics`.
    """
    read = [known[row_id] for row_id in liked if row_id in known]
    if not read:
        return [""] * picks.shape[0]
    rows = statistics.weigh(unpack_counts([blob for _, blob in read]))
    return ["" if found is None else read[found[0]][0] for found in closest_each(picks, rows)]
