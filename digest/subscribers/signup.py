"""Signing up: checking applications, adding subscribers and confirming them."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from digest.domain.address import Address
from digest.domain.channel import ChannelAddress, is_channel_name
from digest.domain.delivery import Kind
from digest.domain.subscriber import (
    Interests,
    Layout,
    Schedule,
    Status,
    Subscriber,
    SuppressionEvent,
    Verdict,
    known_language,
)
from digest.errors import BadInput, NotFound
from digest.papers.identifiers import canonical_id
from digest.store import channels as channel_store
from digest.store import consents as consent_store
from digest.store import deliveries as ledger
from digest.store import feedback as feedback_store
from digest.store import papers as paper_store
from digest.store import subscribers as subscriber_store
from digest.store import suppressions as suppression_store
from digest.store.database import Conflict, Connection, Database
from digest.store.deliveries import NewDelivery
from digest.store.library_papers import LibraryPaper, save_library
from digest.store.pending_feedback import save_pending
from digest.store.suppressions import Entry
from digest.subscribers.addresses import address_hash, parse_address
from digest.subscribers.arrivals import plan_welcome
from digest.subscribers.profiles import ProfileBuilder
from digest.text.languages import DEFAULT, gettext, gettext_noop

CONSENT = "A digest of new papers by mail, until unsubscribed."
REFUSAL = "No more mail."
TAKEN_CHANNEL = gettext_noop(
    "This channel gets a digest already; use another one, or remove it where it is in use."
)
MOST_PAPERS = 50
_AGREED: tuple[Status, ...] = (Status.ACTIVE, Status.PAUSED)


def check_max_papers(count: int) -> None:
    """Raise BadInput unless the number of papers per mail is between 1 and MOST_PAPERS."""
    if not 1 <= count <= MOST_PAPERS:
        raise BadInput(
            gettext("A mail can hold 1 to %(most)s papers, not %(given)s.", most=MOST_PAPERS, given=count)
        )


@dataclass(frozen=True, slots=True)
class Application:
    """An application for the digest."""

    address: Address
    schedule: Schedule = field(default_factory=Schedule)
    max_papers: int = 10
    layout: Layout = Layout.FULL
    language: str = DEFAULT
    """The tag of the language of their mails and pages, in whatever case."""
    interests: Interests = field(default_factory=Interests)
    likes: tuple[str, ...] = ()
    """Ids of liked papers, in any form, stored or not."""
    dislikes: tuple[str, ...] = ()
    """Ids of disliked papers."""
    library: tuple[LibraryPaper, ...] = ()
    """Papers of their library that are not stored."""
    status: Status | None = None
    """The status in the installation they are imported from; None for a new subscriber. An import never restarts mail."""
    paused_until: date | None = None
    """The end of a pause in the installation they are imported from."""
    team: str | None = None
    """The team that they belong to; see `digest.subscribers.teams`."""
    channel: ChannelAddress | None = None
    """The chat channel that gets the digest; the address is its name then."""

    def __post_init__(self) -> None:
        """Raise BadInput for a number of papers out of range, and for an unknown language."""
        check_max_papers(self.max_papers)
        object.__setattr__(self, "language", known_language(self.language))

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """The verdicts by the canonical id of the paper; liked wins. Raises BadInput for an id that is none."""
        disliked = {canonical_id(paper): Verdict.LESS for paper in self.dislikes}
        return disliked | {canonical_id(paper): Verdict.MORE for paper in self.likes}

    def first_status(self, *, confirmed: bool) -> Status:
        """Return the first status: unsubscribed and suppressed are kept; unconfirmed subscribers have to confirm.

        A channel cannot confirm: its team added it.
        """
        if self.channel is not None:
            return self.status or Status.ACTIVE
        if self.status in {"unsubscribed", "suppressed"}:
            return self.status
        if self.status == "pending" or not confirmed:
            return Status.PENDING
        return self.status or Status.ACTIVE


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
    """Add a subscriber: active if `confirmed`, else pending with a confirmation mail planned.

    Raises BadInput for an address that is taken or suppressed. A liked paper that is not stored becomes pending
    feedback, see `digest.subscribers.pending_feedback`.
    """
    try:
        with database.begin() as connection:
            added = subscribe_many(
                connection, builder, secret, [application], now, confirmed=confirmed, how=how
            )
    except Conflict:
        # The same address signed up at the same moment.
        raise _taken(application.address) from None
    if isinstance(added[0], BadInput):
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
    defers_profiles: bool = False,
) -> list[Subscriber | BadInput]:
    """Add subscribers; return for each application the subscriber, or the BadInput that refuses it.

    With `confirmed`, they have consented already; otherwise confirmation mails are planned. With `defers_profiles`,
    their profiles are built later, see `ProfileBuilder.defer`.
    """
    results: list[Subscriber | BadInput] = []
    refusals = _Refusals(connection, secret, applications)
    accepted: list[tuple[int, Subscriber]] = []
    for application in applications:
        try:
            refusals.check(application)
        except BadInput as refusal:
            results.append(refusal)
            continue
        subscriber = _new_subscriber(application, now, confirmed=confirmed)
        accepted.append((len(results), subscriber))
        results.append(subscriber)
    subscriber_ids = subscriber_store.insert_subscribers(connection, [one for _, one in accepted])
    added = [applications[index] for index, _ in accepted]
    _save_papers(connection, subscriber_ids, added, now)
    _save_channels(connection, secret, subscriber_ids, added)
    stored: list[Subscriber] = []
    for subscriber_id, (index, subscriber) in zip(subscriber_ids, accepted, strict=True):
        results[index] = stored_one = replace(subscriber, id=subscriber_id)
        stored.append(stored_one)
    agreed = [one.id for one in stored if one.status in _AGREED and one.service is None]
    consent_store.record_consents(connection, agreed, CONSENT, how, now)
    asked = [one.id for one in stored if one.status == "pending"]
    ledger.plan(
        connection, Kind.CONFIRM, [NewDelivery(subscriber_id, now.date(), now) for subscriber_id in asked]
    )
    for one in stored:
        if one.status == "suppressed":
            suppression_store.suppress(connection, address_hash(one.address, secret), how, now)
    store_profiles = builder.defer if defers_profiles else builder.rebuild
    store_profiles(connection, subscriber_ids, now)
    return results


def replace_preferences(
    connection: Connection,
    builder: ProfileBuilder,
    pending: Subscriber,
    application: Application,
    now: datetime,
) -> None:
    """Give a subscriber who never confirmed the language of a later sign-up, and its preferences, if it has any."""
    if application == Application(application.address, language=application.language):
        subscriber_store.set_language(connection, pending.id, application.language)
        return
    changed = replace(
        pending,
        language=application.language,
        schedule=application.schedule,
        max_papers=application.max_papers,
        layout=application.layout,
        interests=application.interests,
    )
    subscriber_store.update_subscriber(connection, changed)
    for row_id, _ in feedback_store.read_feedback(connection, [pending.id]).get(pending.id, []):
        feedback_store.save_feedback(connection, pending.id, row_id, None, now)
    _save_papers(connection, [pending.id], [application], now)
    builder.rebuild(connection, [pending.id], now)


def _new_subscriber(application: Application, now: datetime, *, confirmed: bool) -> Subscriber:
    """Return the subscriber of an accepted application, who is not stored yet."""
    status = application.first_status(confirmed=confirmed)
    return Subscriber(
        id=0,
        key=secrets.token_hex(8),
        address=application.address.mailbox,
        status=status,
        schedule=application.schedule,
        max_papers=application.max_papers,
        layout=application.layout,
        language=application.language,
        created_at=now,
        interests=application.interests,
        confirmed_at=now if status in _AGREED else None,
        paused_until=application.paused_until if status == application.status else None,
        team=application.team,
        service=application.channel.service if application.channel else None,
    )


def _save_channels(
    connection: Connection, secret: bytes, subscriber_ids: Sequence[int], added: Sequence[Application]
) -> None:
    """Store the addresses of channels, apart from the subscribers."""
    channels = [
        (subscriber_id, one.channel.url, address_hash(one.channel.url, secret))
        for subscriber_id, one in zip(subscriber_ids, added, strict=True)
        if one.channel is not None
    ]
    channel_store.save_channels(connection, channels)


def _save_papers(
    connection: Connection,
    subscriber_ids: Sequence[int],
    applications: Sequence[Application],
    now: datetime,
) -> None:
    """Store verdicts and libraries; verdicts on papers that are not stored become pending."""
    rated: list[tuple[int, str, Verdict]] = []
    kept: list[tuple[int, LibraryPaper]] = []
    for subscriber_id, application in zip(subscriber_ids, applications, strict=True):
        rated += [(subscriber_id, paper_id, verdict) for paper_id, verdict in application.verdicts.items()]
        kept += [(subscriber_id, paper) for paper in application.library]
    save_library(connection, kept, now)
    stored_papers = paper_store.row_ids_of(connection, {paper_id for _, paper_id, _ in rated})
    known = [
        (subscriber_id, stored_papers[one], verdict)
        for subscriber_id, one, verdict in rated
        if one in stored_papers
    ]
    feedback_store.save_verdicts(connection, known, now)
    save_pending(connection, [one for one in rated if one[1] not in stored_papers], now)


class _Refusals:
    """Checks applications against the database, with one query for each kind of check."""

    def __init__(self, connection: Connection, secret: bytes, applications: Sequence[Application]) -> None:
        self._secret = secret
        addresses = [one.address for one in applications]
        self._taken = subscriber_store.taken_address_keys(connection, {one.key for one in addresses})
        channels = {address_hash(one.channel.url, secret) for one in applications if one.channel}
        self._channels = channel_store.stored_hashes(connection, channels)
        self._suppressed = suppression_store.suppressed(
            connection, {address_hash(one.mailbox, secret) for one in addresses}
        )

    def check(self, application: Application) -> None:
        """Raise BadInput for a refused application; its address is then taken for the next ones."""
        address = application.address
        if address.key in self._taken:
            raise _taken(address)
        is_suppressed = address_hash(address.mailbox, self._secret) in self._suppressed
        if is_suppressed and application.status != "suppressed":
            raise BadInput(
                f"{address.mailbox} is suppressed and gets no mail; "
                f"see: digest suppressions show {address.mailbox}"
            )
        _ = application.verdicts  # raises BadInput
        if application.channel is not None:
            fingerprint = address_hash(application.channel.url, self._secret)
            if fingerprint in self._channels:
                raise BadInput(gettext(TAKEN_CHANNEL))
            self._channels.add(fingerprint)
        self._taken.add(address.key)


def _taken(address: Address) -> BadInput:
    return BadInput(
        f"{address.mailbox} is already a subscriber; "
        f"change it with: digest subscribers edit {address.mailbox}"
    )


def confirm(database: Database, secret: bytes, address: str, now: datetime, how: str) -> Subscriber:
    """Make a pending subscriber active; others stay unchanged. Raises NotFound."""
    with database.begin() as connection:
        subscriber = find_subscriber(connection, address)
        if subscriber.status == "pending":
            subscriber_store.activate(connection, subscriber.id, now)
            plan_welcome(connection, subscriber, now)
            consent_store.record_consents(connection, [subscriber.id], CONSENT, how, now)
            if subscriber.confirmed_at is not None:
                log_event(connection, secret, subscriber, SuppressionEvent.RETURNED, how, now)
        return subscriber_store.find_by_ids(connection, [subscriber.id])[subscriber.id]


def log_event(
    connection: Connection,
    secret: bytes,
    subscriber: Subscriber,
    event: SuppressionEvent,
    reason: str,
    now: datetime,
) -> None:
    """Add an event to the suppression log, which is applied to restored backups."""
    fingerprint = address_hash(subscriber.address, secret)
    suppression_store.note(connection, Entry(fingerprint, event, reason, now))


def find_subscriber(connection: Connection, address: str) -> Subscriber:
    """Return the subscriber with this address, in any spelling, or the channel with this name.

    Raises BadInput for no address, or NotFound.
    """
    typed = address.strip()
    parsed = Address(typed, typed) if is_channel_name(typed) else parse_address(address)
    subscriber = subscriber_store.find_by_address_key(connection, parsed.key)
    if subscriber is None:
        raise NotFound(f"{parsed.typed} is not a subscriber; see: digest subscribers list")
    return subscriber
