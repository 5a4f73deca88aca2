"""Requests of somebody who has only typed an address: for a subscription, or for a subscriber's links.

Neither the answer nor its time may show whether an address is a subscriber's. So a request is only stored, with one
statement for every address, and a background job processes it within seconds. It is deleted in the transaction
that plans its mail, so a crash neither loses nor repeats it.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from digest.domain.address import Address
from digest.domain.delivery import Kind
from digest.errors import StopRun
from digest.papers.identifiers import canonical_id
from digest.store import mail_requests as store
from digest.store import papers as paper_store
from digest.store.database import Conflict, Connection, Database
from digest.subscribers.addresses import parse_address
from digest.subscribers.consent import request_links, request_subscription
from digest.subscribers.import_export import application_from
from digest.subscribers.profiles import ProfileBuilder

_log = logging.getLogger(__name__)


def request_mail(
    database: Database,
    kind: Kind,
    address: Address,
    now: datetime,
    preferences: Mapping[str, Any] | None = None,
) -> None:
    """Store a request for a confirmation or for the links.

    `preferences` are those of a new subscriber, by the names of a `SubscriberRecord`; likes of papers that are not stored
    are ignored. Raises BadInput for an invalid one.
    """
    given = dict(preferences or {})
    for paper_id in application_from(**given, address=address.mailbox).likes:
        canonical_id(paper_id)
    with database.begin() as connection:
        store.add_request(connection, kind, address.mailbox, given, now)


def process_requests(
    database: Database,
    builder: ProfileBuilder,
    secret: bytes,
    now: datetime,
    is_stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Process all stored requests, each in its own transaction; return the number of mails planned.

    Safe in several processes at once. A request that fails is dropped and logged.
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
                store.delete_request(connection, request.id)
        except StopRun:
            raise
        except Conflict:
            # Another process adds the same address at this moment; the request is processed in the next run.
            continue
        except Exception:
            if request is None:
                raise
            _log.exception("a request for mail failed and is dropped")
            with database.begin() as connection:
                store.delete_request(connection, request.id)
    return planned


def _answer(
    connection: Connection,
    builder: ProfileBuilder,
    secret: bytes,
    request: store.StoredRequest,
    now: datetime,
) -> bool:
    if request.kind is Kind.LINKS:
        return request_links(connection, secret, parse_address(request.address), now) is not None
    application = application_from(**request.preferences, address=request.address)
    # Nobody has confirmed yet: a like must not make us fetch a paper.
    stored = paper_store.row_ids_of(connection, {canonical_id(one) for one in application.likes})
    application = replace(application, likes=tuple(stored))
    return request_subscription(connection, builder, secret, application, now) is not None


def delete_confirmation_counts(database: Database, now: datetime) -> None:
    """Delete the counts of confirmations that no limit needs any more."""
    with database.begin() as connection:
        store.delete_confirmation_counts(connection, now.date() - timedelta(days=1))
