"""Keeping profiles true to what readers said: built when words or verdicts change, then stored."""

from collections.abc import Callable, Collection
from datetime import datetime

from digest.ranking.background import Background
from digest.ranking.profile import Profile, build_profile
from digest.ranking.terms import unpack_counts
from digest.store import papers as paper_store
from digest.store import readers as reader_store
from digest.store import terms as term_store
from digest.store.database import Connection, Database

BACKGROUND_PAPERS = 48_000
"""Profiles are learned against the newest so many papers: more than a year of five arXiv categories."""
_PAGE = 200


class ProfileBuilder:
    """Builds profiles. Keeps the background papers, some 90 MB, for as long as their version is the newest."""

    def __init__(self) -> None:
        self._background: Background | None = None

    def rebuild(self, connection: Connection, subscriber_ids: Collection[int], now: datetime) -> None:
        """Build and store the profiles of these readers anew; who told us nothing keeps none."""
        topics = reader_store.read_interests(connection, subscriber_ids)
        verdicts = reader_store.read_feedback(connection, subscriber_ids)
        marked = {paper for said in verdicts.values() for paper, _ in said}
        blobs = paper_store.read_terms(connection, marked)
        built: dict[int, Profile] = {}
        for number in subscriber_ids:
            words = topics[number].topics if number in topics else ()
            said = verdicts.get(number, [])
            liked = [blobs[paper] for paper, verdict in said if verdict == "more" and paper in blobs]
            disliked = [blobs[paper] for paper, verdict in said if verdict == "less" and paper in blobs]
            if words or liked:
                profile = build_profile(
                    words, unpack_counts(liked), unpack_counts(disliked), self.background(connection)
                )
                if profile.interests:
                    built[number] = profile
        term_store.save_profiles(connection, built, now)
        term_store.drop_profiles(connection, set(subscriber_ids) - built.keys())

    def background(self, connection: Connection) -> Background:
        """Return the papers that profiles are learned against, in the newest version of the term weights."""
        version = term_store.newest_version(connection) or 0
        if self._background is None or self._background.statistics.version != version:
            blobs = paper_store.newest_terms(connection, BACKGROUND_PAPERS)
            self._background = Background.build(
                term_store.read_statistics(connection, version), unpack_counts(blobs)
            )
        return self._background


def rebuild_outdated(
    database: Database,
    builder: ProfileBuilder,
    now: datetime,
    is_over: Callable[[], bool] = lambda: False,
) -> int:
    """Build the profiles anew that name another than the newest term weights; return how many.

    An old profile goes on giving its scores, so this may take its time: a transaction per page. `is_over` is
    asked after each; what is left is for the next time.
    """
    done = 0
    while not (done and is_over()):
        with database.begin() as connection:
            newest = term_store.newest_version(connection) or 0
            page = term_store.outdated_profiles(connection, newest, _PAGE)
            if page:
                builder.rebuild(connection, page, now)
            else:
                term_store.drop_unused_statistics(connection)
                return done
        done += len(page)
    return done
