"""Queries about document frequencies and stored profiles."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, delete, func, select

from digest.errors import NotFound
from digest.ranking.profile import NO_PROFILE, Profile
from digest.ranking.terms import SPACE, Statistics
from digest.store.conditions import one_of
from digest.store.models import profiles, term_statistics
from digest.store.papers import upsert


def newest_version(connection: Connection) -> int | None:
    """Return the version of the newest document frequencies; None before the first count."""
    version: int | None = connection.execute(select(func.max(term_statistics.c.version))).scalar_one()
    return version


def counted_papers(connection: Connection) -> tuple[int, int]:
    """Return the number of papers that the newest version counts, and their highest row id; (0, 0) for none."""
    newest = (
        select(term_statistics.c.papers, term_statistics.c.through_row_id)
        .order_by(term_statistics.c.version.desc())
        .limit(1)
    )
    row = connection.execute(newest).one_or_none()
    return (row.papers, row.through_row_id) if row else (0, 0)


def read_statistics(connection: Connection, version: int) -> Statistics:
    """Return one version of the document frequencies; the empty ones for version 0. Raises NotFound."""
    if version == 0:
        return Statistics.empty()
    query = select(term_statistics.c.frequencies).where(term_statistics.c.version == version)
    frequencies = connection.execute(query).scalar_one_or_none()
    if frequencies is None:
        raise NotFound(f"The term weights of version {version} are gone; run: digest init")
    return Statistics.from_bytes(frequencies)


def save_statistics(
    connection: Connection, statistics: Statistics, through_row_id: int, now: datetime
) -> None:
    """Store a new version, counted up to a paper_row_id."""
    connection.execute(
        term_statistics.insert().values(
            version=statistics.version,
            space=SPACE,
            papers=statistics.papers,
            through_row_id=through_row_id,
            frequencies=statistics.to_bytes(),
            counted_at=now,
        )
    )


def is_in_another_space(connection: Connection) -> bool:
    """Return whether any stored version was counted in another term space."""
    query = select(term_statistics.c.version).where(term_statistics.c.space != SPACE).limit(1)
    return connection.execute(query).first() is not None


def delete_statistics(connection: Connection) -> None:
    """Delete every version of the document frequencies."""
    connection.execute(delete(term_statistics))


def delete_unused_statistics(connection: Connection) -> int:
    """Delete all versions but the newest that no profile was built with; return how many."""
    used = select(profiles.c.statistics_version)
    newest = select(func.max(term_statistics.c.version)).scalar_subquery()
    unused = delete(term_statistics).where(
        term_statistics.c.version.not_in(used), term_statistics.c.version != newest
    )
    return connection.execute(unused).rowcount


def outdated_profiles(connection: Connection, version: int, limit: int) -> list[int]:
    """Return subscribers whose profile was built with another version of the document frequencies."""
    query = select(profiles.c.subscriber_id).where(profiles.c.statistics_version != version).limit(limit)
    return list(connection.execute(query).scalars())


def unbuilt_profiles(connection: Connection, subscriber_ids: Collection[int]) -> list[int]:
    """Return those of these subscribers whose profile is still to be built, see `ProfileBuilder.defer`."""
    query = select(profiles.c.subscriber_id).where(
        one_of(profiles.c.subscriber_id, subscriber_ids),
        profiles.c.statistics_version == NO_PROFILE.statistics_version,
        profiles.c.vector == NO_PROFILE.to_bytes(),
    )
    return list(connection.execute(query).scalars())


def read_profiles(connection: Connection, subscriber_ids: Collection[int]) -> dict[int, Profile]:
    """Return the stored profiles by subscriber; subscribers without one, or with one to be built, are left out."""
    query = select(profiles.c.subscriber_id, profiles.c.vector).where(
        one_of(profiles.c.subscriber_id, subscriber_ids)
    )
    read = ((row.subscriber_id, Profile.from_bytes(row.vector)) for row in connection.execute(query))
    return {subscriber_id: profile for subscriber_id, profile in read if profile.interests}


def save_profiles(connection: Connection, built: Mapping[int, Profile], now: datetime) -> None:
    """Store or replace profiles by subscriber."""
    if not built:
        return
    statement = upsert(connection)(profiles)
    statement = statement.on_conflict_do_update(
        index_elements=["subscriber_id"],
        set_={name: statement.excluded[name] for name in ("vector", "statistics_version", "built_at")},
    )
    rows = [
        {
            "subscriber_id": subscriber_id,
            "vector": profile.to_bytes(),
            "statistics_version": profile.statistics_version,
            "built_at": now,
        }
        for subscriber_id, profile in built.items()
    ]
    connection.execute(statement, rows)


def delete_profiles(connection: Connection, subscriber_ids: Collection[int]) -> None:
    """Delete the profiles of subscribers who have no interests left."""
    connection.execute(delete(profiles).where(one_of(profiles.c.subscriber_id, subscriber_ids)))
