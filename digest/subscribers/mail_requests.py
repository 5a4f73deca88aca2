"""Requests that anybody can make with an address alone: for mail, or for a subscriber's links.

Nobody may learn from an answer, nor from the time it takes, whose address it was. So whoever takes a request
down only keeps it, with one statement whatever the address, and a background job deals with it within seconds.
A request is deleted in the transaction that plans its mail: after a crash it is neither lost nor answered twice.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from digest.domain.address import Address
from digest.errors import StopRun
from digest.store import mail_requests as store
from digest.store.database import Conflict, Connection, Database
from digest.subscribers.addresses import parse_address
from digest.subscribers.consent import request_links, request_subscription
from digest.subscribers.profiles import ProfileBuilder
from digest.subscribers.signup import Application

RequestKind = Literal["confirm", "links"]
_log = logging.getLogger(__name__)


def request_mail(database: Database, kind: RequestKind, address: Address, now: datetime) -> None:
    """Store a request."""
    with database.begin() as connection:
        store.add_request(connection, kind, address.mailbox, now)


def take_requests(
    database: Database,
    builder: ProfileBuilder,
    secret: bytes,
    now: datetime,
    is_stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Deal with all requests that wait, each in a transaction of its own; return how many mails are planned.

    May be called by many processes at once. A request that fails costs itself alone.
    """
    planned, last = 0, 0
    while not is_stopping():
        request = None
        try:
            with database.begin() as connection:
                request = store.next_request(connection, last)
                if request is None:
                    break
                last = request.id
                planned += _answer(connection, builder, secret, request, now)
                store.drop_request(connection, request.id)
        except StopRun:
            raise
        except Conflict:
            # Another process takes on the same address at this moment. This one waits for the next turn.
            continue
        except Exception:
            if request is None:
                raise
            _log.exception("a request for mail could not be dealt with and is dropped")
            with database.begin() as connection:
                store.drop_request(connection, request.id)
    return planned


def _answer(
    connection: Connection,
    builder: ProfileBuilder,
    secret: bytes,
    request: store.StoredRequest,
    now: datetime,
) -> bool:
    address = parse_address(request.address)
    if request.kind == "links":
        return request_links(connection, secret, address, now) is not None
    return request_subscription(connection, builder, secret, Application(address), now) is not None


def forget_confirmations(database: Database, now: datetime) -> None:
    """Delete the counts of confirmations that no limit asks for any more."""
    with database.begin() as connection:
        store.drop_confirmation_counts(connection, now.date() - timedelta(days=1))
