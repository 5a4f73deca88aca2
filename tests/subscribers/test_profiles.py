"""Stored profiles: equal scores after storing, in any process, for equal topics."""

import subprocess
import sys

from sqlalchemy import select

from digest.ranking.profile import Profile
from digest.ranking.scoring import score
from digest.ranking.terms import unpack_counts
from digest.store import papers as paper_store
from digest.store import terms as term_store
from digest.store.database import Database
from digest.store.models import profiles, term_statistics
from digest.subscribers.preferences import Change, change
from digest.subscribers.profiles import ProfileBuilder, rebuild_outdated
from tests.factories import TUESDAY, add_papers, add_subscriber, at, make_papers

# Runs in another process, which shares only the database.
WORKER = """
import sys
from digest.ranking.scoring import score
from digest.ranking.terms import unpack_counts
from digest.store import papers, terms
from digest.store.database import Database

database = Database(sys.argv[1])
with database.read() as connection:
    for number, profile in sorted(terms.read_profiles(connection, [1, 2, 3]).items()):
        statistics = terms.read_statistics(connection, profile.statistics_version)
        rows = statistics.weigh(unpack_counts(list(papers.read_terms(connection).values())))
        print(number, profile.to_bytes().hex(), score([profile], rows).values.tobytes().hex())
database.close()
"""


def add_three(database: Database, builder: ProfileBuilder | None = None) -> None:
    add_subscriber(
        database, "a@example.org", topics=["gaussian splatting", "robots, by touch"], builder=builder
    )
    add_subscriber(database, "b@example.org", likes=["2603.00003", "2603.00007"], builder=builder)
    add_subscriber(
        database, "c@example.org", topics=["ünïcode ❤ 语音识别 speech"], likes=["2603.00001"], builder=builder
    )


def scores(database: Database) -> dict[int, tuple[bytes, bytes]]:
    """Return each subscriber's stored profile and its scores of all papers."""
    with database.read() as connection:
        found = term_store.read_profiles(connection, [1, 2, 3])
        counts = unpack_counts(list(paper_store.read_terms(connection).values()))
        return {
            number: (
                profile.to_bytes(),
                score(
                    [profile],
                    term_store.read_statistics(connection, profile.statistics_version).weigh(counts),
                ).values.tobytes(),
            )
            for number, profile in found.items()
        }


def test_another_process_computes_the_same_scores(database: Database, database_url: str) -> None:
    add_papers(database, *make_papers(60))
    add_three(database)
    expected = [
        f"{number} {stored.hex()} {values.hex()}"
        for number, (stored, values) in sorted(scores(database).items())
    ]
    assert len(expected) == 3
    # Another hash seed and another number of threads must make no difference.
    worker = subprocess.run(
        [sys.executable, "-c", WORKER, database_url],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "77", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert worker.stdout.splitlines() == expected


def test_storing_and_reading_a_profile_changes_no_number(database: Database) -> None:
    add_papers(database, *make_papers(60))
    add_three(database)
    with database.read() as connection:
        found = term_store.read_profiles(connection, [1, 2, 3])
    for profile in found.values():
        again = Profile.from_bytes(profile.to_bytes())
        assert again.to_bytes() == profile.to_bytes()
        assert len(profile.to_bytes()) <= 4096


def test_building_again_gives_the_same_profile(database: Database) -> None:
    add_papers(database, *make_papers(60))
    add_three(database, ProfileBuilder())
    before = scores(database)
    with database.begin() as connection:
        ProfileBuilder().rebuild(connection, [3, 1, 2], at(TUESDAY))
    assert scores(database) == before


def test_scoring_in_batches_or_one_by_one_gives_the_same(database: Database) -> None:
    add_papers(database, *make_papers(60))
    add_three(database)
    with database.read() as connection:
        found = list(term_store.read_profiles(connection, [1, 2, 3]).values())
        statistics = term_store.read_statistics(connection, found[0].statistics_version)
        rows = statistics.weigh(unpack_counts(list(paper_store.read_terms(connection).values())))
    whole = score(found * 30, rows).values
    for index, profile in enumerate(found):
        assert (whole[index] == score([profile], rows).values[0]).all()
    # A paper's score does not depend on the other papers of the batch.
    assert (score(found, rows[7:9]).values == whole[:3, 7:9]).all()


def test_versions_that_profiles_need_are_kept(database: Database) -> None:
    add_papers(database, *make_papers(40))
    add_three(database)
    for step in range(3):
        add_papers(database, *make_papers(40, first=1000 * (step + 1)))
    with database.begin() as connection:
        term_store.delete_unused_statistics(connection)
        assert set(connection.execute(select(term_statistics.c.version)).scalars()) == {1, 4}
    assert rebuild_outdated(database, ProfileBuilder(), at(TUESDAY)) == 3
    with database.read() as connection:
        assert set(connection.execute(select(term_statistics.c.version)).scalars()) == {4}
        assert set(connection.execute(select(profiles.c.statistics_version)).scalars()) == {4}


def test_without_papers_a_profile_is_built_from_topics(database: Database) -> None:
    subscriber = add_subscriber(database, topics=["gaussian splatting"])
    add_papers(database, *make_papers(20))
    assert rebuild_outdated(database, ProfileBuilder(), at(TUESDAY)) == 1
    with database.read() as connection:
        assert term_store.read_profiles(connection, [subscriber.id])[subscriber.id].statistics_version == 1


def test_a_subscriber_without_interests_has_no_profile(database: Database) -> None:
    add_papers(database, *make_papers(20))
    subscriber = add_subscriber(database, topics=["gaussian splatting"])
    change(database, ProfileBuilder(), subscriber.address, Change(topics=()), at(TUESDAY))
    with database.read() as connection:
        assert connection.execute(select(profiles)).all() == []
