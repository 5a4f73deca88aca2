"""A newer term space: all stored papers are recounted once, and profiles are rebuilt."""

from datetime import UTC, datetime

from digest.papers.ingest import ingest, recount
from digest.papers.search import Library
from digest.sample import sample_items
from digest.store import terms as term_store
from digest.store.database import Database
from digest.store.models import paper_terms, term_statistics
from digest.subscribers.import_export import application_from
from digest.subscribers.profiles import ProfileBuilder, rebuild_outdated
from digest.subscribers.signup import subscribe

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_terms_of_an_older_space_are_recounted(database: Database) -> None:
    ingest(database, sample_items(NOW), NOW)
    application = application_from(address="ana@example.org", topics=["gaussian splatting"])
    subscriber = subscribe(
        database, ProfileBuilder(), b"secret", application, NOW, confirmed=True, how="test"
    )
    with database.begin() as connection:
        expected = Library(connection).search("gaussian splatting", 5)
        blobs: dict[int, bytes] = dict(connection.execute(paper_terms.select()).all())
        # As an older version stored it: other buckets, another space.
        connection.execute(paper_terms.update().values(counts=bytes(32)))
        connection.execute(term_statistics.update().values(space=0))
    seen: list[int] = []

    assert recount(database, NOW, seen.append)

    assert seen[-1] == len(blobs)
    with database.read() as connection:
        assert dict(connection.execute(paper_terms.select()).all()) == blobs
        assert Library(connection).search("gaussian splatting", 5) == expected
    assert rebuild_outdated(database, ProfileBuilder(), NOW) == 1
    with database.read() as connection:
        newest = term_store.newest_version(connection)
        assert (
            term_store.read_profiles(connection, [subscriber.id])[subscriber.id].statistics_version == newest
        )


def test_terms_of_the_current_space_are_not_recounted(database: Database) -> None:
    ingest(database, sample_items(NOW), NOW)

    assert not recount(database, NOW, lambda _: None)
