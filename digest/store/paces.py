"""Queries about the sending rates (paces) of mail accounts."""

from sqlalchemy import Connection, select

from digest.domain.pace import Pace
from digest.store.mail_server_models import account_paces
from digest.store.papers import upsert


def find_pace(connection: Connection, account: str) -> Pace | None:
    """Return the pace of an account; None if its provider never asked to slow down."""
    query = select(
        account_paces.c.mails_per_second, account_paces.c.ceiling, account_paces.c.slowed_at
    ).where(account_paces.c.account == account)
    row = connection.execute(query).one_or_none()
    return Pace(*row) if row else None


def save_pace(connection: Connection, account: str, pace: Pace) -> None:
    """Store the pace of an account."""
    values = {
        "mails_per_second": pace.mails_per_second,
        "ceiling": pace.ceiling,
        "slowed_at": pace.slowed_at,
    }
    statement = upsert(connection)(account_paces).values(account=account, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["account"], set_=values))
