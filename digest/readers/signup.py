"""How somebody becomes a reader: an address, a confirmation, and from then on digests."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from digest.errors import BadInput, NotFound
from digest.papers.identifiers import canonical_id
from digest.readers.addresses import address_hash, address_key, parse_address
from digest.readers.profiles import ProfileBuilder
from digest.readers.subscriber import Interests, Rhythm, Subscriber
from digest.store import deliveries as ledger
from digest.store import papers as paper_store
from digest.store import readers as store
from digest.store.database import Connection, Database
from digest.store.deliveries import NewDelivery

CONSENT = "A digest of new papers by mail, until unsubscribed."
MOST_PAPERS = 50


def check_max_papers(number: int) -> None:
    """Raise BadInput for a number of papers that no mail can hold."""
    if not 1 <= number <= MOST_PAPERS:
        raise BadInput(f"A mail can hold 1 to {MOST_PAPERS} papers, not {number}.")


@dataclass(frozen=True, slots=True)
class Application:
    """What somebody who wants the digest tells us."""

    address: str
    rhythm: Rhythm = field(default_factory=Rhythm)
    max_papers: int = 10
    interests: Interests = field(default_factory=Interests)
    likes: tuple[str, ...] = ()
    """Papers they want more of, by id in any form."""

    def __post_init__(self) -> None:
        """Refuse an impossible number of papers. Raises BadInput."""
        check_max_papers(self.max_papers)


def subscribe(
    database: Database,
    builder: ProfileBuilder,
    secret: bytes,
    application: Application,
    now: datetime,
    *,
    confirmed: bool,
    how: str,
) -> Subscriber:
    """Take somebody on: active at once if `confirmed`, else pending with a confirmation mail planned.

    Raises BadInput for a bad or taken address, or one that must not be written to; NotFound for a
    liked paper that is not stored.
    """
    with database.begin() as connection:
        added = subscribe_many(connection, builder, secret, [application], now, confirmed=confirmed, how=how)
    if isinstance(added[0], BadInput | NotFound):
        raise added[0]
    return added[0]


def subscribe_many(
    connection: Connection,
    builder: ProfileBuilder,
    secret: bytes,
    applications: Sequence[Application],
    now: datetime,
    *,
    confirmed: bool,
    how: str,
) -> list[Subscriber | BadInput | NotFound]:
    """Take on as many as can be; return for each the reader, or why not."""
    results: list[Subscriber | BadInput | NotFound] = []
    refusals = _Refusals(connection, secret, applications)
    accepted: list[tuple[int, Subscriber, list[int]]] = []
    for application in applications:
        try:
            address, likes = refusals.check(application)
        except (BadInput, NotFound) as refusal:
            results.append(refusal)
            continue
        subscriber = Subscriber(
            id=0,
            key=secrets.token_hex(8),
            address=address,
            status="active" if confirmed else "pending",
            rhythm=application.rhythm,
            max_papers=application.max_papers,
            created_at=now,
            interests=application.interests,
            confirmed_at=now if confirmed else None,
        )
        accepted.append((len(results), subscriber, likes))
        results.append(subscriber)
    keys = {one.address: address_key(one.address) for _, one, _ in accepted}
    numbers = store.insert_subscribers(connection, [one for _, one, _ in accepted], keys)
    store.save_verdicts(
        connection,
        [
            (number, paper, "more")
            for number, (_, _, likes) in zip(numbers, accepted, strict=True)
            for paper in likes
        ],
        now,
    )
    stored = store.find_by_numbers(connection, numbers)
    for number, (place, _, _) in zip(numbers, accepted, strict=True):
        results[place] = stored[number]
    if confirmed:
        store.record_consents(connection, numbers, CONSENT, how, now)
    else:
        ledger.plan(connection, "confirm", [NewDelivery(number, now.date(), now) for number in numbers])
    builder.rebuild(connection, numbers, now)
    return results


class _Refusals:
    """Why an application can not be taken, checked against the database with one query per kind."""

    def __init__(self, connection: Connection, secret: bytes, applications: Sequence[Application]) -> None:
        self._secret = secret
        addresses = [application.address.strip() for application in applications]
        self._taken = store.taken_address_keys(connection, {address_key(address) for address in addresses})
        self._suppressed = store.suppressed(connection, {address_hash(one, secret) for one in addresses})
        liked = {liked for application in applications for liked in application.likes}
        self._papers = paper_store.numbers_of(connection, {_known_form(one) for one in liked})

    def check(self, application: Application) -> tuple[str, list[int]]:
        """Return the address to write to and the row numbers of the liked papers, or raise."""
        address = parse_address(application.address)
        key = address_key(address)
        if key in self._taken:
            raise BadInput(
                f"{address} is a subscriber already; change it with: digest subscribers edit {address}"
            )
        if address_hash(address, self._secret) in self._suppressed:
            raise BadInput(f"{address} must not be written to: it refused our mail or asked for none.")
        likes = [self._number(liked) for liked in application.likes]
        self._taken.add(key)
        return address, list(dict.fromkeys(likes))

    def _number(self, liked: str) -> int:
        paper_id = canonical_id(liked)
        if paper_id not in self._papers:
            raise NotFound(f"There is no paper {paper_id} here; fetch or import it first.")
        return self._papers[paper_id]


def _known_form(text: str) -> str:
    try:
        return canonical_id(text)
    except BadInput:
        return text


def confirm(database: Database, address: str, now: datetime, how: str) -> Subscriber:
    """Make a pending reader active. Raises NotFound for a stranger; a confirmed reader stays as they are."""
    with database.begin() as connection:
        subscriber = find(connection, address)
        if subscriber.status == "pending":
            store.activate(connection, subscriber.id, now)
            store.record_consents(connection, [subscriber.id], CONSENT, how, now)
        return find(connection, address)


def find(connection: Connection, address: str) -> Subscriber:
    """Return the reader with this address, however it is spelled. Raises NotFound."""
    subscriber = store.find_by_address_key(connection, address_key(parse_address(address)))
    if subscriber is None:
        raise NotFound(f"{address.strip()} is no subscriber; see: digest subscribers list")
    return subscriber
