"""Queries about secrets that the installation generates."""

from sqlalchemy import Connection, select

from digest.store.models import secrets
from digest.store.papers import upsert


def secret(connection: Connection, name: str, fresh: str) -> str:
    """Return the stored secret of this name; the first call stores `fresh`."""
    statement = upsert(connection)(secrets).values(name=name, value=fresh)
    connection.execute(statement.on_conflict_do_nothing())
    stored: str = connection.execute(select(secrets.c.value).where(secrets.c.name == name)).scalar_one()
    return stored
